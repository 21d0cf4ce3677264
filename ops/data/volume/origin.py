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
    import yaml

    node = yaml.compose(text)
    for name in ("config", KEY, "origin"):
        inside = node.value if isinstance(node, yaml.MappingNode) and not node.flow_style else []
        key, node = next((entry for entry in inside if entry[0].value == name), (None, None))
    if key is None or not isinstance(node, yaml.MappingNode) or node.flow_style:
        raise OpsError(f"The settings file has no {KEY} with an origin under it, each on a line of its own.")
    start = text.index("\n", key.end_mark.index) + 1
    # Not the end of the mapping: to PyYAML the comments behind it belong to it.
    end = f"{text}\n".index("\n", node.value[-1][1].end_mark.index) + 1
    block = [f"{' ' * node.start_mark.column}{key}: {value}\n" for key, value in origin.items()]
    return "".join([text[:start], *block, text[end:]])


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
