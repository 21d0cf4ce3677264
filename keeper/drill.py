"""The drill: a random second is restored, started and looked at, with its files and the newest dump. TOYBOX's image is
started on it, and all of it is thrown away.

Only this says that something is verified. Everything that is not certain ends it as a failure.
"""

import random
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keeper import (
    catalogue,
    copy,
    image,
    image_start,
    intact,
    marks,
    notes,
    restore,
    retention,
    scratch,
    status,
    uploads,
)
from keeper.catalogue import HOURS
from keeper.image import remove
from keeper.notes import Manifest
from keeper.places import ROLE, Places
from keeper.programs import FailedError, must, version_of
from keeper.refusal import Refusal
from keeper.scratch import Scratch

KEEPER = "keeper"
FOLDER = ".drill"
FETCHED = ".drill-copy"
"""Below restored/: what a drill restores, and the copy that it fetches. The next one deletes what a killed one left."""
THINNED = 3600
"""Seconds between two snapshots of files, beyond which an upload may have come and gone in between."""
AGAIN = "`toybox-keeper drill`, which tries another second."
FETCHING = "fetching the copy"
DATABASE, START, FILES = "restoring the database", "starting PostgreSQL on it", "restoring the files"
IMAGE, BOOT = "fetching TOYBOX's image", "starting TOYBOX on it"
GETTING_IT_BACK = (DATABASE, START, FILES, BOOT)
"""Steps that a real recovery takes, too. Their seconds together are the RTO, as far as the keeper goes. A new server
fetches the image itself, while the keeper restores."""
ROOM = 1 << 30
"""Bytes that a drill leaves free: WAL goes on arriving."""

Span = tuple[float, float]


