"""How the keeper is: facts, and what is wrong with them. It judges by what is kept, and not by what jobs said."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from keeper import catalogue, copies, notes, receiver, restore, retention, wal
from keeper.database import CLOCKS_MAY_DIFFER
from keeper.places import Places, require_disk
from keeper.programs import FailedError, run
from keeper.refusal import Refusal
from keeper.retention import Backup

FRESH = {
    "wal": 120,
    "full": 26 * 3600,
    "files": 3600,
    "dump": 26 * 3600,
    "copy": 26 * 3600,
    "drill": 8 * 86400,
    "drill-copy": 8 * 86400,
}
"""Seconds after which what is kept counts as old."""
ROOM = 0.1
"""Of the keeper's disk, that has to be free."""

FIRST_DRILL = 86400
"""Seconds after the first full backup, within which there need not have been a drill."""
FIRST_RUN = 1800
"""Seconds in which a job's first run may be under way before its absence counts."""

UNITS = (
    "toybox-keeper-tunnel.service",
    "toybox-keeper-wal.service",
    "toybox-keeper-full.path",
    "toybox-keeper-sign.path",
)
TIMERS = tuple(f"toybox-keeper-{kind}.timer" for kind in ("mark", "archive", "full", "files", "dump", "drill"))
DRILLS = ("drill", "drill-copy")
RUNS = ("full", "files", "dump", "copy", *DRILLS)
"""Jobs that keep or prove something, and take their time."""

COPY_TIMERS = ("toybox-keeper-copy.timer", "toybox-keeper-drill-copy.timer")
"""Where a copy is declared."""

Facts = dict[str, Any]


def unit_states(places: Places) -> dict[str, str]:
    """Return {unit: its ActiveState}."""
    names = (*UNITS, *TIMERS, *(COPY_TIMERS if places.copy else ()))
    try:
        said = run("systemctl", "is-active", *names, accepted=(0, 3)).split()
    except FailedError:
        said = []
    return dict(zip(names, said, strict=False)) if len(said) == len(names) else dict.fromkeys(names, "unknown")


def runs_since() -> dict[str, float]:
    """Return {job: when its run began} of those in RUNS that run now, by systemd."""
    asked = [f"toybox-keeper-{kind}.service" for kind in RUNS]
    wanted = "--property=ActiveState,SubState,InactiveExitTimestamp"
    try:
        said = run("systemctl", "show", "--timestamp=unix", wanted, *asked)
    except FailedError:
        return {}
    return running(said)


def running(said: str) -> dict[str, float]:
    """Return {job: when its run began} by what systemd shows of the services of RUNS, a paragraph each. One that failed
    and waits for its next try does not run. Pure."""
    found = {}
    for kind, told in zip(RUNS, said.strip().split("\n\n"), strict=False):
        state = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
        began = state.get("InactiveExitTimestamp", "").removeprefix("@")
        if state.get("ActiveState") == "activating" and state.get("SubState") == "start" and began.isdigit():
            found[kind] = float(began)
    return found


def next_run(kind: str) -> float | None:
    """Return when systemd starts a job next, in seconds since 1970; None if that is not known."""
    try:
        said = json.loads(run("systemctl", "list-timers", "--output=json", f"toybox-keeper-{kind}.timer"))
        return float(said[0]["next"]) / 1e6
    except (FailedError, ValueError, LookupError, TypeError):
        return None


def first_run(told: Mapping[str, Any], kind: str) -> float | None:
    """Return for how many seconds the first run of a job has been under way; None if none is, or for too long. Nothing
    of the database can be had before the first full backup, its WAL neither. Pure."""
    began = told.get("running", {}).get("full" if kind == "wal" else kind)
    if told[kind]["newest"] is not None or began is None or not 0 <= told["now"] - began < FIRST_RUN:
        return None
    return float(told["now"] - began)


def drill_is_due(told: Mapping[str, Any]) -> bool:
    """Return whether there should have been a drill by now: a day after the first full backup. Pure."""
    oldest = told["full"].get("oldest")
    return oldest is not None and told["now"] - oldest > FIRST_DRILL


def job(places: Places, kind: str) -> Facts:
    """Return a job's last success and its last failure since then, from their manifests."""
    succeeded, last = notes.record(places, kind), notes.newest(places, kind)
    found: Facts = {"last_success": succeeded}
    if last and not last["ok"]:
        found["failed"] = {"started": last["started"], "why": last["why"]}
    return found


