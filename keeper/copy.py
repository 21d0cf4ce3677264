"""The copy of the keeper: what goes into object storage, and getting it back where the keeper itself is lost.

A copy is made of links to the files as they were at one moment: the locks are held for seconds, however long the way to
the storage takes. It has everything but the mirror of files, which the repository has, too.
"""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from keeper import copies, notes, status, wal
from keeper.bucket import bucket_of
from keeper.locks import alone
from keeper.notes import Manifest
from keeper.places import USER, Places, require_disk
from keeper.programs import run
from keeper.refusal import Refusal

HOURS = 3600
PARTS = ("barman", "repository", "dumps", "manifests", "records", "states")
"""The keeper's folders that a copy has."""
DATABASE, FILES = ("barman", "records"), ("repository", "records")
SITE = ("barman", "repository", "records")
"""What a restore of either needs."""
LISTING = "listing.json"
"""In a copy: what can be restored from it, as `toybox-keeper list` told when it was made."""
KEPT = (
    *("barman/*/base/*", "barman/*/wals/*", "barman/*/streaming/*", "barman/*/unfinished/*"),
    *("repository/*", "dumps/*", "records/*", "states/*"),
)
"""What a keeper has that keeps something."""
IDLE = "records/archive.json"
"""The record of a success that keeps nothing: archiving succeeds each minute where no WAL has arrived yet."""
WHOLE = "whole"
"""The mark in a copy that was brought back to its end."""
ROOM = 0.95
"""Of the free space, that a copy which is brought back may take."""

UNCHANGING = re.compile(
    r"barman/[^/]+/base/[^/]+/data/.*|barman/[^/]+/wals/[^/]+/[0-9A-F]{24}|repository/.*|dumps/[^./][^/]*\.dump"
)
"""Files that are written once. Another file may be written to while the copy is made, and is copied itself."""


def copy(places: Places) -> Manifest:
    """Bring an encrypted copy of all that is kept into the bucket, and read back what arrived there."""
    copies.ensure_repository(places)
    copies.unlock(places)
    there = bucket_of(places)
    before = there.names()
    folder = places.data / "copying"
    try:
        with (
            alone(places, "heavy", 4 * HOURS),
            alone(places, "retention", HOURS),
            alone(places, "archive", 300),
        ):
            listing = freeze(places, folder)
        files, size = notes.files_and_bytes(folder)
        last = notes.record(places, "copy") or {}
        notes.refuse_smaller(places, "copy", "keeper (bytes)", size, int(last.get("bytes", 0)))
        summary = copies.take(places, folder, [*PARTS, LISTING])
    finally:
        empty(folder)
    read = copies.read_back(places, before)
    copies.require_whole(places, str(summary["snapshot_id"]))
    return {
        "snapshot": summary["snapshot_id"],
        "files": files,
        "bytes": size,
        "added_bytes": summary.get("data_added"),
        "read_back": read,
        "holds": {kind: newest_of(listing, kind) for kind in ("full", "files", "dumps")} | {"to": listing["to"]},
        "versions": {"restic": run("restic", "version").splitlines()[0]},
    }


def newest_of(listing: status.Facts, kind: str) -> str | None:
    """Return the id of the newest of a kind."""
    return next((str(each.get("id") or each.get("name")) for each in listing[kind]), None)


def freeze(places: Places, folder: Path) -> status.Facts:
    """Fill `folder` with what is kept at this moment, and return what can be restored from it. Raises Refusal if that
    is nothing."""
    empty(folder)
    for part in PARTS:
        shutil.copytree(places.data / part, folder / part, symlinks=True, copy_function=link_to(folder))
    with tempfile.TemporaryDirectory(prefix="toybox-keeper.") as etc:
        listing = status.listed(placed(places, folder, Path(etc)))
    if not (listing["from"] and listing["files"]):
        missing = "full backup of the database" if not listing["from"] else "snapshot of the files"
        raise Refusal(
            f"There is nothing to copy yet: this keeper has no whole {missing}.",
            "A copy without it restores to nothing, and would count as the newest.",
            "`toybox-keeper status` says why; the copy is tried again by itself.",
        )
    notes.write(folder / LISTING, listing)
    return listing


def link_to(folder: Path) -> Any:
    """Return how a file gets into `folder`: as a link where it is written once, else as a copy."""

    def link_or_copy(source: str, target: str) -> str:
        if UNCHANGING.fullmatch(str(Path(target).relative_to(folder))):
            os.link(source, target)
            return target
        try:
            shutil.copy2(source, target)
        except FileNotFoundError:
            # the receiver and the jobs of each minute run meanwhile. The one has completed a segment since the folder
            # was listed, the others have put a record in place (notes.write_text), of which this was the new text
            done = wal.completed(Path(source))
            if done != Path(source):
                Path(target).unlink(missing_ok=True)
                target = str(wal.completed(Path(target)))
                shutil.copy2(done, target)
            elif not done.name.startswith("."):
                raise
        return target

    return link_or_copy


def empty(folder: Path) -> None:
    """Remove what is in a folder, and leave the folder."""
    for entry in folder.iterdir() if folder.exists() else ():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def placed(places: Places, data: Path, etc: Path) -> Places:
    """Return the places of what lies in another folder on the keeper's disk. `etc` gets the configuration for it."""
    for file in places.etc.iterdir():
        if file.name != "barman.conf":
            (etc / file.name).symlink_to(file)
    configuration = (places.etc / "barman.conf").read_text()
    (etc / "barman.conf").write_text(configuration.replace(f"{places.data}/barman", f"{data}/barman"))
    runtime = etc / "run"
    runtime.mkdir()
    return replace(places, etc=etc, data=data, run=runtime, within=places.disk)


