"""Where the lab's volumes are: an XFS file system in a sparse file. XFS shares extents, so a snapshot is atomic and
costs nothing."""

import json
import os
import subprocess
from dataclasses import dataclass

from lab import paths
from lab.steps import run

STORE = paths.LAB_DIR / "volumes.xfs"
LOG = paths.LOG / "volumes.log"
SIZE = 2 << 40
"""What the store claims to hold, in bytes. The file is sparse: it takes from the disk what is really written."""


@dataclass(frozen=True)
class LoopDevice:
    """A loop device and the file behind it."""

    device: str
    file_system: str
    """Major and minor number of the file system that the file is on, as in "7:0"."""
    backing: str
    """The file's name, from the root of its file system where that is not mounted any more."""
    deleted: bool


def parse_losetup(text: str) -> list[LoopDevice]:
    """The output of `losetup --json --output NAME,BACK-MAJ:MIN,BACK-FILE`, which is empty where there is no loop
    device.

    The kernel adds " (deleted)" to the name of a file that is not there any more.
    """
    found = []
    for loop in json.loads(text)["loopdevices"] if text.strip() else []:
        backing = str(loop["back-file"])
        file_system = str(loop["back-maj:min"]).strip()
        found.append(
            LoopDevice(loop["name"], file_system, backing.removesuffix(" (deleted)"), backing.endswith(" (deleted)"))
        )
    return found


def loop_devices() -> list[LoopDevice]:
    """All loop devices of this machine."""
    command = ["losetup", "--json", "--list", "--output", "NAME,BACK-MAJ:MIN,BACK-FILE"]
    return parse_losetup(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def store_devices() -> list[str]:
    """The loop devices on the store's file."""
    return [loop.device for loop in loop_devices() if loop.backing == str(STORE) and not loop.deleted]


def volume_devices() -> list[str]:
    """The loop devices on any file in the store, which must be mounted; those made before that mount, too."""
    device = paths.VOLUMES.stat().st_dev
    file_system = f"{os.major(device)}:{os.minor(device)}"
    return [loop.device for loop in loop_devices() if loop.file_system == file_system]


def is_mounted() -> bool:
    """Whether the store is mounted in its place."""
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
    # A store that was unmounted while a server held a volume is still attached, and a second device on one file system
    # would ruin it.
    attached = store_devices()
    if attached:
        run("mount", "-t", "xfs", attached[0], paths.VOLUMES, log=LOG)
    else:
        run("mount", "-t", "xfs", "-o", "loop", STORE, paths.VOLUMES, log=LOG)
    (paths.VOLUMES / "backups").mkdir(exist_ok=True)
    return remark


def remove_store() -> None:
    """Detach the volumes' loop devices and unmount the store. Its file goes with LAB_DIR."""
    if not STORE.exists():
        return
    ensure_store()  # unmounted behind the lab's back, it could still be held by volumes
    for device in volume_devices():
        run("losetup", "--detach", device, log=LOG)
    while is_mounted():
        run("umount", paths.VOLUMES, log=LOG)
    for device in store_devices():  # where it was mounted by device, unmounting does not take that along
        run("losetup", "--detach", device, log=LOG)
