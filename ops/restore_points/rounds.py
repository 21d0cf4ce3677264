"""One round of `toybox restore-points run`: look at every volume, take what is due, remove what may go, and say so.

No volume is passed over in silence, and one that fails does not keep the others from theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ops import OpsError
from ops.restore_points import schedule
from ops.restore_points.model import Driver, RestorePoint, Volume
from settings import SnapshotPolicy

TAKEABLE = ("available", "in-use")
"""Cinder's words for volumes of which a snapshot can be taken."""


@dataclass(frozen=True)
class Outcome:
    """What became of one volume."""

    volume: Volume
    action: Literal["taken", "not due", "skipped", "failed"]
    reason: str
    newest: RestorePoint | None = None
    pruned: tuple[str, ...] = ()
    """The names of what was removed."""
    missing: bool = False
    """Whether it should have a fresh restore point and has none."""


def policy_on(volume: Volume, own: Volume | None, declared: SnapshotPolicy) -> SnapshotPolicy | None:
    """The policy of a volume, if it has one: on ConoHa only the settings know, elsewhere it stands on the volume. An
    adopted volume carries none; if it is the stack's own, the settings speak for it.

    Raises ValueError if the one on the volume cannot be read.
    """
    is_own = own is not None and volume.id == own.id
    if declared.driver == "conoha":
        return declared if is_own else None
    return SnapshotPolicy.from_metadata(volume.metadata) or (declared if is_own else None)


def run(driver: Driver, own: Volume | None, declared: SnapshotPolicy, now: Callable[[], datetime]) -> list[Outcome]:
    """Attend to all volumes; `own` is the data volume of the stack whose settings hold `declared`."""
    points: dict[str, list[RestorePoint]] = {}
    for point in driver.list():
        points.setdefault(point.volume_id, []).append(point)
    outcomes = []
    for volume in driver.volumes():
        try:
            policy = policy_on(volume, own, declared)
        except ValueError as error:
            reason = f"its policy cannot be read: {' '.join(str(error).split())}"
            outcomes.append(Outcome(volume, "failed", reason, missing=True))
            continue
        outcomes.append(attend(driver, volume, policy, points.get(volume.id, []), now))
    return outcomes


def attend(
    driver: Driver,
    volume: Volume,
    policy: SnapshotPolicy | None,
    points: Sequence[RestorePoint],
    now: Callable[[], datetime],
) -> Outcome:
    """Take a restore point of the volume if one is due, and remove old ones; what fails is an outcome, too."""
    began = now()
    newest = schedule.newest_good(points, began)
    if policy is None:
        return Outcome(volume, "skipped", NO_POLICY[driver.name], newest)
    if policy.schedule == "off" or policy.keep is None:
        return Outcome(volume, "skipped", "its policy is off", newest)
    if driver.name == "conoha":
        return of_the_night(volume, points, began)
    if not schedule.due(points, began):
        return pruned(driver, Outcome(volume, "not due", aged(newest, began), newest), points, policy.keep, now())
    if volume.word not in TAKEABLE:
        return Outcome(
            volume, "failed", f"the volume is {volume.word}", newest, missing=not schedule.fresh(points, began)
        )
    try:
        taken = driver.take(volume, schedule.name(volume.name or volume.id, began))
    except OpsError as error:
        return Outcome(volume, "failed", str(error), newest, missing=not schedule.fresh(points, now()))
    outcome = Outcome(volume, "taken", taken.name, taken)
    return pruned(driver, outcome, [*points, taken], policy.keep, now())


NO_POLICY: Mapping[str, str] = {
    "conoha": "not this stack's data volume",
    "openstack": "no policy in its metadata",
}
"""By driver, why a volume is not attended to."""


def of_the_night(volume: Volume, points: Sequence[RestorePoint], now: datetime) -> Outcome:
    """What ConoHa's nights have left of the volume: nothing is taken, and nothing removed."""
    newest = schedule.newest_good(points, now)
    if schedule.fresh(points, now):
        return Outcome(volume, "not due", aged(newest, now), newest)
    if newest is None and now - volume.created_at <= schedule.RED:
        return Outcome(volume, "not due", "the volume is new, and its first night is still to come")
    reason = f"ConoHa took none in the last {schedule.RED.total_seconds() / 3600:.0f} h: {aged(newest, now)}"
    return Outcome(volume, "failed", reason, newest, missing=True)


def pruned(driver: Driver, outcome: Outcome, points: Sequence[RestorePoint], keep: int, now: datetime) -> Outcome:
    """The outcome after the old ones were removed. A restore point that was taken stays taken, whatever fails here."""
    old = schedule.prunable(points, keep, now)
    missing = not schedule.fresh(points, now)
    try:
        driver.prune(old)
    except OpsError as error:
        reason = f"{outcome.reason}; but old ones could not be removed: {error}"
        return Outcome(outcome.volume, "failed", reason, outcome.newest, missing=missing)
    return Outcome(
        outcome.volume, outcome.action, outcome.reason, outcome.newest, tuple(point.name for point in old), missing
    )


def aged(newest: RestorePoint | None, now: datetime) -> str:
    """How old the newest one is, in words."""
    return "there is none" if newest is None else f"the newest is {schedule.in_words(newest.age(now))} old"
