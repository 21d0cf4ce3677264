"""The marks that the source has acknowledged, as the keeper noted them: what a drill expects to find, or not to."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from keeper.places import Places
from keeper.refusal import Refusal

DAYS = 31
"""Files that are kept, one a day. Any second that can be had is younger."""
NOTED = re.compile(r"^(\d+\.\d{6})\n", re.MULTILINE)
"""A whole line: the last one may be torn, after a power cut."""
SAME = 0.001
"""Seconds. PostgreSQL has microseconds, and a float has not all of them."""
COMMITTED = 1.0
"""Seconds after its own time, at most, in which a mark is committed."""


def note(places: Places, seconds: float) -> None:
    """Add the time of a mark that was acknowledged, in seconds since 1970."""
    folder = noted(places)
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")).open("a") as file:
        file.write(f"{seconds:.6f}\n")


def prune(places: Places) -> None:
    """Delete all files but the newest DAYS."""
    for file in sorted(noted(places).glob("????-??-??"))[:-DAYS]:
        file.unlink()


def acknowledged(places: Places) -> list[float]:
    """Return the times of all marks that were noted, the oldest first."""
    texts = [file.read_text() for file in noted(places).glob("????-??-??")]
    return sorted(float(found) for text in texts for found in NOTED.findall(text))


def noted(places: Places) -> Path:
    """Return the folder with a file for each day."""
    return places.records / "marks"


def require_moment(there: Sequence[float], known: Sequence[float], moment: float) -> tuple[float, float]:
    """Return (the newest acknowledged mark before `moment`, the first after it), of which a database as of `moment` has
    the one and not the other. `there` are the marks that it has, `known` those that were acknowledged. Pure.

    Raises:
        Refusal: it lacks the one, has the other or any later one, or none was acknowledged on one side.
    """
    before = max((mark for mark in known if mark <= moment - COMMITTED), default=None)
    after = min((mark for mark in known if mark > moment), default=None)
    when = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    if before is None or after is None:
        raise Refusal(
            f"No mark is known {'before' if before is None else 'after'} {when}.",
            "Without one on each side, it is not certain that the database is as of that second.",
            "`systemctl status toybox-keeper-mark.timer`. The next drill chooses another second.",
        )
    if not any(abs(mark - before) < SAME for mark in there):
        raise Refusal(
            f"The restored database lacks the mark of {datetime.fromtimestamp(before, UTC).isoformat()}.",
            f"The source had acknowledged it {moment - before:.0f} s before the second that was restored: {when}.",
            "`toybox-keeper drill`, which tries another second. If it fails, too: `toybox-keeper run full`.",
        )
    if any(mark > moment for mark in there):
        raise Refusal(
            f"The restored database has a mark of {datetime.fromtimestamp(max(there), UTC).isoformat()}.",
            f"It was to be as of {when}, and went on beyond it.",
            "`toybox-keeper drill`, which tries another second.",
        )
    return before, after
