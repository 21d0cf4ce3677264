"""`toybox status`."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.stack_option import Stack
from ops.status.line import well
from ops.status.look import look
from ops.status.render import print_lines, status_json


def status_command(
    stack: Stack,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show a stack's status at a glance: in the cloud, inside the server and from outside. Exit with 1 if a line is
    red.

    The next command to type is below each red line. The status changes nothing.
    """
    found = look(stack, lambda: datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(status_json(stack, found.lines, found.newest, datetime.now(UTC)), indent=2))
    else:
        print_lines(found.lines)
    if not well(found.lines):
        raise typer.Exit(1)
