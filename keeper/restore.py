"""Getting things back, into an empty folder on the keeper. Nothing here touches what is kept, or the source."""

import os
import re
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from keeper import catalogue, notes, retention, wal
from keeper.catalogue import HOURS
from keeper.locks import alone
from keeper.places import USER, Places, require_disk
from keeper.programs import FailedError, last_lines, run
from keeper.refusal import Refusal
from keeper.retention import Backup

LATEST = "latest"
ONLY_UNDER_THE_LOCK = "include '/dev/shm/toybox-holds-the-lock-on-the-volume-postgres'"
"""In the site's postgresql.conf (components/postgres/entrypoint): a second server on the same files ends at once."""
FORM = "2026-01-22T20:49:00+09:00"


def parse_time(text: str) -> float:
    """Return a time with its offset, as ISO 8601 has it, in seconds since 1970. Pure. Raises Refusal."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refusal(
            f"{text!r} is not a time with an offset.",
            "Without an offset it is nine hours off in one of the two countries.",
            f"Write it like {FORM} or 2026-01-22T11:49:00Z.",
        )
    return found.timestamp()


def require_target(target: Path) -> None:
    """Raise Refusal unless `target` is an absolute path to an empty folder, or to none in one that can be written."""
    way_out = f"Name a new folder in one that user {USER} may write, such as /srv/toybox-keeper/restored/NAME."
    if not target.is_absolute() or ".." in target.parts:
        raise Refusal(f"{target} is not an absolute path.", "Where it leads depends on the shell.", way_out)
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise Refusal(f"{target} is not empty.", "What is restored would mix with what is there.", way_out)
    except OSError as error:
        raise Refusal(f"{target} cannot be used: {error.strerror}.", "The restored files go there.", way_out) from None


def chosen_backup(backups: Sequence[Backup], target: float | None, wanted: str | None) -> Backup:
    """Return the full backup to begin with: the `wanted` one, or that from which `target` is reached soonest. Pure.

    Raises:
        Refusal: there is none, or the wanted one ended after the target.
    """
    good = retention.whole(backups)
    oldest = notes.iso(good[-1].ended or 0) if good else "none"
    suits = [backup for backup in good if wanted is None or backup.id == wanted]
    found = retention.backup_for(suits, target)
    if found is None:
        what = f"Backup {wanted} does not reach" if wanted else "No full backup reaches"
        moment = notes.iso(target) if target is not None else "the newest moment"
        raise Refusal(
            f"{what} {moment}.",
            "Only what was written after a full backup ended can be added to it.",
            f"The oldest second that can be had is {oldest}. `toybox-keeper list` shows the backups.",
        )
    return found


def others(backups: Sequence[Backup], but: Backup, target: float | None) -> str:
    """Return the older backups that reach the target, too, as a way out. Pure."""
    ids = [
        backup.id
        for backup in retention.whole(backups)
        if backup.id < but.id and (target is None or (backup.ended or 0) <= target)
    ]
    return f"An older one reaches it, too: --backup {ids[0]}." if ids else "No older backup reaches that moment."


def require_intact(places: Places, backup: Backup, way_out: str) -> None:
    """Raise Refusal unless every file of the full backup has the checksum that it was taken with."""
    data = places.barman_home / "base" / backup.id / "data"
    try:
        run(places.programs / "pg_verifybackup", "--no-parse-wal", "--quiet", data, seconds=2 * HOURS)
    except FailedError as error:
        raise Refusal(f"Full backup {backup.id} is damaged.", str(error), way_out) from None


def require_segments(places: Places, begin: str, moment: float | None) -> None:
    """Raise Refusal if a segment is missing between a backup's first one and the target.

    A hole after the target harms nothing. One before it does so for every backup that is older than the hole.
    """
    segments = {**wal.archived(places), **wal.unarchived(places)}
    missing = wal.first_missing(segments, begin)
    if missing is None:
        return
    before = wal.newest_commit_of(places, {name: file for name, file in segments.items() if begin <= name < missing})
    if moment is not None and before and moment <= before[0]:
        return
    until = (
        f"Up to there: --to {notes.iso_before(before[0])}." if before else "A later full backup may reach the target."
    )
    raise Refusal(
        f"WAL segment {missing} is missing.",
        "PostgreSQL would stop there, and everything after it would be lost without a word.",
        until,
    )


def require_timeline(places: Places, begin: str, moment: float | None) -> None:
    """Raise Refusal unless the target lies on the timeline of the backup that begins with segment `begin`.

    When production is recovered it begins a new timeline. What it wrote between that and its first full backup needs
    both timelines, and is not restored here; that backup is taken at once (receiver.py).
    """
    segments = {**wal.archived(places), **wal.unarchived(places)}
    timeline, newest = begin[:8], max(segments, default=begin)[:8]
    if newest == timeline:
        return
    own = wal.newest_commit_of(places, {name: file for name, file in segments.items() if name[:8] == timeline})
    if moment is not None and own and moment <= own[0]:
        return
    until = notes.iso_before(own[0]) if own else "none"
    raise Refusal(
        f"Production was recovered (timeline {int(newest, 16)}), and no full backup of it reaches this second yet.",
        f"The newest full backup before it is of timeline {int(timeline, 16)}, whose last second is {until}.",
        f"Up to there: --to {until}. For what came after: `toybox-keeper run full`, then a second after its end.",
    )


def target_of(to: str, newest: tuple[float, str] | None, now: float) -> float | None:
    """Return the target in seconds since 1970, or None for the newest moment. Pure.

    Raises:
        Refusal: the keeper has nothing of that time.
    """
    if to == LATEST:
        return None
    wanted = parse_time(to)
    if newest and wanted == newest[0]:
        return None  # no later commit is there at which a recovery by time could stop
    if newest is None or wanted > newest[0]:
        until = notes.iso(newest[0]) if newest else "never"
        raise Refusal(
            f"{to} is {'in the future' if wanted > now else 'later than the newest commit that is kept'}.",
            f"The newest commit that is kept is of {until}.",
            f"For everything that is kept: --to {LATEST}.",
        )
    return wanted


def restore_database(places: Places, to: str, target: Path, backup_id: str | None = None) -> dict[str, Any]:
    """Restore the database's files as of `to` into `target`, ready for PostgreSQL to start on, and say what was done.

    Barman copies the backup and the archived WAL. The unfinished segment holds the last seconds, and Barman leaves it
    out (issue 393 of EnterpriseDB/barman): it is added without its suffix, as are segments that wait to be archived.
    With `latest` they go to pg_wal, and PostgreSQL goes as far as they do; else to Barman's folder, from which its
    restore_command reads. Either way it begins a new timeline: what it writes from then on is never taken for what the
    source wrote.

    Raises:
        Refusal: the target folder, the time, the backup or its WAL does not do; an older backup is named if one does.
    """
    require_disk(places.disk)
    began = time.time()
    with alone(places, "retention", HOURS, shared=True):
        if (places.barman_home / "streaming").is_dir():
            run(*catalogue.barman(places, "archive-wal", places.source), accepted=(0, 1))
        newest = wal.newest_commit(places)
        moment = target_of(to, newest, began)
        backups = catalogue.backups(places)
        backup = chosen_backup(backups, moment, backup_id)
        older = others(backups, backup, moment)
        begin = catalogue.first_segment(places, backup.id)
        require_timeline(places, begin, moment)
        require_segments(places, begin, moment)
        require_intact(places, backup, older)
        require_target(target)
        known = wal.archived(places).keys()
        recover(places, backup, moment, target, older)
        with alone(places, "archive", 300):
            folder = target / ("pg_wal" if moment is None else "barman_wal")
            added = add_left_out(places, folder, begin, moment, known)
        let_start(target)
        if moment is None:
            begin_a_timeline(target)
    return {
        "target": str(target),
        "to": to,
        "backup": backup.id,
        "newest_commit": notes.iso(newest[0]) if newest else None,
        "added_segments": added,
        "seconds": round(time.time() - began, 3),
    }


def recover(places: Places, backup: Backup, moment: float | None, target: Path, way_out: str) -> None:
    """Let Barman put the backup and its WAL into `target`. Raises Refusal."""
    options = [] if moment is None else on_time(moment)
    command = catalogue.barman(places, "recover", "--no-get-wal", *options, places.source, backup.id, str(target))
    try:
        said = run(*command, seconds=5 * HOURS)
    except FailedError as error:
        raise Refusal(f"Barman cannot restore {backup.id}.", str(error), way_out) from None
    if "ERROR" in said:
        raise Refusal(f"Barman did not restore {backup.id} whole.", last_lines(said), way_out)


def on_time(moment: float) -> list[str]:
    """Return Barman's options for a second. Without the timeline PostgreSQL would go over to the newest one it finds,
    on which other seconds follow since production was recovered."""
    return ["--target-time", barman_time(moment), "--target-action", "promote", "--target-tli", "current"]


def barman_time(moment: float) -> str:
    """Return a time as Barman is to get it: in UTC, which is the local time of every program that is run here. Barman
    3.4 compares it with files' times as if it were local, whatever its offset (recovery_executor.py, target_epoch)."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")


