"""Restore points as tables for people and as JSON for programs. The JSON's keys are an interface: none is renamed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from ops.restore_points import schedule
from ops.restore_points.model import RestorePoint, Volume
from ops.restore_points.rounds import Outcome
from settings import SnapshotPolicy


def point_json(point: RestorePoint, now: datetime) -> dict[str, Any]:
    """One restore point."""
    return {
        "id": point.id,
        "source": point.source,
        "volumeId": point.volume_id,
        "name": point.name,
        "size": point.size,
        "createdAt": point.created_at.isoformat().replace("+00:00", "Z"),
        "ageSeconds": round(point.age(now).total_seconds()),
        "state": point.state,
        "cloudState": point.word,
        "instanceId": point.instance_id,
        "usable": point.usable,
    }


def volume_json(volume: Volume | None) -> dict[str, Any] | None:
    """One volume."""
    if volume is None:
        return None
    return {
        "id": volume.id,
        "name": volume.name,
        "size": volume.size,
        "state": volume.word,
        "serverId": volume.server_id,
    }


def list_json(
    stack: str, volume: Volume | None, policy: SnapshotPolicy, points: Sequence[RestorePoint], now: datetime
) -> dict[str, Any]:
    """The list of a stack's restore points."""
    daily = policy.schedule == "daily"
    of_it = [point for point in points if volume is not None and point.volume_id == volume.id]
    return {
        "stack": stack,
        "volume": volume_json(volume),
        "policy": {"driver": policy.driver, "schedule": policy.schedule, "keep": policy.keep},
        "due": daily and schedule.due(of_it, now),
        "nextDueAt": schedule.next_due(of_it, now).isoformat().replace("+00:00", "Z") if daily else None,
        "fresh": schedule.fresh(of_it, now),
        "restorePoints": [point_json(point, now) for point in points],
    }


def outcome_json(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """What a round did with one volume."""
    return {
        "volume": volume_json(outcome.volume),
        "action": outcome.action,
        "reason": outcome.reason,
        "newest": None if outcome.newest is None else point_json(outcome.newest, now),
        "pruned": list(outcome.pruned),
        "missing": outcome.missing,
    }


def age_text(point: RestorePoint, now: datetime) -> Text:
    """An age; red where nobody can rely on it."""
    if not schedule.credible(point, now):
        return Text("in the future", "red")
    return Text(schedule.in_words(point.age(now)))


STYLES = {"available": "green", "error": "red"}


def points_table(points: Sequence[RestorePoint], now: datetime, *, volumes: bool) -> Table:
    """The list for people; with `volumes` it says of which volume each one is."""
    table = _table("age", "taken (UTC)", "GB", "state", "source", "id", "name", *(["volume"] if volumes else []))
    for point in points:
        state = point.state if point.state == point.word else f"{point.state} ({point.word})"
        table.add_row(
            age_text(point, now),
            f"{point.created_at:%Y-%m-%d %H:%M}",
            str(point.size),
            Text(state, STYLES.get(point.state, "yellow")),
            point.source,
            point.id,
            Text(point.name),
            *([point.volume_id] if volumes else []),
        )
    return table


ACTIONS = {"taken": "green", "not due": "green", "skipped": "dim", "failed": "red"}


def rounds_table(outcomes: Sequence[Outcome]) -> Table:
    """What a round did, for people."""
    table = _table("volume", "result", "why", "removed")
    for outcome in outcomes:
        table.add_row(
            Text(outcome.volume.name or outcome.volume.id),
            Text(outcome.action, ACTIONS[outcome.action]),
            Text(outcome.reason),
            Text(", ".join(outcome.pruned)),
        )
    return table


def next_words(policy: SnapshotPolicy, points: Sequence[RestorePoint], now: datetime) -> str:
    """Whether the next restore point is due."""
    if policy.schedule == "off":
        return "The policy is off: no restore points are taken."
    if policy.driver == "conoha":
        return "The next one: tonight, at an hour that ConoHa chooses."
    if schedule.due(points, now):
        return "The next one is due: `toybox restore-points run` takes it."
    remaining = schedule.next_due(points, now) - now
    return f"The next one is due in {schedule.in_words(remaining)} at the latest."


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
