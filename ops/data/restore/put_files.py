"""The server's part of `toybox restore files`: begin, place. What is there is kept beside, and never written over.

Stands alone: sent to the server and run there by `python3 - STEP PARAMETERS` (3.10, Ubuntu 22.04), as root. Prints one
JSON object.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

MOUNT_POINT = Path("/srv/toybox")
WORK = MOUNT_POINT / ".restore-files"


class PlaceError(Exception):
    """The reason why nothing was put in place."""


def begin(volume: str) -> dict[str, str]:
    """Make an empty folder for what is to come. What a killed attempt left goes: it was a copy."""
    if not os.path.ismount(MOUNT_POINT) or not (MOUNT_POINT / volume).is_dir():
        raise PlaceError(f"The data disk has no volume {volume}, or is not mounted.")
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / volume).mkdir(parents=True)
    WORK.chmod(0o700)
    return {"folder": str(WORK / volume)}


def place(volume: str, path: str, stamp: str) -> dict[str, str]:
    """Put what was brought in place, and return the name under which the former one is kept; "" if there was none."""
    target = MOUNT_POINT / volume
    kept = whole(volume, target, stamp) if path == "." else one(volume, target, path, stamp)
    os.sync()
    shutil.rmtree(WORK)
    return {"kept": kept}


def whole(volume: str, target: Path, stamp: str) -> str:
    """Exchange what is in a volume. Running containers hold the folder itself, so it stays."""
    aside = MOUNT_POINT / f"{volume}.before-{stamp}"
    owner = target.stat()
    former = sorted(target.iterdir())
    if former:
        aside.mkdir()
        os.chown(aside, owner.st_uid, owner.st_gid)
        aside.chmod(owner.st_mode & 0o7777)
    for each in former:
        each.rename(aside / each.name)
    for each in sorted((WORK / volume).iterdir()):
        each.rename(target / each.name)
    return str(aside) if former else ""


def one(volume: str, target: Path, path: str, stamp: str) -> str:
    """Put one file or folder in place."""
    wanted = target / path
    if os.path.realpath(wanted.parent) != str(wanted.parent):
        raise PlaceError(f"A symbolic link is on the way to {wanted}. Nothing was changed.")
    make_parents(wanted.parent, target, WORK / volume)
    aside = wanted.with_name(f"{wanted.name}.before-{stamp}")
    there = os.path.lexists(wanted)
    if there:
        wanted.rename(aside)
    (WORK / volume / path).rename(wanted)
    return str(aside) if there else ""


def make_parents(folder: Path, target: Path, source: Path) -> None:
    """Make the folders on the way that are gone, as they were in the backup."""
    if folder.exists():
        return
    make_parents(folder.parent, target, source)
    was = (source / folder.relative_to(target)).stat()
    folder.mkdir()
    os.chown(folder, was.st_uid, was.st_gid)
    folder.chmod(was.st_mode & 0o7777)


def main(arguments: list[str]) -> None:
    """Do one step."""
    step, parameters = arguments
    try:
        told = json.loads(parameters)
        print(json.dumps(begin(**told) if step == "begin" else place(**told)))
    except (PlaceError, OSError) as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main(sys.argv[1:])