def drilled(places: Places, kind: str) -> Facts:
    """Return when a drill succeeded last, and its signed record."""
    return {
        "newest": (notes.record(places, kind) or {}).get("started_at"),
        "next": next_run(kind),
        "signed": notes.signed(places, kind),
        **job(places, kind),
    }


def copy(places: Places) -> Facts | None:
    """Return how fresh the copy in object storage is; None where none is declared. A storage that does not say is a
    failure of now."""
    if places.copy is None:
        return None
    found: Facts = {"newest": None, **job(places, "copy")}
    try:
        return {**found, "newest": copies.newest(places)}
    except Refusal as refusal:
        return {**found, "failed": {"started": notes.iso(time.time()), "why": str(refusal)}}


def newest_moment(places: Places, backups: Sequence[Backup]) -> float | None:
    """Return the newest moment that can be had: the newest commit's, or the end of the newest full backup after which
    nothing was committed. None without a full backup: WAL alone restores to nothing."""
    if not backups:
        return None
    newest = wal.newest_commit(places)
    return newest[0] if newest else backups[0].ended


def vanished(places: Places, good: Sequence[Backup]) -> list[str]:
    """Return the segments of WAL that were received and are gone, the first of each hole. Raises Refusal.

    Two looks have to agree: a segment that is being archived meanwhile is in neither folder.
    """
    if not good:
        return []
    begin = catalogue.first_segment(places, good[-1].id)
    looks = ({**wal.archived(places), **wal.unarchived(places)} for _ in range(2))
    first, second = (set(wal.vanished(segments, begin)) for segments in looks)
    return sorted(first & second)


def first_end_after(places: Places, good: Sequence[Backup], last: str, since: float) -> float | None:
    """Return when the oldest full backup ended that begins after segment `last`, whose last commit is of `since`; None
    without one. Raises Refusal.

    Times alone do not tell: on a quiet source a backup of before the hole may have ended after its last commit.
    """
    later = (backup for backup in reversed(good) if (backup.ended or 0) > since)
    return next((backup.ended for backup in later if catalogue.first_segment(places, backup.id) > last), None)


def holes(places: Places, good: Sequence[Backup]) -> list[Facts]:
    """Return the times that cannot be had because WAL between them is missing: after the last commit before each hole,
    and before the first full backup after it. `good` are the whole backups, the newest first. Raises Refusal."""
    if not good:
        return []
    begin = catalogue.first_segment(places, good[-1].id)
    segments = {**wal.archived(places), **wal.unarchived(places)}
    timelines = sorted({name[:8] for name in segments if name >= begin})
    found = []
    for timeline in timelines:
        first = max(begin, min(name for name in segments if name[:8] == timeline))
        ends = wal.ends_before_holes(segments, first)
        if timeline != timelines[-1]:  # the source was recovered; up to its next full backup nothing can be had
            ends.append(max(name for name in segments if name[:8] == timeline))
        for last in ends:
            before = wal.newest_commit_of(places, {name: segments[name] for name in segments if first <= name <= last})
            since = before[0] if before else good[-1].ended or 0
            until = first_end_after(places, good, last, since)
            found.append({"from": notes.iso(since), "to": notes.iso(until) if until is not None else None})
    return found


def facts(places: Places) -> Facts:
    """Return everything that `problems` judges. Raises Refusal if nothing can be looked at."""
    require_disk(places.disk)
    backups = retention.whole(catalogue.backups(places))
    moment = newest_moment(places, backups)
    snapshots = catalogue.snapshots(places)
    disk = os.statvfs(places.data)
    dumps = sorted(file.name for file in (places.data / "dumps").glob("*.dump"))
    source = notes.read(places.records / "source.json") or {}
    return {
        "source": places.source,
        "kept_source": source.get("source"),
        "system_identifier": source.get("system_identifier"),
        "now": time.time(),
        "wal": {"newest": moment},
        "vanished": vanished(places, backups),
        "full": {
            "newest": backups[0].ended if backups else None,
            "oldest": backups[-1].ended if backups else None,
            **job(places, "full"),
        },
        "files": {"newest": restore.snapshot_time(snapshots[0]) if snapshots else None, **job(places, "files")},
        "dump": {
            "newest": (notes.record(places, "dump") or {}).get("started_at") if dumps else None,
            **job(places, "dump"),
        },
        "drill": drilled(places, "drill"),
        "drill-copy": drilled(places, "drill-copy") if places.copy else None,
        "running": runs_since(),
        "copy": copy(places),
        "wanted": notes.read(places.records / receiver.WANTED),
        "mark": job(places, "mark"),
        "archive": job(places, "archive"),
        "units": unit_states(places),
        "disk": {"bytes": disk.f_blocks * disk.f_frsize, "free": disk.f_bavail * disk.f_frsize},
    }


