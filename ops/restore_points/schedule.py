"""When a restore point is due, what it is called, and which ones may go. Pure: every moment is an argument.

Clocks are not to be trusted: ours may be wrong, the cloud's may have been, and a schedule in local time shifts by an
hour twice a year. So nothing here depends on the hour or the date, and a restore point from the future counts for
nothing and is left alone.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from ops.restore_points.model import RestorePoint

DAY = timedelta(hours=24)

SLACK = timedelta(hours=4)
"""How much earlier than a day after the last one the next may be taken. A daily run is never due a moment too early by
its own jitter, by a slow cloud or by daylight saving, and then skipped until the next day."""

RED = timedelta(hours=26)
"""The age at which the newest one is too old: a night was missed."""

SKEW = timedelta(minutes=10)
"""How far two clocks may be apart before a restore point is called one from the future."""

_NAME = re.compile(r".+-[0-9]{8}T[0-9]{4}Z")


def name(volume: str, now: datetime) -> str:
    """What a restore point of `volume` is called that is taken now: toybox-prod-data-20261124T0300Z."""
    return f"{volume}-{now.astimezone(UTC):%Y%m%dT%H%MZ}"


def ours(point: RestorePoint) -> bool:
    """Whether `toybox restore-points` took it, by its name. All others belong to somebody else."""
    return point.source == "snapshot" and _NAME.fullmatch(point.name) is not None


def credible(point: RestorePoint, now: datetime) -> bool:
    """Whether its time can be true: it is not from the future."""
    return point.age(now) >= -SKEW


def newest_good(points: Iterable[RestorePoint], now: datetime) -> RestorePoint | None:
    """The newest one whose data is whole; its age is what an operator wants to know."""
    return max((p for p in points if p.good and credible(p, now)), key=_moment, default=None)


def newest_usable(points: Iterable[RestorePoint], now: datetime) -> RestorePoint | None:
    """The newest one that a volume can be made from now. One from the future only if there is no other: its data may
    be as good as any, but how old it is, nobody knows."""
    usable = [p for p in points if p.usable]
    believed = [p for p in usable if credible(p, now)]
    return max(believed or usable, key=_moment, default=None)


def fresh(points: Iterable[RestorePoint], now: datetime) -> bool:
    """Whether the newest good one is young enough."""
    newest = newest_good(points, now)
    return newest is not None and newest.age(now) <= RED


def due(points: Iterable[RestorePoint], now: datetime) -> bool:
    """Whether a daily restore point is to be taken now: there is none of the last day that is whole, or about to be.

    One that has been `creating` for hours is stuck, and does not count.
    """
    return not any(
        (point.good and age < DAY - SLACK) or (point.state == "creating" and age < SLACK)
        for point in points
        if credible(point, now)
        for age in (point.age(now),)
    )


def next_due(points: Iterable[RestorePoint], now: datetime) -> datetime:
    """When the next one is due at the latest: a day after the newest good one; now, if there is none."""
    newest = newest_good(points, now)
    return now if newest is None else max(newest.created_at + DAY, now)


def prunable(points: Sequence[RestorePoint], keep: int, now: datetime) -> list[RestorePoint]:
    """Which ones may go, the oldest first.

    A good one goes when it is both beyond the newest `keep` and older than so many days: a handful taken by hand before
    a deployment does not push out last week, and a schedule that stood still does not thin out what there is. Since
    `keep` is at least 1, the last good one stays, whatever the clock says.

    A broken one goes after a day, if there is a good one; one that is being made, read or deleted is left alone.
    """
    believed = [p for p in points if ours(p) and credible(p, now)]
    good = sorted((p for p in believed if p.good), key=_moment, reverse=True)
    old = keep * DAY - SLACK
    beyond = [p for p in good[max(keep, 1) :] if p.usable and p.age(now) > old]
    broken = [p for p in believed if p.state == "error" and p.age(now) > DAY] if good else []
    return sorted([*beyond, *broken], key=_moment)


def in_words(age: timedelta) -> str:
    """An age as people say it: minutes below two hours, hours below two days, then days."""
    minutes = max(0, round(age.total_seconds() / 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def _moment(point: RestorePoint) -> tuple[datetime, str]:
    return point.created_at, point.id
