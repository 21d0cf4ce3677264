"""Report the age of the newest good restore point of the stack's data."""

from collections.abc import Sequence
from datetime import datetime

from ops.data.volume.known import former_ids
from ops.restore_points import schedule
from ops.restore_points.model import RestorePoint, Volume
from ops.status.cloud.volume import Data
from ops.status.line import Line
from settings import Declared

NAME = "restore point"

COMMANDS = {
    "conoha": "pulumi up --stack {stack} --replace '**::snapshots-subscription'",
    "openstack": "toybox restore-points run --stack {stack}",
}
"""The command that leads to the next restore point, by driver."""


def points_of(stack: str, data: Data, volumes: Sequence[Volume], points: Sequence[RestorePoint]) -> list[RestorePoint]:
    """Return the restore points of the stack's data, those of its former data volumes included. A backup outlives its
    volume, and `toybox restore-points list` shows it."""
    ids = former_ids(stack, volumes, points) | ({data.id} if data.id else set())
    return [point for point in points if point.volume_id in ids]


def restore_point_line(
    settings: Declared, stack: str, data: Data, points: Sequence[RestorePoint], now: datetime
) -> Line:
    """Return a line with the age of the newest good one. It is bad past 26 hours."""
    newest = schedule.newest_good(points, now)
    text = "there is none" if newest is None else f"{schedule.in_words(newest.age(now))} old ({newest.id})"
    if settings.snapshot_policy.schedule == "off":
        return Line(NAME, "off", f"the policy is off; {text}")
    if schedule.fresh(points, now):
        return Line(NAME, "good", text)
    if newest is None and data.present is not None and now - data.present.created_at <= schedule.RED:
        return Line(NAME, "unknown", "none yet: the volume is new, and its first night is still to come")
    text = f"{text}, and {schedule.in_words(schedule.RED)} are the limit"
    return Line(NAME, "bad", text, COMMANDS[settings.snapshot_policy.driver].format(stack=stack))