@dataclass
class Steps:
    """The steps of a drill, with their seconds."""

    seconds: dict[str, float] = field(default_factory=dict)
    now: str = ""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Say that a step begins, and note how long it took."""
        with suppress(OSError):  # the operator who listened may have left
            print(f"drill: {name}", file=sys.stderr, flush=True)
        self.now, began = name, time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 3)


def drill(places: Places) -> Manifest:
    """Restore from what the keeper keeps, and return what was found. Raises Refusal."""
    return rehearse(places, places)


def drill_copy(places: Places) -> Manifest:
    """Restore from the copy in object storage alone, and return what was found. Raises Refusal."""
    folder = places.data / "restored" / FETCHED
    remove(folder)
    remove(folder.with_name(FOLDER))  # its room is wanted for the copy
    began = time.monotonic()
    try:
        folder.mkdir(mode=0o700)
        with copy.opened(places, folder=folder) as kept:
            fetched = round(time.monotonic() - began, 3)
            found = rehearse(places, kept)
    finally:
        remove(folder)
    return {
        **found,
        "steps": {FETCHING: fetched, **found["steps"]},
        "rto_seconds": round(fetched + found["rto_seconds"], 3),
    }


def rehearse(here: Places, kept: Places) -> Manifest:
    """Restore from `kept`, and compare with what the keeper `here` noted when it pulled. Raises Refusal."""
    work = here.data / "restored" / FOLDER
    remove(work)
    if kept is here:
        remove(work.with_name(FETCHED))
    steps = Steps()
    try:
        work.mkdir(mode=0o700)
        return rehearsed(here, kept, work, steps)
    except FailedError as error:
        raise Refusal(f"The drill ended while {steps.now}.", str(error), AGAIN) from None
    finally:
        remove(work)


def rehearsed(here: Places, kept: Places, work: Path, steps: Steps) -> Manifest:
    """Return what was found with everything restored into `work`."""
    web = image_start.load(here.etc)
    with steps.step("choosing a second"):
        snapshots = catalogue.snapshots(kept)
        runs = file_runs(here, snapshots)
        good = retention.whole(catalogue.backups(kept))
        stretches = reachable(here, kept, good, runs)
        moment = picked(stretches, random.SystemRandom().random())
        before, after = neighbours(snapshots, runs, moment)
        dump = chosen_dump(kept, here, max(runs.values()))
        require_room(here, image.room(here, web.image))
    with steps.step(DATABASE):
        restored = restore.restore_database(kept, notes.iso(moment), work / "database")
    way_out = f"`toybox-keeper list` shows what else there is. {AGAIN}"
    with ExitStack() as running:
        with steps.step(START):
            server = running.enter_context(scratch.started(here, work / "database", work / "socket", way_out))
        found = looked_at(here, kept, server, moment, steps)
        dump_rows = restored_dump(kept, server, dump, steps)
        with steps.step(FILES):
            files = restored_files(kept, after, work / "files", here.data / "mirror")
        with steps.step("looking for rows without a file"):
            undecided = rows_without_file(here, kept, server, (before, after), dump, runs)
        with steps.step(IMAGE):
            fetched = image.fetched(here, web.image)
        with steps.step(BOOT):
            image_start.require_healthy(here, web, fetched, server, work / "files", work / "boot")
    return {
        **found,
        "from": KEEPER if kept is here else "copy",
        "second": notes.iso(moment),
        "reachable": [{"from": notes.iso(since), "to": notes.iso(until)} for since, until in stretches],
        "backup": restored["backup"],
        "snapshot": str(after["id"]),
        "dump": dump["dump"],
        "dump_rows": dump_rows,
        "files": files,
        "rows_without_file": 0,
        "rows_undecided": undecided,
        "image": web.image,
        "steps": steps.seconds,
        "rto_seconds": round(sum(steps.seconds[step] for step in GETTING_IT_BACK), 3),
    }


# the choice


def reachable(here: Places, kept: Places, good: Sequence[retention.Backup], runs: Mapping[str, float]) -> list[Span]:
    """Return the stretches of time from which a drill chooses: of the last 14 days, without the holes in the WAL, with
    an acknowledged mark on both sides and a snapshot of the files after them. Raises Refusal if there is none."""
    known = marks.acknowledged(here)
    newest = status.newest_moment(kept, good)
    if not good or newest is None or not known or not runs:
        raise Refusal(
            "There is no full backup, no WAL, no mark or no snapshot of the files.",
            "A drill restores the database and its files, and compares them with what was acknowledged.",
            "`toybox-keeper status` shows which. `toybox-keeper run full` and `toybox-keeper run files` make them.",
        )
    since = max(good[-1].ended or 0, time.time() - retention.WINDOW, known[0] + marks.COMMITTED)
    until = min(newest, known[-1], max(runs.values()))
    gaps = [(restore.parse_time(gap["from"]), end_of(gap, until)) for gap in status.holes(kept, good)]
    found = outside(since, until - 0.001, gaps)
    if not found:
        raise Refusal(
            "There is no second yet between two marks, before a pull of the files.",
            f"The first is after {notes.iso(since)}, the last before {notes.iso(until)}.",
            "Wait for two minutes, then `toybox-keeper run files`, and the drill again.",
        )
    return found


def end_of(gap: Mapping[str, Any], until: float) -> float:
    """Return the end of a hole; `until` for one that has none yet. Pure."""
    return restore.parse_time(gap["to"]) if gap["to"] else until


def outside(since: float, until: float, gaps: Sequence[Span]) -> list[Span]:
    """Return what is left of [since, until] without the gaps. Pure."""
    left = [(since, until)]
    for begin, end in gaps:
        left = [
            part
            for low, high in left
            for part in ((low, min(high, begin - 0.001)), (max(low, end), high))
            if part[1] > part[0]
        ]
    return sorted({part for part in left if part[1] > part[0]})


def picked(stretches: Sequence[Span], dice: float) -> float:
    """Return the moment at share `dice` (from 0, below 1) of all stretches together, in whole milliseconds. Pure."""
    rest = dice * sum(high - low for low, high in stretches)
    for low, high in stretches:
        if rest <= high - low:
            return max(low, round((low + rest) * 1000) / 1000)
        rest -= high - low
    return stretches[-1][1]


def file_runs(here: Places, snapshots: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return {snapshot: when the pull began that it has}, of those that are there: every file of before that moment is
    in it."""
    told = [notes.read(file) or {} for file in here.manifests.glob("files-*.json")]
    began = {str(each["snapshot"]): float(each["started_at"]) for each in told if each.get("ok")}
    found = ((str(each["id"]), run_of(each, began)) for each in snapshots)
    return {snapshot: start for snapshot, start in found if start is not None}


