"""Where the lab's volumes are: an XFS file system in a sparse file. XFS shares extents, so a snapshot is atomic and costs nothing."""

import os
import subprocess
from pathlib import Path

from lab import paths
from lab.steps import run

STORE = paths.LAB_DIR / "volumes.xfs"
LOG = paths.LOG / "volumes.log"
SIZE = 2 << 40
"""What the store claims to hold, in bytes. The file is sparse: it takes from the disk what is really written."""


def parse_losetup(text: str) -> list[tuple[str, str]]:
    """Pairs of loop device and backing file from `losetup --noheadings --output NAME,BACK-FILE`.

    The kernel adds " (deleted)" to the name of a file that is not there any more.
    """
    pairs = []
    for line in text.splitlines():
        device, _, backing = line.strip().partition(" ")
        pairs.append((device, backing.strip().removesuffix(" (deleted)")))
    return pairs


def loop_devices(folder: Path = paths.LAB_DIR) -> list[tuple[str, str]]:
    """The loop devices on files below a folder."""
    text = subprocess.run(
        ["losetup", "--noheadings", "--raw", "--output", "NAME,BACK-FILE"], check=True, capture_output=True, text=True
    ).stdout
    return [(device, backing) for device, backing in parse_losetup(text) if backing.startswith(f"{folder}/")]


def is_mounted() -> bool:
    return os.path.ismount(paths.VOLUMES)


def ensure_store() -> str:
    """Make the file system if there is none, and mount it."""
    if is_mounted():
        return "mounted"
    remark = "mounted"
    if not STORE.exists():
        new = STORE.with_suffix(".new")
        new.unlink(missing_ok=True)
        with new.open("wb") as file:
            os.truncate(file.fileno(), SIZE)
        # a small log: a big one is written out in full
        run("mkfs.xfs", "-q", "-m", "reflink=1", "-l", "size=64m", "-K", new, log=LOG)
        new.rename(STORE)
        remark = "made and mounted"
    paths.VOLUMES.mkdir(exist_ok=True)
    # A store that was unmounted while a server held a volume is still attached; a second device on one file system would ruin it.
    attached = [device for device, backing in loop_devices() if backing == str(STORE)]
    if attached:
        run("mount", "-t", "xfs", attached[0], paths.VOLUMES, log=LOG)
    else:
        run("mount", "-t", "xfs", "-o", "loop", STORE, paths.VOLUMES, log=LOG)
    (paths.VOLUMES / "backups").mkdir(exist_ok=True)
    return remark


def remove_store() -> None:
    """Detach the volumes' loop devices and unmount the store. Its file goes with LAB_DIR."""
    for device, backing in loop_devices():
        if backing != str(STORE):
            run("losetup", "--detach", device, log=LOG)
    while is_mounted():
        run("umount", paths.VOLUMES, log=LOG)
    for device, _ in loop_devices():  # the store's own, where a mount by device did not take it along
        run("losetup", "--detach", device, log=LOG)
