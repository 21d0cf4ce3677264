"""Which restore point a new data volume is made from, or why none is. Pure."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from ops import OpsError
from ops.restore_points import schedule
from ops.restore_points.model import RestorePoint


def choose(
    points: Sequence[RestorePoint],
    wanted: str | None,
    *,
    of: str,
    volumes: Collection[str],
    others: Collection[str] = (),
    size: int,
    now: datetime,
    oldest: timedelta | None = None,
) -> RestorePoint:
    """The restore point with the id `wanted`, or the newest usable one, of the stack `of`.

    `points` are all that the account has; `volumes` are the ids of the data volumes that `of` has or had; `others` are
    those of the stack that is to get the data; `size` is what its settings say, in GB; `oldest` is how old the data may
    be.

    Raises:
        OpsError: there is none, or it cannot or should not be used.
    """
    ours = [point for point in points if point.volume_id in volumes]
    point = _by_id(points, wanted, of, volumes, others) if wanted else schedule.newest_usable(ours, now)
    if point is None:
        raise OpsError(_none_usable(ours, of))
    if not point.usable:
        raise OpsError(
            f"Restore point {point.id} of {of} cannot be used: it is {point.word}.\n"
            f"    Way out: `toybox restore-points list --stack {of}` shows those that are available; `--from ID` takes "
            "one of them."
        )
    if point.size != size:
        smaller = "smaller" if point.size < size else "larger"
        reason = (
            "its file system would stay as small as it is"
            if point.size < size
            else "its data would not fit"
        )  # fmt: skip
        raise OpsError(
            f"Restore point {point.id} has {point.size} GB, which is {smaller} than the {size} GB of the settings: "
            f"{reason}.\n"
            f"    Way out: set dataVolume.size to {point.size} in the settings."
        )
    if oldest is not None and point.age(now) > oldest:
        raise OpsError(
            f"The {'restore point' if wanted else 'newest usable restore point'} of {of}, {point.id}, is "
            f"{schedule.in_words(point.age(now))} old ({when(point)}), more than {schedule.in_words(oldest)}.\n"
            f"    Why:     a night was missed: `toybox status --stack {of}` says more.\n"
            "    Way out: find out why, and have one made; or take the old data: `--allow-older`."
        )
    return point


def _by_id(
    points: Sequence[RestorePoint], wanted: str, of: str, volumes: Collection[str], others: Collection[str]
) -> RestorePoint:
    found = next((point for point in points if point.id == wanted), None)
    if found is not None and found.volume_id in volumes:
        return found
    if found is not None and found.volume_id in others:
        reason = "it is one of the stack that is to get the data, and not one of its source"
    elif found is not None:
        reason = f"it is of another volume, {found.volume_id}"
    elif wanted in volumes or wanted in others:
        reason = "it is the id of a volume, and not of a restore point"
    else:
        reason = "this account has no such restore point (another project's are not looked at)"
    raise OpsError(
        f"{wanted} is no restore point of {of}'s data: {reason}. Nothing was changed.\n"
        f"    Way out: `toybox restore-points list --stack {of}` shows those that are."
    )


def _none_usable(ours: Sequence[RestorePoint], of: str) -> str:
    if not ours:
        return (
            f"{of} has no restore point yet. Nothing was changed.\n"
            f"    Why:     ConoHa makes one every night, the first one in the night after {of} was made.\n"
            f"    Way out: wait for it; `toybox restore-points list --stack {of}` shows it. On another OpenStack: "
            f"`toybox restore-points take --stack {of}`."
        )
    words = ", ".join(f"{point.id} is {point.word}" for point in ours[:5])
    return (
        f"No restore point of {of} can be used: {words}. Nothing was changed.\n"
        f"    Way out: one that is being made is ready in a few minutes. One in error needs ConoHa's support; "
        f"`toybox restore-points list --stack {of}` shows them."
    )


def when(point: RestorePoint) -> str:
    """The moment of the data."""
    return f"{point.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def described(point: RestorePoint, now: datetime) -> str:
    """The restore point in words."""
    age = schedule.in_words(point.age(now)) if schedule.credible(point, now) else "from the future: a clock is wrong"
    return f"{point.source} {point.id}, {point.size} GB, of {when(point)} ({age} old)"
