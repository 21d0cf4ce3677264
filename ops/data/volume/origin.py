"""Writes what the data volume is made from into a stack's settings file, and leaves every other character alone."""

from collections.abc import Mapping
from pathlib import Path

from ops import OpsError
from ops.restore_points.model import RestorePoint

KEY = "toybox:dataVolume"


def of_restore_point(point: RestorePoint) -> dict[str, str | int]:
    """The origin of a volume that is made from a restore point."""
    return {"source": point.source, "id": point.id, "size": point.size}


def adopted(volume_id: str) -> dict[str, str | int]:
    """The origin of a volume that is there already."""
    return {"source": "adopted", "id": volume_id}


def kept(kind: str, to: str) -> dict[str, str | int]:
    """The origin of a volume on which a keeper's backup is put. In quotes: a bare time is no text to YAML."""
    return {"source": kind, "to": f'"{to}"'}


def written(text: str, origin: Mapping[str, str | int]) -> str:
    """The settings file with another origin. Comments and order stay; people review the difference.

    Raises:
        OpsError: it has no block `toybox:dataVolume` with an `origin` in it.
    """
    lines = text.splitlines(keepends=True)
    first, last = _block(lines, _block(lines, (0, len(lines)), f"{KEY}:"), "origin:")
    inner = next((line for line in lines[first + 1 : last] if line.split("#")[0].strip()), None)
    indent = " " * (_depth(inner) if inner else _depth(lines[first]) + 2)
    # comments and blank lines at the end belong to what follows
    while last - 1 > first and not lines[last - 1].split("#")[0].strip():
        last -= 1
    block = [f"{indent}{key}: {value}\n" for key, value in origin.items()]
    return "".join([*lines[: first + 1], *block, *lines[last:]])


def _block(lines: list[str], within: tuple[int, int], head: str) -> tuple[int, int]:
    """The lines of the block that `head` opens: its own number, and that of the first line behind it."""
    for number in range(*within):
        if lines[number].split("#")[0].strip() == head:
            depth = _depth(lines[number])
            end = next(
                (
                    n
                    for n in range(number + 1, within[1])
                    if lines[n].split("#")[0].strip() and _depth(lines[n]) <= depth
                ),
                within[1],
            )
            return number, end
    raise OpsError(f"The settings file has no {KEY} with an origin under it, each on a line of its own.")


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def write(file: Path, origin: Mapping[str, str | int]) -> bool:
    """Put the origin into the file; whether that changed it."""
    before = file.read_text()
    after = written(before, origin)
    if after == before:
        return False
    new = file.with_name(f"{file.name}.new")
    new.touch(mode=file.stat().st_mode & 0o777)
    new.write_text(after)
    new.replace(file)
    return True