def neighbours(
    snapshots: Sequence[dict[str, Any]], runs: Mapping[str, float], moment: float
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return (the last snapshot whose pull began before `moment`, the first whose pull began after it). Pure. Raises
    Refusal if there is none after it."""
    began = [(run_of(each, runs), each) for each in snapshots]
    known = [(start, each) for start, each in began if start is not None]
    before = max((pair for pair in known if pair[0] < moment), key=lambda pair: pair[0], default=None)
    after = min((pair for pair in known if pair[0] >= moment), key=lambda pair: pair[0], default=None)
    if after is None:
        raise Refusal(
            f"There is no snapshot of the files of after {notes.iso(moment)}.",
            "An upload of the seconds before may not be in an earlier one.",
            "`toybox-keeper run files`, then the drill again.",
        )
    return before[1] if before else None, after[1]


def run_of(snapshot: Mapping[str, Any], runs: Mapping[str, float]) -> float | None:
    """Return when the pull of a snapshot began; None if no manifest says so. A manifest may have its short id. Pure."""
    return next((began for each, began in runs.items() if str(snapshot["id"]).startswith(each)), None)


def chosen_dump(kept: Places, here: Places, pulled: float) -> Manifest:
    """Return the manifest of the newest dump that ended before the last pull of the files began. Raises Refusal."""
    there = {file.name for file in (kept.data / "dumps").glob("*.dump")}
    told = [notes.read(file) or {} for file in sorted(here.manifests.glob("dump-*.json"), reverse=True)]
    for each in told:
        if each.get("ok") and each["dump"] in there and each["started_at"] + each["seconds"] <= pulled:
            return each
    raise Refusal(
        "There is no dump with a pull of the files after it.",
        "Its rows would name uploads that no snapshot has yet.",
        "`toybox-keeper run dump`, then `toybox-keeper run files`, and the drill again.",
    )


def require_room(here: Places, for_the_image: int) -> None:
    """Raise Refusal unless the disk has room for two databases and the files, by the last manifests, and the image."""
    size = int((notes.record(here, "full") or {}).get("database_bytes", 0))
    volumes = (notes.record(here, "files") or {}).get("volumes", {})
    needed = 2 * size + sum(int(each["bytes"]) for each in volumes.values()) + for_the_image + ROOM
    free = shutil.disk_usage(here.data).free
    if free < needed:
        raise Refusal(
            f"{here.data} has {free / 1e9:.1f} GB free, and a drill needs {needed / 1e9:.1f}.",
            "A full disk would stop the WAL from arriving.",
            "Give the keeper a larger disk. Nothing that is kept is to be deleted for it.",
        )


# the look


def looked_at(here: Places, kept: Places, server: Scratch, moment: float, steps: Steps) -> Manifest:
    """Check the restored database, and return what it is."""
    with steps.step("looking at the database"):
        identifier = str(server.ask(ROLE, "SELECT to_json(system_identifier::text) FROM pg_control_system();"))
        require_cluster(here, identifier)
        there = server.ask(ROLE, "SELECT coalesce(json_agg(extract(epoch FROM at)), '[]') FROM mark;")
        last, first = marks.require_moment(there, marks.acknowledged(here), moment)
        rows = server.rows(kept.database)
    with steps.step("checking tables and indexes"):
        checking = server.words("pg_amcheck", "--all", "--install-missing", "--heapallindexed", "--parent-check")
        must("The check of tables and indexes", AGAIN, *checking, seconds=4 * HOURS)
    return {
        "system_identifier": identifier,
        "rows": rows,
        "mark_there": notes.iso(last),
        "mark_not_there": notes.iso(first),
        "versions": {
            "postgresql": str(server.ask(ROLE, "SELECT to_json(current_setting('server_version'));")),
            "barman": version_of("barman", "--version"),
            "restic": version_of("restic", "version"),
        },
    }


def require_cluster(here: Places, identifier: str) -> None:
    """Raise Refusal if the restored database is of another cluster than the one that is kept."""
    known = (notes.read(here.records / "source.json") or {}).get("system_identifier")
    if known != identifier:
        raise Refusal(
            f"The restored database is of cluster {identifier}, and the keeper keeps {known}.",
            "It is a backup of something else.",
            f"Look at {here.records}/source.json, and at what lies in {here.data}/barman.",
        )


def restored_dump(kept: Places, server: Scratch, dump: Manifest, steps: Steps) -> dict[str, int]:
    """Restore the dump into a database of its own, compare its rows with those that were counted in the very snapshot
    of the dump, and return them. Raises Refusal if they differ."""
    file = kept.data / "dumps" / str(dump["dump"])
    with steps.step("restoring the dump"):
        intact.require_as_written(file, dump)
        must("Making a database for the dump", AGAIN, *server.words("createdb", "--template=template0", DUMPED))
        restoring = server.words("pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", "--dbname", DUMPED)
        must(f"Restoring dump {file.name}", intact.ANOTHER_DUMP, *restoring, file, seconds=4 * HOURS)
        found = server.rows(DUMPED)
    if found != dump["rows"]:
        differ = sorted(name for name in {*found, *dump["rows"]} if found.get(name) != dump["rows"].get(name))
        raise Refusal(
            f"Dump {file.name} was restored with other rows: {', '.join(differ)}.",
            f"{differ[0]} has {found.get(differ[0])} rows, and had {dump['rows'].get(differ[0])} when it was dumped.",
            intact.ANOTHER_DUMP,
        )
    return found


DUMPED = "drill_dump"
"""The scratch server's database into which the dump goes."""


def restored_files(kept: Places, snapshot: Mapping[str, Any], target: Path, mirror: Path) -> dict[str, Any]:
    """Restore a snapshot whole, and return what each volume has. Raises Refusal unless every file that it lists is
    there with its size, and has the mirror's bytes."""
    identifier = str(snapshot["id"])
    older = "An older snapshot may be whole: `toybox-keeper list`, then `toybox-keeper restore-files … --at TIME`."
    restoring = catalogue.restic(kept, "restore", identifier, "--target", str(target), "--verify")
    must(f"Restoring snapshot {identifier[:8]}", older, *restoring, seconds=5 * HOURS)
    listed = uploads.listing(kept, identifier)
    there = {f"/{file.relative_to(target)}": file.lstat().st_size for file in target.rglob("*") if is_file(file)}
    if listed != there:
        differ = sorted(path for path in {*listed, *there} if listed.get(path) != there.get(path))
        raise Refusal(
            f"Snapshot {identifier[:8]} was restored with {len(differ)} other files than it lists: {differ[0]}.",
            "A file that is not as it is listed is lost.",
            older,
        )
    return {volume: uploads.compared(target / volume, mirror / volume) for volume in kept.volumes}


def is_file(path: Path) -> bool:
    """Return whether a path is a regular file."""
    return path.is_file() and not path.is_symlink()


def rows_without_file(
    here: Places,
    kept: Places,
    server: Scratch,
    around: tuple[dict[str, Any] | None, dict[str, Any]],
    dump: Manifest,
    runs: Mapping[str, float],
) -> int:
    """Raise Refusal if a row names a file that neither the snapshot before nor the one after its moment has.

    Snapshots lie close to the dump, which is new. Beside the second, retention may have thinned them: return how many
    of its rows cannot be decided for that reason.
    """
    ended = float(dump["started_at"]) + float(dump["seconds"])
    beside = neighbours(catalogue.snapshots(kept), runs, ended)
    undecided = 0
    for volume, columns in here.named_in:
        for name, (before, after) in ((DUMPED, beside), (kept.database, around)):
            paths = {path for each in (before, after) if each for path in uploads.listing(kept, str(each["id"]))}
            missing = uploads.without_file(server, name, volume, columns, uploads.names_in(paths, volume))
            if missing and name == kept.database and is_thinned(before, after, runs):
                undecided += len(missing)
            elif missing:
                raise Refusal(
                    f"{len(missing)} rows name a file that was not kept: {missing[0]}.",
                    "It was missing on the site, too, or it did not reach the keeper.",
                    f"Look for it on the source, in volume {volume}. `toybox-keeper list --path {volume}/PATH` shows"
                    " older snapshots that have it.",
                )
    return undecided


def is_thinned(before: Mapping[str, Any] | None, after: Mapping[str, Any], runs: Mapping[str, float]) -> bool:
    """Return whether two snapshots lie so far apart that a file may have come and gone between them. Pure."""
    return before is None or (run_of(after, runs) or 0) - (run_of(before, runs) or 0) > THINNED


def verify(places: Places, told: Manifest) -> None:
    """Note what retention spares from now on: what this drill restored. The copy has a retention of its own."""
    if told["from"] != KEEPER:
        return
    wanted = {"full": told["backup"], "files": told["snapshot"], "dump": told["dump"], "of": told["started"]}
    notes.write(places.records / "verified.json", wanted)
