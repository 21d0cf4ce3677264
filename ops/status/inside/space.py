"""Report whether there is room on the server's disks."""

from collections.abc import Mapping
from typing import Any

from host.fitness import MOUNT_POINT
from ops.status.line import Line

FULL, NEARLY = 0.02, 0.1
"""Free shares of a disk. Below the first a database may stop at the next busy hour; below the second somebody should
look."""


def space_lines(space: Mapping[str, Any] | None, source: str | None, on_server: str) -> list[Line]:
    """Return a line for each file system that is short of room, and one for all that are not. `source` is the data
    disk's device. `on_server` is the ssh command to which another one is appended."""
    if not space:
        return [Line("disk space", "unknown", "the server does not tell")]
    lines = [space_line(path, told, source, on_server) for path, told in once(space).items()]
    short = [line for line in lines if line.verdict != "good"]
    return short or [Line("disk space", "good", ", ".join(line.text for line in lines))]


def once(space: Mapping[str, Any]) -> dict[str, Any]:
    """Return one path for each file system."""
    found: dict[int, tuple[str, Any]] = {}
    for path, told in space.items():
        found.setdefault(told["device"], (path, told))
    return dict(found.values())


def space_line(path: str, told: Mapping[str, Any], source: str | None, on_server: str) -> Line:
    """Return a line about the room on one file system. Root's reserve on the data disk can be released at once."""
    share = told["available"] / told["size"]
    inodes = told["inodes_free"] / told["inodes"] if told["inodes"] else 1
    name, text = "disk space", f"{share:.0%} of {path} left"
    if inodes < FULL:
        return Line(name, "bad", f"{inodes:.0%} of the inodes of {path} left", f'{on_server} "du --inodes -s {path}/*"')
    if share < FULL and path != MOUNT_POINT:
        return Line(name, "bad", text, f"{on_server} docker image prune --all --force")
    if share < FULL and source and told["free"] - told["available"] > FULL * told["size"]:
        text = f"{text}. A twentieth is reserved for root; this hands it out. {SECTION}"
        return Line(name, "bad", text, f"{on_server} tune2fs -m 0 {source}")
    if share < FULL:
        return Line(name, "bad", f"{text}. {SECTION}", f'{on_server} "du -sh {path}/*"')
    return Line(name, "unknown" if share < NEARLY else "good", text)


SECTION = 'docs/runbook.md, "The data disk is full"'
