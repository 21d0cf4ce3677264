"""What ails a container, as an update and the status judge it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from host.containers import ailment, is_declared

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def container(**changes: Any) -> dict[str, Any]:
    """One that has run for an hour, healthy."""
    well = {
        "name": "redis",
        "labels": {"toybox.name": "redis"},
        "restart_policy": "unless-stopped",
        "state": "running",
        "health": "healthy",
        "restarts": 0,
        "exit_code": 0,
        "oom_killed": False,
        "error": "",
        "started": "2026-11-24T02:00:00.123456789Z",
    }
    return well | changes


@pytest.mark.parametrize(
    ("changes", "kind", "lasting"),
    [
        ({"state": "exited"}, "stopped", True),
        ({"state": "created"}, "stopped", True),
        ({"state": "dead"}, "stopped", True),
        ({"state": "paused"}, "paused", True),
        ({"state": "restarting", "health": "unhealthy", "restarts": 4}, "crash loop", True),
        ({"health": "unhealthy"}, "hanging", True),
        ({"health": "starting", "restarts": 1, "started": "2026-11-24T02:59:00Z"}, "crash loop", True),
        ({"restarts": 1, "started": "2026-11-24T02:59:00Z"}, "crash loop", False),
        ({"restarts": 3, "started": "2026-11-24T02:59:00Z"}, "crash loop", True),
    ],
)
def test_a_container_that_does_not_do_its_work_is_ill(changes: dict[str, Any], kind: str, lasting: bool) -> None:
    found = ailment(container(**changes), NOW)
    assert found
    assert (found.kind, found.lasting) == (kind, lasting)


@pytest.mark.parametrize(
    "changes", [{}, {"health": "starting", "started": "2026-11-24T02:59:00Z"}, {"restarts": 2}, {"health": None}]
)
def test_one_that_runs_or_has_just_been_started_is_not(changes: dict[str, Any]) -> None:
    assert ailment(container(**changes), NOW) is None


def test_only_what_toybox_made_to_stay_is_judged() -> None:
    """The container of a release has the label, and ends."""
    assert is_declared(container())
    assert not is_declared(container(labels={}))
    assert not is_declared(container(labels={"toybox.name": "web"}))
    assert not is_declared(container(restart_policy="no"))


def test_its_age_is_by_the_servers_clock() -> None:
    recent = container(restarts=1, started=f"{NOW - timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}.9Z")
    assert ailment(recent, NOW)
    assert ailment(recent, NOW + timedelta(minutes=10)) is None