def add_left_out(
    places: Places, folder: Path, begin: str, moment: float | None, known: Collection[str] = ()
) -> list[str]:
    """Copy the segments from `begin` on that Barman left out into `folder`, and return the names.

    Without a moment these are the ones that are not archived, and those that were archived while Barman copied: all but
    the `known` ones. With one, Barman ends with the first segment whose file was written to after it, which may have
    been a switch after its last commit. PostgreSQL needs a commit of after the moment to know that it is there: the
    next ones are copied up to such a commit.
    """
    archived = {name: file for name, file in wal.archived(places).items() if moment is not None or name not in known}
    segments = {**archived, **wal.unarchived(places)}
    if moment is not None:
        segments = {name: file for name, file in segments.items() if name[:8] == begin[:8]}
    added = []
    for name, file in sorted(segments.items()):
        if name < begin or (folder / name).exists():
            continue
        wal.copy_segment(file, folder / name)
        added.append(name)
        if moment is not None and any(commit > moment for commit in wal.commits_of(places, name, file)):
            break
    return added


def let_start(target: Path) -> None:
    """Take the line out of the restored configuration that lets PostgreSQL start under the site's lock alone.

    This is another copy, which no other process uses. The site's container adds the line to a copy that it is given.
    """
    file = target / "postgresql.conf"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if line.strip() != ONLY_UNDER_THE_LOCK))


