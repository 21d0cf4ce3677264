"""`toybox backup`: list, run, status. `toybox drill`."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console

from host.ssh import NoAnswerError
from keeper.jobs import JOBS
from ops import OpsError
from ops.backup import judge, proof, render
from ops.backup.asking import Keeper, answered, ask, followed, keeper_of
from ops.stack_option import StackOrDefault
from ops.status.line import Line, well
from ops.status.render import print_lines

app = typer.Typer(no_args_is_help=True, help="What the keeper keeps of production: list, run, status.")


class Source(StrEnum):
    """What is listed."""

    KEEPER = "keeper"
    COPY = "copy"


Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("list")
def list_command(
    stack: StackOrDefault = "keeper",
    path: Annotated[str, typer.Option(help="VOLUME/PATH: only snapshots of files that have it.")] = "",
    source: Annotated[Source, typer.Option("--from", help="What the keeper holds, or its copy.")] = Source.KEEPER,
    as_json: Json = False,
) -> None:
    """List what can be restored: the seconds of the database, full backups, snapshots of files, dumps.

    "verified" is said of what the signed record of the last drill names. The rest is received, and not verified.
    """
    if path and source is Source.COPY:
        raise OpsError("--path looks into the keeper's own snapshots. Leave it out, or leave --from copy out.")
    keeper = keeper_of(stack)
    told = answered(keeper, "list", "--from", source, *(["--path", path] if path else []))
    kind = "drill" if source is Source.KEEPER else "drill-copy"
    told = proof.with_verdicts(told, proof.proved_or_none(told.get(kind), keeper, kind, time.time()))
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    out = console()
    out.print(render.heading(told))
    out.print(render.listed_table(told))


@app.command("run")
def run_command(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"{', '.join(JOBS)}.")],
    stack: StackOrDefault = "keeper",
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


@app.command("verify")
def verify_command(
    identifier: Annotated[str, typer.Argument(metavar="[ID]", help="As `toybox backup list` has it.")] = "",
    stack: StackOrDefault = "keeper",
    as_json: Json = False,
) -> None:
    """Look whether one backup on the keeper is as it was written: the newest full one, or the one with this id.

    Nothing is restored, so it does not count as verified by this: `toybox drill` restores. It says what a drill proved.
    """
    keeper = keeper_of(stack)
    with waiting(f"looks at {identifier or 'the newest full backup'} on {keeper.address}"):
        told = answered(keeper, "verify", *([identifier] if identifier else []), seconds=None)
    record = proof.proved_or_none(answered(keeper, "list")["drill"], keeper, "drill", time.time())
    restored = proof.names(record, told["kind"], told["id"])
    if as_json:
        typer.echo(json.dumps({**told, "verified": restored}, indent=2))
        return
    console().print(render.intact_text(told, restored))


def drill_command(
    stack: StackOrDefault = "keeper",
    source: Annotated[Source, typer.Option("--from", help="What the keeper holds, or its copy.")] = Source.KEEPER,
    as_json: Json = False,
) -> None:
    """Restore a random second on the keeper, start it, look at it, and throw it away. Ends with 1 if it is doubtful.

    What it restored counts as verified. The machine signs the record, and the signature is checked here.
    """
    keeper = keeper_of(stack)
    with progress(f"drill of {keeper.keeps} on {keeper.address}") as say:
        told = followed(keeper, "drill", "--from", source, say=say)
    if not told["ok"]:
        if as_json:
            typer.echo(json.dumps(told, indent=2))
        raise OpsError(f"The drill failed. What was verified before stays so.\n{told['why']}")
    record = reread(keeper, told)
    if as_json:
        typer.echo(json.dumps(record, indent=2))
    else:
        console().print(render.proof_text(record))


def reread(keeper: Keeper, told: Mapping[str, Any]) -> proof.Record:
    """Return the drill's record as it lies on the keeper, with its signature checked by the pinned host key.

    Raises:
        OpsError: it proves nothing, or is not of the drill that has just ended.
    """
    kind = str(told["kind"])
    signed = answered(keeper, "list")[kind] or {"text": "", "signature": ""}
    try:
        record = proof.proved(signed, keeper, kind, time.time())
    except proof.UnprovedError as error:
        raise OpsError(
            f"The drill ended well, and its record proves nothing: {error}.\n"
            f'    Way out: {keeper.ssh} "systemctl status toybox-keeper-sign.path toybox-keeper-sign.service"'
        ) from None
    if record != told:
        raise OpsError(
            "The record on the keeper is not of this drill: another one ended meanwhile, or the disk keeps nothing.\n"
            f"    Way out: toybox backup status --stack {keeper.stack.name}"
        )
    return record


@app.command("status")
def status_command(stack: StackOrDefault = "keeper", as_json: Json = False) -> None:
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


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Yield a function that shows each step: in place on a terminal, line after line elsewhere."""
    if not sys.stderr.isatty():
        yield lambda line: typer.echo(line, err=True)
        return
    with Console(stderr=True).status(what) as shown:
        yield lambda line: shown.update(f"{what}: {line.removeprefix('drill: ')}")