def problems(told: Mapping[str, Any]) -> list[str]:
    """Return what is wrong, in words; none if all is well. Pure."""
    found = []
    if told["kept_source"] not in (None, told["source"]):
        found.append(f"the disk keeps stack {told['kept_source']}, and not {told['source']}")
    for kind, most in FRESH.items():
        if told[kind] is None:
            continue  # no copy is declared
        newest = told[kind]["newest"]
        if newest is None and (first_run(told, kind) is not None or (kind in DRILLS and not drill_is_due(told))):
            continue
        if newest is None:
            found.append(f"{kind}: nothing is kept yet")
        elif told["now"] - newest > most:
            found.append(f"{kind}: the newest is {duration(told['now'] - newest)} old, and may be {duration(most)}")
        elif newest - told["now"] > CLOCKS_MAY_DIFFER:
            found.append(f"{kind}: the newest is {duration(newest - told['now'])} in the future")
    for kind in ("full", "files", "dump", "copy", *DRILLS, "mark", "archive"):
        if failed := (told[kind] or {}).get("failed"):
            found.append(f"{kind}: the last run failed ({failed['started']}): {failed['why'].splitlines()[0]}")
    for segment in told["vanished"]:
        found.append(f"wal: segment {segment} was received and is gone, and with it the seconds after it")
    if told["wanted"]:
        found.append(f"full: one is wanted since {told['wanted']['since']}: {told['wanted']['why']}")
    for unit, state in told["units"].items():
        if state != "active":
            found.append(f"{unit} is {state}")
    disk = told["disk"]
    if disk["free"] < ROOM * disk["bytes"]:
        found.append(f"the keeper's disk has {disk['free'] / disk['bytes']:.0%} free")
    return found


def duration(seconds: float) -> str:
    """Return a duration in its largest unit: 3 min, 26 h, 9 d."""
    for size, unit in ((172800, "d"), (7200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'d': 86400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def status(places: Places) -> Facts:
    """Return the facts with their problems, also where nothing can be looked at."""
    try:
        told = facts(places)
    except Refusal as refusal:
        return {"source": places.source, "now": time.time(), "problems": [str(refusal)]}
    return {**told, "problems": problems(told)}


def listed(places: Places, path: str | None = None) -> Facts:
    """Return what can be restored: full backups, the range of seconds and its holes, snapshots, dumps. With `path`,
    only snapshots that have it. Raises Refusal."""
    require_disk(places.disk)
    backups = catalogue.backups(places)
    good = retention.whole(backups)
    moment = newest_moment(places, good)
    snapshots = catalogue.snapshots(places)
    if path is not None:
        snapshots = [each for each in snapshots if has_path(places, str(each["id"]), "/" + path.strip("/"))]
    verified = notes.read(places.records / "verified.json") or {}
    return {
        "source": places.source,
        "from": notes.iso(good[-1].ended or 0) if good else None,
        "to": notes.iso(moment) if moment is not None else None,
        "holes": holes(places, good),
        **{kind: notes.signed(places, kind) for kind in DRILLS},
        "full": [
            {
                "id": backup.id,
                "status": backup.status,
                "ended": notes.iso(backup.ended) if backup.ended is not None else None,
                "bytes": backup.bytes,
                "wal_bytes": backup.wal_bytes,
                "verified": backup.id == verified.get("full"),
            }
            for backup in backups
        ],
        "files": [
            {
                "id": each["short_id"],
                "of": notes.iso(restore.snapshot_time(each)),
                "verified": str(each["id"]).startswith(str(verified.get("files") or "none")),
            }
            for each in snapshots
        ],
        "dumps": [
            {"name": file.name, "bytes": file.stat().st_size, "verified": file.name == verified.get("dump")}
            for file in sorted((places.data / "dumps").glob("*.dump"), reverse=True)
        ],
    }


def has_path(places: Places, snapshot: str, path: str) -> bool:
    """Return whether a snapshot has this file or folder."""
    try:
        return f'"path":"{path}"' in run(*catalogue.restic(places, "ls", "--json", "--no-lock", snapshot, path))
    except FailedError:
        return False
