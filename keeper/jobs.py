"""The jobs that timers run. Each says in a manifest what it found, and why if it failed."""

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from keeper import catalogue, copies, copy, database, drill, marks, mirror, notes, receiver, signature, wal
from keeper.locks import alone
from keeper.notes import Manifest
from keeper.places import ROLE, Places, require_disk
from keeper.programs import FailedError, must, version_of
from keeper.refusal import Refusal

HOURS = 3600
WAIT = 4 * HOURS
"""Seconds that a job waits for another one to end."""
FIVE_SECONDS = 5
UNKNOWN = float("inf")
"""Seconds between two clocks of which one was not read."""

HEAVY = ("full", "files", "dump", "drill", "drill-copy")
"""Jobs that read or write much: one at a time."""
PATIENT = (*HEAVY, "copy")
"""Jobs that wait until another one of their kind ends."""


def versions(told: dict[str, Any]) -> dict[str, str]:
    """Return the versions that a manifest notes."""
    return {
        "postgresql": str(told["version"]),
        "barman": version_of("barman", "--version"),
        "restic": version_of("restic", "version"),
    }


def source_facts(places: Places) -> dict[str, Any]:
    """Return the source's facts, if it is the cluster that is kept. `clock_ahead` is by how many seconds the keeper's
    clock is ahead of the source's. Raises Refusal."""
    told = database.facts(places)
    told["clock_ahead"] = round(time.time() - float(told["clock"]), 3)
    notes.refuse_another_cluster(places, str(told["system_identifier"]))
    if told["major"] != places.major:
        raise Refusal(
            f"The source runs PostgreSQL {told['major']}, and the keeper is set up for {places.major}.",
            "A backup can only be restored by the version that it was taken from.",
            "Run `pulumi up --stack keeper` with the checkout that the source was updated with.",
        )
    return told


def await_receiver(places: Places, seconds: float = 60) -> dict[str, Any]:
    """Return the source's facts once its WAL arrives, as Barman wants it; after `seconds` whatever they are.
    A backup that is wanted because the stream began anew starts in the same moment as that."""
    end = time.monotonic() + seconds
    while True:
        told = source_facts(places)
        if told["receiver"] or time.monotonic() >= end:
            return told
        time.sleep(1)


def require_clock(told: Mapping[str, Any]) -> None:
    """Raise Refusal unless the keeper's clock and the source's agree. `told` are the source's facts.

    Seen on the lab with a clock a year back: Barman took the new full backup for the first one, and deleted the WAL
    that every other one needs.
    """
    ahead = float(told["clock_ahead"])
    if not database.clocks_agree(ahead):
        side = "ahead of" if ahead > 0 else "behind"
        raise Refusal(
            f"The keeper's clock is {abs(ahead):,.0f} s {side} the source's.",
            "Barman takes the backup with the oldest name for the first, and deletes the WAL before it.",
            "`timedatectl` on both, and correct the clock that is wrong. WAL goes on arriving meanwhile.",
        )


def full(places: Places) -> Manifest:
    """Take a full backup of the database, then let expired ones go."""
    told = await_receiver(places)
    require_clock(told)
    last = notes.record(places, "full") or {}
    notes.refuse_smaller(places, "full", "database (bytes)", int(told["bytes"]), int(last.get("database_bytes", 0)))
    backup = catalogue.take_backup(places)
    known = catalogue.details(places, backup)["base_backup_information"]
    counted = database.rows(places)
    mark = database.newest_mark(places)
    found = {
        "system_identifier": told["system_identifier"],
        "backup": backup,
        "begin_wal": known["begin_wal"],
        "end_wal": known["end_wal"],
        "backup_bytes": int(known["disk_usage_bytes"]),
        "database_bytes": int(told["bytes"]),
        "rows": counted,
        "newest_mark": mark["at"],
        "versions": versions(told),
        "clock_ahead": told["clock_ahead"],
    }
    (places.records / receiver.WANTED).unlink(missing_ok=True)
    if not known["disk_usage_bytes"] > told["bytes"] / 2:
        raise Refusal(
            f"Backup {backup} has {known['disk_usage_bytes']:,} bytes, and the database {told['bytes']:,}.",
            "It cannot be whole.",
            f"`barman --config {places.etc}/barman.conf show-backup {places.source} {backup}`, on the keeper.",
        )
    return found


