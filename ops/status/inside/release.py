"""Report the end of the last release."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ops.restore_points import schedule
from ops.status.line import Line

NAME = "release"


def release_line(released: Mapping[str, Any] | None, now: datetime, stack: str) -> Line:
    """Return a line that says whether the last release of TOYBOX's image succeeded."""
    if released is None:
        return Line(NAME, "off", "the server has noted none yet")
    ago = schedule.in_words(now - datetime.fromtimestamp(released["ended"], now.tzinfo))
    image = str(released["image"]).rpartition("sha256:")[2][:12]
    if released["failed"]:
        text = f"{image} failed {ago} ago at its step {released['failed']}; the image before it goes on serving"
        return Line(NAME, "bad", text, f"pulumi up --stack {stack}")
    return Line(NAME, "good", f"{image}, {ago} ago")
