"""Silence is red: what is old, missing, from the future, of another stack or stopped is said, and nothing else."""

from collections.abc import Sequence
from typing import Any

import pytest

from keeper import catalogue, notes, render, status, wal
from keeper.places import Places
from keeper.retention import Backup
from tests.unit.keeper.conftest import NOW


def well(**changes: Any) -> dict[str, Any]:
    """A keeper with which nothing is wrong."""
    return {
        "source": "prod",
        "kept_source": "prod",
        "now": NOW,
        "wal": {"newest": NOW - 50},
        "full": {"newest": NOW - 3600},
        "files": {"newest": NOW - 600},
        "dump": {"newest": NOW - 3600},
        "drill": {"newest": NOW - 86400},
        "drill-copy": {"newest": NOW - 86400},
        "running": {},
        "copy": {"newest": NOW - 3600},
        "vanished": [],
        "wanted": None,
        "mark": {},
        "archive": {},
        "units": dict.fromkeys((*status.UNITS, *status.TIMERS), "active"),
        "disk": {"bytes": 100, "free": 50},
        **changes,
    }


def test_nothing_is_wrong_with_a_keeper_that_is_well() -> None:
    assert status.problems(well()) == []


HOUR = 3600.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"wal": {"newest": NOW - 121}}, "wal: the newest is 2 min old, and may be 2 min"),
        ({"full": {"newest": NOW - 26 * HOUR - 1}}, "full: the newest is 26 h old"),
        ({"files": {"newest": NOW - HOUR - 1}}, "files: the newest is 60 min old"),
        ({"dump": {"newest": NOW - 30 * HOUR}}, "dump: the newest is 30 h old"),
        ({"copy": {"newest": NOW - 27 * HOUR}}, "copy: the newest is 27 h old, and may be 26 h"),
        ({"copy": {"newest": None}}, "copy: nothing is kept yet"),
        ({"wal": {"newest": None}}, "wal: nothing is kept yet"),
        ({"files": {"newest": None}}, "files: nothing is kept yet"),
        ({"full": {"newest": NOW + HOUR}}, "full: the newest is 60 min in the future"),
        ({"vanished": ["000000010000000000000005"]}, "wal: segment 000000010000000000000005 was received and is gone"),
        ({"kept_source": "shop"}, "the disk keeps stack shop, and not prod"),
        (
            {"mark": {"failed": {"started": "2026-11-26T10:15:00Z", "why": "The source is away.\n  Why: x"}}},
            "mark: the last run failed (2026-11-26T10:15:00Z): The source is away.",
        ),
        (
            {"units": {**well()["units"], "toybox-keeper-full.timer": "inactive"}},
            "toybox-keeper-full.timer is inactive",
        ),
        ({"disk": {"bytes": 100, "free": 9}}, "the keeper's disk has 9% free"),
    ],
)
def test_one_thing_that_is_wrong_is_said_alone(changes: dict[str, Any], said: str) -> None:
    (problem,) = status.problems(well(**changes))
    assert problem.startswith(said)


def test_the_freshest_that_is_allowed_is_not_old() -> None:
    assert status.problems(well(wal={"newest": NOW - 120}, files={"newest": NOW - HOUR})) == []


def test_a_keeper_without_a_copy_says_so_and_is_well() -> None:
    told = well(copy=None)
    assert status.problems(told) == []
    assert "copy   none is declared" in render.text("status", {**told, "problems": []})


def test_people_read_the_problems_last() -> None:
    told = well(files={"newest": NOW - 2 * HOUR})
    lines = render.text("status", {**told, "problems": status.problems(told)}).splitlines()
    assert lines[-1] == "WRONG  files: the newest is 2 h old, and may be 60 min"
    assert render.text("status", {**well(), "problems": []}).splitlines()[-1] == "All is well."


@pytest.fixture
def begins(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """{backup: the first segment that it needs}, for a Barman that is not there. The last commit of any segments is a
    minute old."""
    found: dict[str, str] = {}
    monkeypatch.setattr(catalogue, "first_segment", lambda _, backup: found[backup])
    monkeypatch.setattr(wal, "newest_commit_of", lambda _, segments: (NOW - 60, max(segments)))
    return found


def archived(places: Places, timeline: str, numbers: Sequence[int]) -> None:
    """Let these segments be in Barman's archive."""
    folder = places.barman_home / "wals" / f"{timeline}00000000"
    folder.mkdir(parents=True)
    for number in numbers:
        (folder / f"{timeline}00000000{number:08X}").write_bytes(b"x")


def test_a_hole_is_listed_beside_the_range_that_it_is_in(places: Places, begins: dict[str, str]) -> None:
    """ "Any second from ... to ..." would be untrue without it."""
    archived(places, "00000001", (3, 4, 7))
    begins.update({"old": "000000010000000000000003", "new": "000000010000000000000007"})
    found = status.holes(places, [Backup("new", "DONE", NOW), Backup("old", "DONE", NOW - 3600)])
    assert found == [{"from": notes.iso(NOW - 60), "to": notes.iso(NOW)}]
    told = {"source": "prod", "from": "a", "to": "b", "holes": found, "full": [], "files": [], "dumps": []}
    assert f"but none from {notes.iso(NOW - 60)} to {notes.iso(NOW)}" in render.text("list", told)
    assert status.holes(places, []) == []


@pytest.mark.parametrize(("new", "until"), [([], None), ([Backup("new", "DONE", NOW)], notes.iso(NOW))])
def test_what_a_recovered_source_wrote_before_its_first_full_backup_is_a_hole(
    places: Places, begins: dict[str, str], new: list[Backup], until: str | None
) -> None:
    """A backup of the former timeline does not end it, though it ended after the last commit there: of a quiet
    production, the drill chose seconds that nothing restores."""
    archived(places, "00000001", (3, 4))
    archived(places, "00000002", (4, 5))
    begins.update(old="000000010000000000000003", late="000000010000000000000004", new="000000020000000000000004")
    former = [Backup("late", "DONE", NOW - 59), Backup("old", "DONE", NOW - 3600)]
    assert status.holes(places, [*new, *former]) == [{"from": notes.iso(NOW - 60), "to": until}]