def chosen(places: Places, snapshot: str = "latest") -> copies.Snapshot:
    """Return a copy in the bucket: the newest, or the one with this id. Raises Refusal."""
    return copies.chosen(copies.snapshots(places), snapshot)


@contextmanager
def opened(
    places: Places, snapshot: str = "latest", parts: Sequence[str] = PARTS, folder: Path | None = None
) -> Iterator[Places]:
    """Bring a copy, or these parts of it, into a folder on the keeper's disk, and yield its places. Its locks are its
    own. The folder goes at the end.

    Raises:
        Refusal: there is no such copy, no room for it, or the storage does not give it out.
    """
    require_disk(places.disk)
    found = chosen(places, snapshot)
    with tempfile.TemporaryDirectory(prefix="copy-", dir=folder or places.data / "restored") as scratch:
        data, etc = Path(scratch, "data"), Path(scratch, "etc")
        data.mkdir()
        etc.mkdir()
        bring_back(places, found, data, parts)
        yield placed(places, data, etc)


def bring_back(places: Places, found: copies.Snapshot, target: Path, parts: Sequence[str]) -> None:
    """Bring a copy into `target`, if there is room for it. Raises Refusal."""
    size = copies.size_of(places, str(found["id"]))
    disk = os.statvfs(target)
    free = disk.f_bavail * disk.f_frsize
    if size > ROOM * free:
        raise Refusal(
            f"The copy takes {size / 1e9:,.2f} GB, and {free / 1e9:,.2f} GB are free at {target}.",
            "It would stop half-way, and leave the keeper no room for its own work.",
            "Make room, or restore on a machine with a larger disk (docs/keeper.md).",
        )
    copies.bring_back(places, str(found["id"]), target, [*parts, LISTING])
    for part in parts:
        (target / part).mkdir(exist_ok=True)


def listed(places: Places, snapshot: str = "latest") -> status.Facts:
    """Return what can be restored from a copy, and which copies there are. Raises Refusal."""
    found = copies.snapshots(places)
    told: status.Facts = json.loads(copies.text_in(places, str(copies.chosen(found, snapshot)["id"]), LISTING))
    return {**told, "copies": [{"id": each["short_id"], "of": each["time"]} for each in found]}


# a keeper that is lost


def restore_copy(places: Places, snapshot: str = "latest") -> status.Facts:
    """Bring all of a copy back to a keeper's disk that keeps nothing yet, and return what can be restored now.

    Interrupted, it goes on when it is run again. Raises Refusal if the disk keeps anything.
    """
    require_disk(places.disk)
    began = time.time()
    with alone(places, "heavy", 1), alone(places, "retention", 1), alone(places, "archive", 5):
        scratch = places.data / "restored" / "copy"
        if not (scratch / WHOLE).exists():
            require_nothing_kept(places)
            found = chosen(places, snapshot)
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            bring_back(places, found, scratch, PARTS)
            notes.write(scratch / WHOLE, {"copy": found["short_id"], "of": found["time"]})
        told = notes.read(scratch / WHOLE) or {}
        wanted = notes.read(scratch / LISTING) or {}
        for part in PARTS:
            move(scratch / part, places.data / part)
        there = status.listed(places)
        if missing := sorted(ids(wanted) - ids(there)):
            raise Refusal(
                f"The copy came back without {', '.join(missing)}.",
                "It was listed when the copy was made.",
                f"Try an older copy on an empty disk: `toybox-keeper list --from copy`. {scratch} stays.",
            )
        shutil.rmtree(scratch)
    return {**there, **told, "seconds": round(time.time() - began, 3)}


def ids(listing: status.Facts) -> set[str]:
    """Return what a list has, by id and name."""
    kept = [each for kind in ("full", "files", "dumps") for each in listing.get(kind, ())]
    return {str(each.get("id") or each.get("name")) for each in kept}


def require_nothing_kept(places: Places) -> None:
    """Raise Refusal if anything is kept. Manifests, locks and logs are not: a new keeper's timers write some."""
    for pattern in KEPT:
        for found in sorted(set(places.data.glob(pattern)) - {places.data / IDLE}):
            aside, parts = f"{places.data}/before-copy", f"{places.data}/{{{','.join(PARTS)}}}"
            raise Refusal(
                f"This keeper's disk has something already: {found}.",
                "Two keepers' backups in one catalogue restore to neither.",
                "If it may go aside, as root: `systemctl stop 'toybox-keeper-*'`, "
                f"`mkdir {aside}`, `mv {parts} {aside}/`, "
                f"`install -d -o {USER} -g {USER} -m 0700 {parts}`, then again.",
            )


def move(source: Path, target: Path) -> None:
    """Move what is in one folder into another one. A file of the same name there gets another name."""
    for entry in sorted(source.iterdir()) if source.exists() else ():
        there = target / entry.name
        if entry.is_dir() and there.is_dir():
            move(entry, there)
            continue
        if there.exists():
            there.rename(there.with_name(f"{there.name}.before-copy"))
        entry.rename(there)
