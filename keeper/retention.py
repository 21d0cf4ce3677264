"""Retention: which backups may be deleted. Pure: nothing here deletes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WINDOW = 14 * 86400
"""Seconds. Any of them can be gone back to."""
FEWEST = 2
"""Full backups that are kept, however old."""
DUMPS = 7
SNAPSHOTS = ("--keep-within", "2d", "--keep-daily", "7", "--keep-weekly", "4", "--keep-monthly", "6")
"""restic's policy for files: every quarter of an hour of two days, then days, weeks, months."""
COPIES = ("--keep-daily", "7", "--keep-weekly", "4")
"""The same for the copies in object storage."""

DONE = "DONE"
UNFINISHED = ("FAILED", "STARTED", "EMPTY")
"""What a backup is that broke off, or was killed."""


@dataclass(frozen=True)
class Backup:
    """A full backup in Barman's catalogue; `ended` in seconds since 1970, None while it has no end."""

    id: str
    status: str
    ended: float | None = None
    bytes: int = 0
    wal_bytes: int = 0


def backups_from(listed: Mapping[str, Any], source: str) -> list[Backup]:
    """Return the backups that `barman -f json list-backups` tells of, the newest first. It cuts the time to whole
    seconds, and restores to no moment before the true end: a second is added."""
    found = [
        Backup(
            id=str(each["backup_id"]),
            status=str(each["status"]),
            ended=float(each["end_time_timestamp"]) + 1 if "end_time_timestamp" in each else None,
            bytes=int(each.get("size_bytes") or 0),
            wal_bytes=int(each.get("wal_size_bytes") or 0),
        )
        for each in listed.get(source, [])
    ]
    return sorted(found, key=lambda backup: backup.id, reverse=True)


def whole(backups: Sequence[Backup]) -> list[Backup]:
    """Return those that can be restored, the newest first."""
    return [backup for backup in backups if backup.status == DONE and backup.ended is not None]


def expired_backups(backups: Sequence[Backup], now: float, verified: str | None) -> list[str]:
    """Return the ids of the backups that nothing needs any more, the oldest first.

    Kept: those of the window, the one before it, from which the window's first second is reached, the newest FEWEST,
    and the newest verified one. One that was never finished goes as soon as a later one is whole.
    """
    good = whole(backups)
    if not good:
        return []
    before = [backup for backup in good if (backup.ended or 0) <= now - WINDOW]
    kept = {
        *(backup.id for backup in good if (backup.ended or 0) > now - WINDOW),
        *(backup.id for backup in before[:1]),
        *(backup.id for backup in good[:FEWEST]),
        verified,
    }
    gone = [backup.id for backup in good if backup.id not in kept]
    unfinished = [backup.id for backup in backups if backup.status in UNFINISHED and backup.id < good[0].id]
    return sorted([*gone, *unfinished])


def expired_snapshots(forget: Sequence[Mapping[str, Any]], verified: str | None) -> list[str]:
    """Return the ids that `restic forget --dry-run --json` would remove, without the newest verified one."""
    ids = [str(each["id"]) for group in forget for each in group.get("remove") or []]
    return [each for each in ids if not (verified and each.startswith(verified))]


def expired_dumps(names: Collection[str], verified: str | None) -> list[str]:
    """Return the dumps that go: all but the newest DUMPS and the newest verified one. Names sort by time."""
    return [name for name in sorted(names)[:-DUMPS] if name != verified]


def backup_for(backups: Sequence[Backup], target: float | None) -> Backup | None:
    """Return the backup from which `target` (seconds since 1970; None: the newest moment) is reached soonest."""
    return next((backup for backup in whole(backups) if target is None or (backup.ended or 0) <= target), None)
