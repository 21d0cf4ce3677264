"""`toybox recover`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.cloud import connect, declared, opened
from ops.confirmation import confirm
from ops.data.recover.recover import Recover
from ops.data.restore.commands import From
from ops.stack_option import Stack


def recover(
    stack: Stack,
    to: Annotated[str, typer.Option("--to", metavar="TIME", help="'2026-01-22 20:49:00 JST', or latest.")] = "latest",
    from_: From = "keeper",
) -> None:
    """Bring a production back that is gone: server, data volume, state, or the whole account.

    From git, the passphrase and the keeper alone, in a project that has nothing of it. Refused while production still
    runs anywhere, or its data volume is there. Asks for the stack's name, typed in full. Interrupted, run it again.
    """
    chosen = opened(stack)
    declared(chosen)  # settings that do not exist fail here, before anything is made of them
    chosen.settings()  # makes the stack where its state was lost; Pulumi gives the cloud's password only then
    Recover(chosen, connect(chosen), datetime.now(UTC), typer.echo, confirm).run(to, from_)