def prune_full(places: Places) -> dict[str, Any]:
    """Let expired full backups go."""
    with alone(places, "retention", HOURS):
        return {"removed": list(catalogue.drop_expired_backups(places, time.time()))}


def files(places: Places) -> Manifest:
    """Pull the files and take a snapshot of them.

    The repository is made once there is something to keep: the timer of a new keeper, which pulls from nothing yet,
    would leave an empty one where a copy is to come back, and `restore-copy` would refuse the disk.
    """
    there = catalogue.has_repository(places)
    if there:
        catalogue.unlock(places)
    volumes = mirror.refresh(places)
    if not there:
        catalogue.make_repository(places)
    summary = catalogue.take_snapshot(places, places.volumes)
    return {
        "snapshot": summary["snapshot_id"],
        "added_bytes": summary.get("data_added"),
        "volumes": volumes,
        "versions": {"restic": version_of("restic", "version")},
    }


def prune_files(places: Places) -> dict[str, Any]:
    """Let expired snapshots go."""
    with alone(places, "retention", HOURS):
        removed = catalogue.drop_expired_snapshots(places)
        return {"removed": removed, "pruned": catalogue.free_space(places, time.time())}


def dump(places: Places) -> Manifest:
    """Dump the database in custom format, with the rows of exactly that moment in the manifest."""
    told = source_facts(places)
    require_clock(told)
    last = notes.record(places, "dump") or {}
    notes.refuse_smaller(places, "dump", "database (bytes)", int(told["bytes"]), int(last.get("database_bytes", 0)))
    folder = places.data / "dumps"
    for left in folder.glob(".*.dump"):  # of a run that was killed
        left.unlink()
    name = f"{places.database}-{notes.stamp(time.time())}.dump"
    unfinished = folder / f".{name}"
    try:
        with database.Session(places, places.database) as session:
            session.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            snapshot = str(session.ask("SELECT to_json(pg_export_snapshot())"))
            must(
                "The dump",
                "`systemctl status toybox-keeper-tunnel`, on the keeper.",
                places.programs / "pg_dump",
                *("--format=custom", "--no-password", f"--snapshot={snapshot}", f"--file={unfinished}"),
                f"--dbname={places.conninfo(places.database)}",
                seconds=5 * HOURS,
            )
            counted: dict[str, int] = session.ask(database.ROWS)
        require_whole_dump(places, unfinished, counted)
        size = unfinished.stat().st_size
        notes.refuse_smaller(places, "dump", "dump (bytes)", size, int(last.get("bytes", 0)))
        with unfinished.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        sync(unfinished)
        unfinished.rename(folder / name)
    finally:
        unfinished.unlink(missing_ok=True)
    return {
        "system_identifier": told["system_identifier"],
        "dump": name,
        "bytes": size,
        "sha256": digest,
        "database_bytes": int(told["bytes"]),
        "rows": counted,
        "newest_mark": database.newest_mark(places)["at"],
        "versions": versions(told),
        "clock_ahead": told["clock_ahead"],
    }


def require_whole_dump(places: Places, file: Path, counted: dict[str, int]) -> None:
    """Raise Refusal unless pg_restore reads the dump's list and finds the data of each table in it."""
    again = "`toybox-keeper run dump`, which makes another one."
    listed = must("Reading the dump", again, places.programs / "pg_restore", "--list", file)
    tables = listed.count(" TABLE DATA ")
    if tables < len(counted):
        raise Refusal(
            f"The dump has the data of {tables} tables, and the database has {len(counted)}.",
            "A dump that lacks a table is no copy.",
            again,
        )


def prune_dump(places: Places) -> dict[str, Any]:
    """Let expired dumps go."""
    return {"removed": catalogue.drop_expired_dumps(places)}


def prune_copy(places: Places) -> dict[str, Any]:
    """Let expired copies go."""
    return {"removed": copies.drop_expired(places)}