RECOVERY_SIGNAL = "recovery.signal"


def begin_a_timeline(target: Path) -> None:
    """Have PostgreSQL recover from an archive, which is empty: it takes what pg_wal has and begins a new timeline.
    Without the signal it would go on with the source's own."""
    with (target / "postgresql.auto.conf").open("a") as file:
        file.write("restore_command = 'false'\n")
    (target / RECOVERY_SIGNAL).touch(mode=0o600)


SAFE = re.compile(r"[^\x00-\x1f\x7f]+")


def path_in_volume(volume: str, path: str | None) -> str:
    """Return the path of a volume, or of one file in it, inside a snapshot: /media/photos/1.jpg. Pure.

    Raises:
        Refusal: the path leads out of the volume.
    """
    parts = PurePosixPath(path or ".").parts
    if not SAFE.fullmatch(path or ".") or ".." in parts:
        raise Refusal(
            f"{path!r} is no path in volume {volume}.",
            "It leads elsewhere, or has control characters.",
            "Write it as the site has it, such as photos/1.jpg.",
        )
    return "/" + "/".join([volume, *(part for part in parts if part not in ("/", "."))])


def chosen_snapshot(snapshots: Sequence[dict[str, Any]], at: float | None) -> dict[str, Any]:
    """Return the newest snapshot that is not later than `at` (None: the newest). Pure. Raises Refusal."""
    for snapshot in snapshots:
        if at is None or snapshot_time(snapshot) <= at:
            return snapshot
    oldest = notes.iso(snapshot_time(snapshots[-1])) if snapshots else "none"
    raise Refusal(
        f"There is no snapshot of the files{f' as of {notes.iso(at)}' if at is not None else ''}.",
        f"The oldest one is of {oldest}.",
        "`toybox-keeper list` shows them.",
    )


