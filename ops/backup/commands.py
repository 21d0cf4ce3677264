"""`toybox backup`: list, run, status."""

import json
import sys
import time
from contextlib import nullcontext
from typing import Annotated, Any

import typer
from rich.console import Console

from host.ssh import NoAnswerError
from keeper.jobs import JOBS
from ops import OpsError
from ops.backup import judge, render
from ops.backup.asking import Keeper, answered, ask, keeper_of
from ops.status.line import Line, well
from ops.status.render import print_lines

app = typer.Typer(no_args_is_help=True, help="What the keeper keeps of production: list, run, status.")

Stack = Annotated[str, typer.Option("--stack", "-s", help="The keeper's stack.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("list")
def list_command(
    stack: Stack = "keeper",
    path: Annotated[str, typer.Option(help="VOLUME/PATH: only snapshots of files that have it.")] = "",
    as_json: Json = False,
) -> None:
    """List what can be restored: the seconds of the database, full backups, snapshots of files, dumps.

    "verified" is said of what was restored. The rest is received, and not verified.
    """
    told = answered(keeper_of(stack), "list", *(["--path", path] if path else []))
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    out = console()
    out.print(render.heading(told))
    out.print(render.listed_table(told))


@app.command("run")
def run_command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"{', '.join(JOBS)}.")],
    stack: Stack = "keeper",
    as_json: Json = False,
) -> None:
    """Run one of the keeper's jobs now, and wait for its end. Ends with 1 if it fails: what was kept stays."""
    if kind not in JOBS:
        raise OpsError(f"The keeper has no job {kind!r}, so nothing was run. Jobs: {', '.join(JOBS)}.")
    keeper = keeper_of(stack)
    with waiting(f"{kind} of {keeper.keeps} runs on {keeper.address}"):
        told = answered(keeper, "run", kind, seconds=None)  # the job itself is bounded
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        console().print(render.run_text(told), style="" if told["ok"] else "red")
    if not told["ok"]:
        raise typer.Exit(1)


@app.command("status")
def status_command(stack: Stack = "keeper", as_json: Json = False) -> None:
    """Say how fresh and how whole is what the keeper holds. Ends with 1 if a line is red.

    Under each red line stands the next command to type. Nothing is changed.
    """
    keeper = keeper_of(stack)
    lines = look(keeper)
    if as_json:
        typer.echo(json.dumps(render.status_json(stack, keeper.keeps, lines), indent=2))
    else:
        print_lines(lines)
    if not well(lines):
        raise typer.Exit(1)


def look(keeper: Keeper) -> list[Line]:
    """Return the lines of what the keeper says of itself, or of its silence."""
    began = time.time()
    try:
        told = ask(keeper, "status")
    except NoAnswerError as error:
        return judge.silent_lines(str(error), keeper)
    ended = time.time()
    # its clock was read between the two
    moment = min(max(float(told.get("now", ended)), began), ended)
    return judge.keeper_lines(told, keeper, moment)


def console() -> Console:
    """Return where tables go: a log, which has no width, gets them unbroken."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 220)


def waiting(what: str) -> Any:
    """Return a context in which a terminal shows what is waited for."""
    return Console(stderr=True).status(what) if sys.stderr.isatty() else nullcontext()
