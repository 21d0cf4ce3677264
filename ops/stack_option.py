"""The `--stack` option, which all commands share."""

from typing import Annotated

import typer

HELP = "The stack: prod, staging, keeper ..."

OF_THE_SHELL = typer.Option("--stack", "-s", envvar="PULUMI_STACK", help=HELP)

Stack = Annotated[str, OF_THE_SHELL]
"""The stack of a command without a default. Without the option it is that of PULUMI_STACK."""

StackIfAny = Annotated[str | None, OF_THE_SHELL]
"""The same, for a command that also works without a stack."""

StackOrDefault = Annotated[str, typer.Option("--stack", "-s", help=HELP)]
"""The stack of a command with a default. PULUMI_STACK has no say: a shell of prod must not turn the target of
`toybox restore database` from staging to prod."""
