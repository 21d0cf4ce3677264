"""Report whether the server's clock is right: certificates, logins and the age of restore points depend on it."""

from datetime import datetime, timedelta

from ops.status.line import Line

NAME = "clock"

APART = timedelta(seconds=60)
"""The most that two clocks may differ."""


def clock_line(theirs: float | None, before: datetime, after: datetime, on_server: str) -> Line:
    """Return a line that says whether the server's time, in seconds since 1970, lies between our times before and after
    the question."""
    if theirs is None:
        return Line(NAME, "unknown", "the server does not tell")
    told = datetime.fromtimestamp(theirs, before.tzinfo)
    if before - APART <= told <= after + APART:
        return Line(NAME, "good", "as this machine's")
    behind = before - told
    text = f"{abs(behind.total_seconds()):.0f} s {'behind' if behind > timedelta() else 'ahead of'} this machine's"
    return Line(NAME, "bad", text, f'{on_server} "timedatectl set-ntp true; timedatectl"')
