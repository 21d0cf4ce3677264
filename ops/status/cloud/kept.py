"""Report the former data volumes that a restore or an adoption put aside."""

from ops.status.cloud.volume import Data, going_on, unended
from ops.status.line import Line

NAME = "kept volumes"


def kept_lines(data: Data, stack: str) -> list[Line]:
    """Return a line with their number: they cost money, and can be adopted again. Add a red line for each whose command
    has not finished. Only that command checks at its end that the new data is right."""
    ill = [
        Line(NAME, "bad", f"{each.name} ({each.id}){text}", going_on(each, stack))
        for each in data.kept
        if (text := unended(each))
    ]
    text = f"{len(data.kept)}, which cost money: `toybox kept list --stack {stack}`"
    return ill or ([Line(NAME, "off", text)] if data.kept else [])
