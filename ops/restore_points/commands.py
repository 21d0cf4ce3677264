"""`toybox restore-points`: list, show, run, take."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from ops import OpsError
from ops.cloud import connect, declared, opened
from ops.data.volume.known import former_ids
from ops.restore_points import render, rounds, schedule
from ops.restore_points.drivers import data_volume, driver_for, find_data_volume, missing
from ops.restore_points.model import RestorePoint
from ops.stack_option import Stack

app = typer.Typer(no_args_is_help=True, help="What the data can be restored from: list, show, run, take.")

Json = Annotated[bool, typer.Option("--json", help="For programs.")]


WAY_OUT = {
    "conoha": "    Way out: if ConoHa has no outage, somebody may have cancelled the automatic backup: "
    'docs/restore-points.md, "The nights leave nothing".',
    "openstack": "    Way out: mend what failed, and run this again: it takes what is due.",
}


def console() -> Console:
    """Where tables go: a log, which has no width, gets them unbroken."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 220)


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


@app.command("list")
def list_command(
    stack: Stack,
    everything: Annotated[bool, typer.Option("--all", help="Of all volumes in the account.")] = False,
    as_json: Json = False,
) -> None:
    """List the restore points of the stack's data, the newest first: age, size, state, source.

    Those of former data volumes are among them, which a restore put aside, or which are gone: a ConoHa backup outlives
    its volume. With --all those of every volume in the account.
    """
    chosen = opened(stack)
    settings = declared(chosen)
    driver = driver_for(settings, connect(chosen))
    volumes, points = driver.volumes(), driver.list()
    volume = find_data_volume(settings, stack, volumes)
    if not everything:
        ours = former_ids(stack, volumes, points) | ({volume.id} if volume else set())
        if not ours:
            raise missing(settings, stack)
        points = [point for point in points if point.volume_id in ours]
    moment = now()
    if as_json:
        typer.echo(json.dumps(render.list_json(stack, volume, settings.snapshot_policy, points, moment), indent=2))
        return
    out = console()
    if points:
        of_others = any(volume is None or point.volume_id != volume.id for point in points)
        out.print(render.points_table(points, moment, volumes=everything or of_others))
    else:
        out.print("There is no restore point yet.")
    if volume is not None:
        of_it = [point for point in points if point.volume_id == volume.id]
        out.print(render.next_words(settings.snapshot_policy, of_it, moment), style="dim")


@app.command("show")
def show_command(
    restore_point: Annotated[str, typer.Argument(metavar="ID", help="As `toybox restore-points list` shows it.")],
    stack: Stack,
    as_json: Json = False,
) -> None:
    """Show one restore point, and how to write it as the origin of a volume."""
    chosen = opened(stack)
    points = driver_for(declared(chosen), connect(chosen)).list()
    point = found(points, restore_point, stack)
    moment = now()
    if as_json:
        typer.echo(json.dumps(render.point_json(point, moment), indent=2))
        return
    out = console()
    out.print(render.points_table([point], moment, volumes=True))
    out.print(
        f"As the origin of a new volume: {{source: {point.source}, id: {point.id}, size: {point.size}}}", style="dim"
    )


@app.command("run")
def run_command(stack: Stack, as_json: Json = False) -> None:
    """Take what is due, remove what is old, and report every volume. For a schedule outside the server, once a day.

    On ConoHa, which does both by itself, only the report. Ends with 1 if a volume that should have a fresh restore
    point has none, or if anything failed.
    """
    chosen = opened(stack)
    settings = declared(chosen)
    driver = driver_for(settings, connect(chosen))
    own = find_data_volume(settings, stack, driver.volumes())
    outcomes = rounds.run(driver, own, settings.snapshot_policy, now)
    gone = own is None and settings.snapshot_policy.schedule == "daily"
    ok = not gone and not any(outcome.missing or outcome.action == "failed" for outcome in outcomes)
    moment = now()
    if as_json:
        report = [render.outcome_json(outcome, moment) for outcome in outcomes]
        typer.echo(json.dumps({"stack": stack, "ok": ok, "dataVolumeMissing": gone, "volumes": report}, indent=2))
    else:
        out = console()
        out.print(render.rounds_table(outcomes))
        for outcome in outcomes:
            if outcome.missing:
                named = outcome.volume.name or outcome.volume.id
                out.print(f"{named} should have a restore point of the last 26 h, and has none.", style="red")
                out.print(WAY_OUT[driver.name])
        if gone:
            out.print(f"The data volume of stack {stack} is not in the cloud.", style="red")
    if not ok:
        raise typer.Exit(1)


@app.command("take")
def take_command(stack: Stack, as_json: Json = False) -> None:
    """Take a restore point of the stack's data volume now, whether one is due or not. ConoHa cannot do that."""
    chosen = opened(stack)
    settings = declared(chosen)
    driver = driver_for(settings, connect(chosen))
    volume = data_volume(settings, stack, driver.volumes())
    moment = now()
    point = driver.take(volume, schedule.name(volume.name or volume.id, moment))
    if as_json:
        typer.echo(json.dumps(render.point_json(point, now()), indent=2))
    else:
        console().print(f"[green]taken[/] {point.name}: {point.source} {point.id}, {point.size} GB")


def found(points: list[RestorePoint], wanted: str, stack: str) -> RestorePoint:
    """The restore point with this id. Raises OpsError if there is none."""
    for point in points:
        if point.id == wanted:
            return point
    raise OpsError(
        f"There is no restore point {wanted}.\n"
        f"    Way out: `toybox restore-points list --all --stack {stack}` lists those there are."
    )
