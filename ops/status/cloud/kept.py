"""The former data volumes that a restore or an adoption put aside."""

from ops.status.cloud.volume import Data, going_on, unended
from ops.status.line import Line

NAME = "kept volumes"


def kept_lines(data: Data, stack: str) -> list[Line]:
    """How many there are: they cost money, and lead back. Red for each whose command has not come to its end: whether
    the data that took its place is right, that command would have looked at its end."""
    ill = [
        Line(NAME, "bad", f"{each.name} ({each.id}){text}", going_on(each, stack))
        for each in data.kept
        if (text := unended(each))
    ]
    text = f"{len(data.kept)}, which cost money: `toybox kept list --stack {stack}`"
    return ill or ([Line(NAME, "off", text)] if data.kept else [])
