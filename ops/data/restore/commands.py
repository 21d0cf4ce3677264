"""`toybox restore`."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from ops.cloud import connect, opened
from ops.confirmation import confirm
from ops.data.restore.database import RestoreDatabase
from ops.data.restore.files import RestoreFiles
from ops.data.restore.volume import RestoreVolume
from ops.stack_option import StackOrDefault

app = typer.Typer(no_args_is_help=True, help="Earlier data, back into a stack: volume, database, files.")

From = Annotated[Literal["keeper", "copy"], typer.Option("--from", help="The keeper, or its copy in object storage.")]


@app.callback()
def restore() -> None:
    """Bring earlier data back into a stack: from a restore point, or from the keeper."""


@app.command("volume")
def volume_command(
    wanted: Annotated[
        str, typer.Option("--from", metavar="ID", help="The restore point; see toybox restore-points list.")
    ],
    stack: StackOrDefault = "prod",
) -> None:
    """Put a production on a restore point, and keep its present data volume for a way back.

    Asks for the stack's name, typed in full. The server is shut down, and made again with a new data volume.
    Interrupted, it can be run again with the same id.
    """
    chosen = opened(stack)
    RestoreVolume(chosen, connect(chosen), datetime.now(UTC), typer.echo, confirm).run(wanted)


@app.command("database")
def database_command(
    to: Annotated[str, typer.Option("--to", metavar="TIME", help="'2026-01-22 20:49:00 JST', or latest.")],
    stack: StackOrDefault = "staging",
    from_: From = "keeper",
) -> None:
    """Put a stack on the database as it was at a second, with the files of then.

    Staging is scrubbed before any application container starts, and what it held is deleted. For prod it asks for the
    stack's name, typed in full, and keeps the present data volume for a way back. Interrupted, it can be run again.
    """
    chosen = opened(stack)
    RestoreDatabase(chosen, connect(chosen), datetime.now(UTC), typer.echo, confirm).run(to, from_)


@app.command("files")
def files_command(
    volume: Annotated[str, typer.Argument(metavar="VOLUME", help="media, caddy-data.")],
    path: Annotated[str | None, typer.Argument(metavar="PATH", help="One file or folder in it.")] = None,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="The newest snapshot that is not later.")] = "latest",
    stack: StackOrDefault = "prod",
    from_: From = "keeper",
) -> None:
    """Put a volume's files back, or one of them, into the running stack.

    What is there is never written over: it is kept beside, under a name that says so. For a production it asks for the
    stack's name, typed in full.
    """
    RestoreFiles(opened(stack), datetime.now(UTC), typer.echo, confirm).run(volume, path, at, from_)
