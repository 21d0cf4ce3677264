"""The mirror: the source's files as they were at the last pull, from which restic takes its snapshots."""

import re
from pathlib import Path

from keeper import notes
from keeper.places import RATE, Places
from keeper.programs import FailedError, run
from keeper.refusal import Refusal

HOST = "source"
"""The source's name in ssh_config."""
VANISHED = 24
"""rsync's status when a file went away while it was read: somebody deleted an upload."""
HOURS = 3600

FILES = re.compile(r"^Number of files: [\d,]+ \((?:.*?)reg: ([\d,]+)", re.MULTILINE)
BYTES = re.compile(r"^Total file size: ([\d,]+) bytes", re.MULTILINE)


def pull_command(places: Places, volume: str, *options: str) -> list[str | Path]:
    """Return the rsync command that makes the mirror's folder like the source's.

    Owners, groups and modes are kept in extended attributes (`--fake-super`): the keeper pulls as no superuser.
    """
    return [
        *("rsync", "-rlptgo", "--fake-super", "--numeric-ids", "--delete-delay", "--stats", "--timeout=300"),
        *("--rsh", f"ssh -F {places.etc}/ssh_config", f"--bwlimit={RATE}"),
        *options,
        f"{HOST}:{volume}/",
        f"{places.data}/mirror/{volume}/",
    ]


def counted(stats: str) -> tuple[int, int]:
    """Return (regular files, bytes) by rsync's --stats. Pure. Raises ValueError if it does not say."""
    size = BYTES.search(stats)
    if size is None:
        raise ValueError(f"rsync printed no total: {stats[-200:]!r}")
    files = FILES.search(stats)
    return int(files[1].replace(",", "")) if files else 0, int(size[1].replace(",", ""))


def pull(places: Places, volume: str, *options: str) -> tuple[int, int]:
    """Pull a volume and return (files, bytes) of the source's. With `--dry-run` nothing is changed. Raises Refusal."""
    (places.data / "mirror" / volume).mkdir(exist_ok=True)
    try:
        printed = run(*pull_command(places, volume, *options), seconds=5 * HOURS, accepted=(0, VANISHED))
        return counted(printed)
    except (FailedError, ValueError) as error:
        raise Refusal(
            f"Volume {volume} cannot be pulled.",
            str(error),
            f"`runuser -u barman -- ssh -F {places.etc}/ssh_config -v {HOST} true` shows how far the keeper gets.",
        ) from None


def refresh(places: Places) -> dict[str, dict[str, int]]:
    """Make the mirror like the source, and return {volume: files and bytes in the mirror}.

    All volumes are looked at first: with one of them missing or shrunk, none is touched. Raises Refusal.
    """
    before = (notes.record(places, "files") or {}).get("volumes", {})
    for volume in places.volumes:
        files, size = pull(places, volume, "--dry-run")
        last = before.get(volume, {})
        notes.refuse_smaller(places, "files", f"volume {volume} (files)", files, int(last.get("files", 0)))
        notes.refuse_smaller(places, "files", f"volume {volume} (bytes)", size, int(last.get("bytes", 0)))
    found = {}
    for volume in places.volumes:
        pull(places, volume)
        files, size = notes.files_and_bytes(places.data / "mirror" / volume)
        found[volume] = {"files": files, "bytes": size}
    return found