def sync(file: Path) -> None:
    """Bring a file's content to the disk."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def mark(places: Places) -> Manifest:
    """Write a row with the source's time into the keeper's table there, and remove rows older than 30 days. Start a
    stream of WAL again that cannot go on."""
    told = source_facts(places)
    with database.Session(places, ROLE) as session:
        made = session.ask(database.MARK)
        marks.note(places, float(made["seconds"]))
        if database.clocks_agree(told["clock_ahead"]):
            session.ask(database.PRUNE_MARKS)
            marks.prune(places)
    if why := receiver.broken_off(places, told):
        receiver.start_again(places, why)
        raise Refusal(
            f"The stream of WAL broke off: {why}.",
            "The seconds from there to the next full backup cannot be restored. Everything before stays.",
            "Nothing is to be done: a new stream has begun, and a full backup is started.",
        )
    receiver.want_full_of_new_timeline(places, told)
    return {"newest_mark": made["at"], "slot": told["slot"], "clock_ahead": told["clock_ahead"]}


def archive(places: Places) -> Manifest:
    """Sort the segments that were received into Barman's catalogue."""
    must("Archiving WAL", catalogue.LOOK_AT_BARMAN, *catalogue.barman(places, "archive-wal", places.source))
    waiting = wal.unarchived(places)
    return {"unfinished": max(waiting, default=None), "archived": max(wal.archived(places), default=None)}


JOBS: dict[str, Callable[[Places], Manifest]] = {
    "full": full,
    "files": files,
    "dump": dump,
    "drill": drill.drill,
    "drill-copy": drill.drill_copy,
    "mark": mark,
    "archive": archive,
    "copy": copy.copy,
}
PRUNE: dict[str, Callable[[Places], dict[str, Any]]] = {
    "full": prune_full,
    "files": prune_files,
    "dump": prune_dump,
    "copy": prune_copy,
}
"""What runs after a success, and never after a failure."""
SIGNED = ("drill", "drill-copy")
"""Jobs whose manifest the machine signs. A failure to sign it is theirs."""


def run_job(places: Places, kind: str) -> Manifest:
    """Run one job, write its manifest and return it. Its `ok` says how it ended.

    Raises:
        Refusal: the disk is not there, or another job does not end: there is no place for a manifest.
    """
    require_disk(places.data)
    with alone(places, "heavy" if kind in HEAVY else kind, WAIT if kind in PATIENT else FIVE_SECONDS):
        began = time.time()
        try:
            found = JOBS[kind](places)
            told = notes.manifest(kind, places.source, began, time.time(), **found)
            signed = signature.sign(places, notes.rendered(told)) if kind in SIGNED else ""
        except (Refusal, FailedError, OSError, ValueError, KeyError) as error:
            why = str(error) if isinstance(error, Refusal) else f"{type(error).__name__}: {error}"
            failed = notes.manifest(kind, places.source, began, time.time(), why=why)
            notes.keep(places, failed)
            return failed
        notes.keep(places, told, signed)
        if kind in SIGNED:
            drill.verify(places, told)
        if kind in PRUNE:
            told |= {"retention": retention(places, kind, found)}
            notes.keep(places, told)
            notes.prune(places, time.time())
        return told


def retention(places: Places, kind: str, found: dict[str, Any]) -> dict[str, Any]:
    """Let go what has expired, and return what that was, or why nothing was."""
    ahead = float(found.get("clock_ahead", last_known_clock(places)))
    if not database.clocks_agree(ahead):
        differ = "the source's clock was not read" if ahead == UNKNOWN else f"the clocks differ by {ahead:.0f} s"
        return {"skipped": f"{differ}, so no age is certain"}
    try:
        return PRUNE[kind](places)
    except Refusal as refusal:
        return {"skipped": str(refusal)}


def last_known_clock(places: Places) -> float:
    """Return how far the keeper's clock was ahead of the source's by the newest mark; UNKNOWN if that is older than two
    hours, because the keeper's clock may have been set since."""
    told = notes.record(places, "mark")
    if told is None or abs(time.time() - float(told["started_at"])) > 2 * HOURS:
        return UNKNOWN
    return float(told["clock_ahead"])