def snapshot_not_before(snapshots: Sequence[dict[str, Any]], moment: float | None) -> dict[str, Any]:
    """Return the oldest snapshot that is not older than `moment`, so that the files of the rows of that moment are in
    it; the newest if none is, or with None. Pure. Raises Refusal if there is none at all."""
    later = [each for each in snapshots if moment is not None and snapshot_time(each) >= moment]
    return later[-1] if later else chosen_snapshot(snapshots, None)


def snapshot_time(snapshot: dict[str, Any]) -> float:
    """Return when a snapshot was taken, in seconds since 1970. restic prints nanoseconds; they are cut to the
    milliseconds that are listed, so that the snapshot's own time finds it."""
    text = re.sub(r"(\.\d{3})\d+", r"\1", str(snapshot["time"]))
    return datetime.fromisoformat(text).timestamp()


def restore_files(places: Places, volume: str, path: str | None, target: Path, at: str | None) -> dict[str, Any]:
    """Restore a volume, or one path of it, into `target`/VOLUME/PATH, and say what was done. Raises Refusal.

    Owners and modes are in the files' extended attributes: `rsync --fake-super` sends them on.
    """
    require_disk(places.disk)
    if volume not in places.volumes:
        raise Refusal(
            f"{volume} is not a volume that is kept as files.",
            "Other volumes are in the database's backup, or made again by the program.",
            f"Choose one of: {', '.join(places.volumes)}.",
        )
    wanted = path_in_volume(volume, path)
    began = time.time()
    with alone(places, "retention", HOURS, shared=True):
        snapshots = catalogue.snapshots(places)
        snapshot = chosen_snapshot(snapshots, parse_time(at) if at else None)
        require_target(target)
        # restic takes the path for a pattern
        pattern = re.sub(r"([\\*?\[])", r"\\\1", wanted)
        command = catalogue.restic(places, "restore", str(snapshot["id"]), "--target", str(target))
        try:
            run(*command, "--include", pattern, "--verify", seconds=5 * HOURS)
        except FailedError as error:
            raise Refusal(
                f"restic cannot restore {wanted} from snapshot {snapshot['short_id']}.",
                str(error),
                "An older snapshot may have it whole: `toybox-keeper list`, then --at.",
            ) from None
    restored = target / wanted.lstrip("/")
    if not os.path.lexists(restored):
        raise Refusal(
            f"Snapshot {snapshot['short_id']} of {notes.iso(snapshot_time(snapshot))} has no {wanted}.",
            "It was not there then.",
            f"`toybox-keeper list --path {wanted.lstrip('/')}` shows which snapshots have it.",
        )
    files, size = notes.files_and_bytes(restored) if restored.is_dir() else (1, restored.lstat().st_size)
    return {
        "restored": str(restored),
        "snapshot": snapshot["short_id"],
        "of": notes.iso(snapshot_time(snapshot)),
        "files": files,
        "bytes": size,
        "seconds": round(time.time() - began, 3),
    }


def restore_site(places: Places, to: str, target: Path) -> dict[str, Any]:
    """Restore the database as of `to` into `target`/database, and each volume that is kept as files into
    `target`/files/VOLUME, and say what was done. Raises Refusal.

    The files are those of the first snapshot after that second: a few more than the rows know harm nothing.
    """
    require_disk(places.disk)
    require_target(target)
    database = restore_database(places, to, target / "database")
    moment = None if to == LATEST else parse_time(to)
    snapshot = snapshot_not_before(catalogue.snapshots(places), moment)
    of = notes.iso(snapshot_time(snapshot))
    volumes = {}
    for volume in places.volumes:
        # restic restores a volume below the folder that it is given
        told = restore_files(places, volume, None, target / f"{volume}.new", of)
        (target / "files").mkdir(mode=0o700, exist_ok=True)
        Path(told["restored"]).rename(target / "files" / volume)
        os.rmdir(target / f"{volume}.new")
        volumes[volume] = {"files": told["files"], "bytes": told["bytes"]}
    return {"target": str(target), "database": database, "files_of": of, "volumes": volumes}
