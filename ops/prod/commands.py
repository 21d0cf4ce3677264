"""`toybox prod`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.cloud import connect, opened
from ops.confirmation import confirm
from ops.prod.restore import Restore

app = typer.Typer(no_args_is_help=True, help="Prod's data: restore.")

STACK = "prod"


@app.callback()
def prod() -> None:
    """What is done with prod as a whole."""


@app.command()
def restore(
    wanted: Annotated[
        str, typer.Option("--from", metavar="ID", help="The restore point; see toybox restore-points list.")
    ],
) -> None:
    """Put prod back on a restore point, and keep its present data volume for a way back.

    Asks for the stack's name, typed in full. The server is shut down, and made again with a new data volume.
    Interrupted, it can be run again with the same id.
    """
    chosen = opened(STACK)
    Restore(chosen, connect(chosen), datetime.now(UTC), typer.echo, confirm).run(wanted)
