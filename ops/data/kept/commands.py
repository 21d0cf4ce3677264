"""`toybox kept`."""

import json
from typing import Annotated

import typer

from ops.cloud import connect, opened
from ops.confirmation import confirm
from ops.data.kept import kept
from ops.restore_points import cinder
from ops.stack_option import Stack

app = typer.Typer(no_args_is_help=True, help="Former data volumes that were put aside: list, delete.")


@app.callback()
def kept_group() -> None:
    """List or delete the volumes that `toybox restore volume` and `toybox adopt` put aside."""


@app.command("list")
def list_command(stack: Stack, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List the kept volumes, the oldest first: size, price, why it was put aside, and what it held."""
    rows = kept.rows(cinder.volumes(connect(opened(stack))), stack)
    for line in [json.dumps(rows, indent=2)] if as_json else kept.told(rows, stack):
        typer.echo(line)


@app.command("delete")
def delete_command(volume: Annotated[str, typer.Argument(metavar="VOLUME_ID")], stack: Stack) -> None:
    """Delete one kept volume, for good. Asks for the volume's name, typed in full.

    Refuses a volume that was not put aside, that is attached, that any stack's state knows, that is another stack's, or
    that an unfinished command needs as its way back.
    """
    chosen = opened(stack)
    kept.Deletion(chosen, connect(chosen), typer.echo, confirm).run(volume)
