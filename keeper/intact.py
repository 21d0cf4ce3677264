"""Whether one backup is as it was written, without a restore. Only a drill says that one is verified."""

import hashlib
import time
from pathlib import Path
from typing import Any

from keeper import catalogue, notes, restore, retention, wal
from keeper.catalogue import HOURS
from keeper.locks import alone
from keeper.notes import Manifest
from keeper.places import Places, require_disk
from keeper.programs import must
from keeper.refusal import Refusal

ANOTHER_DUMP = "`toybox-keeper run dump`, which makes another one. Older ones: `toybox-keeper list`."


def intact(places: Places, identifier: str | None) -> dict[str, Any]:
    """Check one full backup, snapshot of files or dump, the newest full backup without an id, and say what was looked
    at. Raises Refusal if it is damaged, or there is none."""
    require_disk(places.disk)
    began = time.time()
    with alone(places, "retention", HOURS, shared=True):
        kind, found, looked_at = looked(places, identifier)
    return {
        "source": places.source,
        "kind": kind,
        "id": found,
        "looked_at": looked_at,
        "seconds": round(time.time() - began, 3),
    }


def looked(places: Places, identifier: str | None) -> tuple[str, str, str]:
    """Return (kind, id, what was looked at). Raises Refusal."""
    backups = retention.whole(catalogue.backups(places))
    full = next((each for each in backups if identifier in (None, each.id)), None)
    if full is not None:
        restore.require_intact(places, full, restore.others(backups, full, None))
        require_wal(places, full.id)
        return "full", full.id, "the checksum of every file, and the WAL that makes it consistent"
    snapshots = [str(each["id"]) for each in catalogue.snapshots(places)]
    snapshot = next((each for each in snapshots if identifier and each.startswith(identifier)), None)
    if snapshot is not None:
        reading = catalogue.restic(places, "check", "--read-data")
        must("Reading the whole repository", catalogue.LOOK_AT_RESTIC, *reading, seconds=5 * HOURS)
        return "files", snapshot[:8], "every pack of the repository"
    file = places.data / "dumps" / Path(identifier or "none").name
    if file.suffix == ".dump" and file.is_file():
        require_as_written(file, manifest_of(places, file.name))
        listing = (places.programs / "pg_restore", "--list", file)
        must("Reading the dump", ANOTHER_DUMP, *listing)
        return "dump", file.name, "its SHA-256, and its list"
    raise Refusal(
        f"There is no {identifier or 'full backup'}.",
        "Nothing was looked at.",
        "`toybox-keeper list` shows what there is: full backups, snapshots of files and dumps by their ids.",
    )


def require_wal(places: Places, backup: str) -> None:
    """Raise Refusal if a segment between a full backup's begin and its end is missing."""
    known = catalogue.details(places, backup)["base_backup_information"]
    begin, end = str(known["begin_wal"]), str(known["end_wal"])
    there = {name for name in (*wal.archived(places), *wal.unarchived(places)) if begin <= name <= end}
    name = begin
    while name <= end:
        if name not in there:
            raise Refusal(
                f"WAL segment {name} is missing, and full backup {backup} needs it.",
                "Without it, the backup restores to no consistent state.",
                "`toybox-keeper run full`, which makes another one. Older ones: `toybox-keeper list`.",
            )
        name = wal.following(name)


def manifest_of(places: Places, dump: str) -> Manifest:
    """Return the manifest of a dump; an empty one if there is none."""
    told = (notes.read(file) or {} for file in places.manifests.glob("dump-*.json"))
    return next((each for each in told if each.get("ok") and each.get("dump") == dump), {})


def require_as_written(file: Path, dump: Manifest) -> None:
    """Raise Refusal unless a dump has the SHA-256 that its manifest says. One of before that was noted has none."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if dump.get("sha256", digest) != digest:
        raise Refusal(f"Dump {file.name} is not as it was written.", "Its SHA-256 is another one.", ANOTHER_DUMP)
