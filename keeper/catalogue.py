"""Barman's catalogue of full backups, and restic's repository of files."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from keeper import database, notes, retention, wal
from keeper.places import RATE, ROLE, Places
from keeper.programs import FailedError, must, run
from keeper.refusal import Refusal
from keeper.retention import Backup

HOURS = 3600

LOOK_AT_BARMAN = "`toybox-keeper status`, and `journalctl -u toybox-keeper-wal -n 50`, on the keeper."
LOOK_AT_RESTIC = "`toybox-keeper status`; a lock that an interrupted run left goes with `toybox-keeper run files`."


def barman(places: Places, *arguments: str) -> list[str | Path]:
    """Return a command of Barman's with the keeper's configuration."""
    return ["barman", "--config", places.etc / "barman.conf", *arguments]


def backups(places: Places) -> list[Backup]:
    """Return the full backups, the newest first. Raises Refusal."""
    listing = barman(places, "--format", "json", "list-backup", places.source)
    printed = must("Reading Barman's catalogue", LOOK_AT_BARMAN, *listing)
    return retention.backups_from(json.loads(printed), places.source)


def details(places: Places, backup: str) -> dict[str, Any]:
    """Return what Barman knows of one backup. Raises Refusal."""
    showing = barman(places, "--format", "json", "show-backup", places.source, backup)
    printed = must(f"Reading backup {backup}", LOOK_AT_BARMAN, *showing)
    told: dict[str, Any] = json.loads(printed)[places.source]
    return told


def first_segment(places: Places, backup: str) -> str:
    """Return the first segment of WAL that a full backup needs. Raises Refusal."""
    return str(details(places, backup)["base_backup_information"]["begin_wal"])


def take_backup(places: Places) -> str:
    """Take a full backup, wait for the WAL that makes it consistent, and return its id. Raises Refusal.

    Barman takes none before the first segment is in its archive, which on a quiet site may take days: it is switched,
    with a mark in it, because PostgreSQL switches no empty one. (Barman's own `--force` asks for a superuser.)
    """
    if not wal.archived(places):
        with database.Session(places, ROLE) as session:
            session.ask(database.MARK)
        switching = barman(places, "switch-wal", "--archive", "--archive-timeout", "100", places.source)
        must("Receiving the first segment of WAL", LOOK_AT_BARMAN, *switching)
    before = {backup.id for backup in backups(places)}
    if before and notes.stamp(time.time()).removesuffix("Z") <= min(before):
        raise Refusal(
            f"The keeper's clock is before its oldest full backup, {min(before)}.",
            "Barman would take the new one for the first, and delete the WAL that every other one needs.",
            "`timedatectl`, on the keeper.",
        )
    # not `bandwidth_limit` of barman.conf: that slows a restore down as well
    taking = barman(places, "backup", "--bwlimit", str(RATE), "--wait", "--wait-timeout", "900", places.source)
    must("The full backup", LOOK_AT_BARMAN, *taking, seconds=5 * HOURS)
    made = [backup for backup in backups(places) if backup.id not in before]
    if not made or made[0].status != retention.DONE:
        raise Refusal(
            f"The full backup ended as {made[0].status if made else 'nothing'}.",
            "Without the WAL that was written meanwhile it restores to no consistent state.",
            LOOK_AT_BARMAN,
        )
    return made[0].id


def restic(places: Places, *arguments: str) -> list[str | Path]:
    """Return a command of restic's on the keeper's repository."""
    repository = ("--repo", str(places.data / "repository"))
    password = ("--password-file", str(places.etc / "repository-password"))
    return ["restic", *repository, *password, "--no-cache", *arguments]


def has_repository(places: Places) -> bool:
    """Return whether there is a repository. Raises Refusal if there was one, and is none."""
    if (places.data / "repository" / "config").exists():
        return True
    if notes.record(places, "files") is not None:
        raise Refusal(
            f"{places.data}/repository has no restic repository, and earlier runs filled one.",
            "A new one in its place would look like the first, and every earlier snapshot would seem to be gone.",
            f"Bring it back. If it is lost: `rm {places.records}/files.json`, then `toybox-keeper run files`.",
        )
    return False


def make_repository(places: Places) -> None:
    """Make the repository. Raises Refusal if there is one."""
    must("Making the repository", LOOK_AT_RESTIC, *restic(places, "init"))


def snapshots(places: Places) -> list[dict[str, Any]]:
    """Return the snapshots of files, the newest first. Raises Refusal."""
    if not (places.data / "repository" / "config").exists():
        return []
    listing = restic(places, "snapshots", "--json", "--no-lock", "--host", places.source, "--tag", "files")
    printed = must("Reading the repository", LOOK_AT_RESTIC, *listing)
    found: list[dict[str, Any]] = json.loads(printed) or []
    return sorted(found, key=lambda snapshot: str(snapshot["time"]), reverse=True)


def take_snapshot(places: Places, names: Sequence[str]) -> dict[str, Any]:
    """Back the mirror's folders up and return restic's summary. Raises Refusal.

    The folders are given relative to the mirror, so that a snapshot's tree begins with the volume's name.
    """
    tags = ("--host", places.source, "--tag", "files")
    taking = restic(places, "backup", "--json", *tags, *names)
    printed = must(
        "The snapshot of the files", LOOK_AT_RESTIC, *taking, seconds=5 * HOURS, folder=places.data / "mirror"
    )
    for line in reversed(printed.splitlines()):
        told: dict[str, Any] = json.loads(line)
        if told.get("message_type") == "summary":
            return told
    raise Refusal("restic printed no summary.", "Whether it took a snapshot is not known.", LOOK_AT_RESTIC)


def verified(places: Places, kind: str) -> str | None:
    """Return what a drill last restored of this kind: a backup's id, a snapshot's, a dump's name."""
    told = notes.read(places.records / "verified.json") or {}
    found = told.get(kind)
    return str(found) if found else None


def drop_expired_backups(places: Places, now: float) -> Iterator[str]:
    """Delete what retention lets go, and yield each id. Raises Refusal."""
    for each in retention.expired_backups(backups(places), now, verified(places, "full")):
        deleting = barman(places, "delete", places.source, each)
        must(f"Deleting backup {each}", LOOK_AT_BARMAN, *deleting, seconds=HOURS)
        yield each


def drop_expired_snapshots(places: Places) -> list[str]:
    """Forget what retention lets go, and return the ids. Raises Refusal."""
    tags = ("--host", places.source, "--tag", "files", "--group-by", "host")
    asking = restic(places, "forget", "--dry-run", "--json", *tags, *retention.SNAPSHOTS)
    printed = must("Asking restic what retention lets go", LOOK_AT_RESTIC, *asking)
    gone = retention.expired_snapshots(json.loads(printed), verified(places, "files"))
    if gone:
        must("Forgetting expired snapshots", LOOK_AT_RESTIC, *restic(places, "forget", *gone))
    return gone


def free_space(places: Places, now: float) -> bool:
    """Once a day: give the space of forgotten snapshots back. Return whether it was done. Raises Refusal."""
    file = places.records / "pruned.json"
    last = notes.read(file)
    if last and now - float(last["at"]) < 23 * HOURS:
        return False
    must("Giving space back", LOOK_AT_RESTIC, *restic(places, "prune"), seconds=5 * HOURS)
    notes.write(file, {"at": now})
    return True


def unlock(places: Places) -> None:
    """Remove locks of restic's whose process is gone."""
    try:
        run(*restic(places, "unlock"))
    except FailedError as error:
        raise Refusal("restic's locks cannot be looked at.", str(error), LOOK_AT_RESTIC) from None


def drop_expired_dumps(places: Places) -> list[str]:
    """Delete what retention lets go, and return the names."""
    folder = places.data / "dumps"
    gone = retention.expired_dumps([file.name for file in folder.glob("*.dump")], verified(places, "dump"))
    for name in gone:
        os.unlink(folder / name)
    return gone
