"""What goes can be missed: a second of the last fortnight, the two newest backups and the last verified one stay."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper import retention
from keeper.notes import stamp
from keeper.retention import DONE, WINDOW, Backup
from tests.unit.keeper.conftest import NOW

DAY = 86400.0


def backup(days_ago: float, status: str = DONE) -> Backup:
    ended = NOW - days_ago * DAY
    return Backup(stamp(ended), status, ended if status == DONE else None)


def newest_first(*backups: Backup) -> list[Backup]:
    return sorted(backups, key=lambda each: each.id, reverse=True)


def test_the_one_before_the_window_stays_because_its_first_second_is_reached_from_it() -> None:
    backups = newest_first(*(backup(day) for day in range(17)))
    gone = retention.expired_backups(backups, NOW, None)
    assert gone == [backup(16).id, backup(15).id]
    assert backup(14).id not in gone


def test_the_two_newest_stay_however_old_they_are() -> None:
    """A keeper that was off for a year must not begin with emptying itself."""
    backups = newest_first(backup(400), backup(380), backup(370))
    assert retention.expired_backups(backups, NOW, None) == [backup(400).id]


def test_the_newest_verified_one_stays_whatever_its_age() -> None:
    backups = newest_first(*(backup(day) for day in range(40)))
    verified = backup(33).id
    gone = retention.expired_backups(backups, NOW, verified)
    assert verified not in gone
    assert backup(34).id in gone


@pytest.mark.parametrize("status", retention.UNFINISHED)
def test_one_that_broke_off_goes_when_a_later_one_is_whole_and_not_before(status: str) -> None:
    failed = backup(1, status)
    assert retention.expired_backups(newest_first(failed, backup(2), backup(3)), NOW, None) == []
    assert retention.expired_backups(newest_first(backup(0), failed, backup(2)), NOW, None) == [failed.id]


def test_nothing_goes_while_nothing_is_whole() -> None:
    assert retention.expired_backups([backup(30, "FAILED"), backup(40, "WAITING_FOR_WALS")], NOW, None) == []


@given(st.lists(st.integers(0, 60), unique=True, max_size=30), st.integers(0, 14 * 24 * 3600))
def test_every_second_of_the_window_that_could_be_reached_can_be_reached_afterwards(days: list[int], ago: int) -> None:
    backups = newest_first(*map(backup, days))
    gone = set(retention.expired_backups(backups, NOW, None))
    kept = [each for each in backups if each.id not in gone]
    target = NOW - min(ago, WINDOW)
    assert retention.backup_for(kept, target) == retention.backup_for(backups, target)


def test_snapshots_go_as_restic_says_but_for_the_verified_one() -> None:
    said: list[dict[str, Any]] = [
        {"keep": [{"id": "a" * 64}], "remove": [{"id": "b" * 64}, {"id": "c" * 64}]},
        {"remove": None},
    ]
    assert retention.expired_snapshots(said, None) == ["b" * 64, "c" * 64]
    assert retention.expired_snapshots(said, "c" * 64) == ["b" * 64]
    assert retention.expired_snapshots(said, "cccccccc") == ["b" * 64], "by restic's short id, too"


def test_seven_dumps_stay_and_the_verified_one() -> None:
    names = [f"toybox-{stamp(NOW - day * DAY)}.dump" for day in range(10)]
    assert retention.expired_dumps(names, None) == sorted(names[7:])
    assert retention.expired_dumps(names, names[9]) == sorted(names[7:9])


def test_barmans_list_is_read_with_the_newest_first() -> None:
    listed = {
        "prod": [
            {
                "backup_id": "20261125T101500",
                "status": "DONE",
                "end_time_timestamp": "1795602000",
                "size_bytes": 5,
                "wal_size_bytes": 7,
            },
            {"backup_id": "20261126T101500", "status": "FAILED"},
        ]
    }
    assert retention.backups_from(listed, "prod") == [
        Backup("20261126T101500", "FAILED"),
        Backup("20261125T101500", "DONE", 1795602001.0, 5, 7),
    ]
    assert datetime.fromtimestamp(1795602000).year == 2026
    assert retention.backups_from({}, "prod") == []


def test_the_backup_to_begin_with_is_the_last_one_that_ended_before_the_target() -> None:
    backups = newest_first(backup(0.5), backup(1.5, "FAILED"), backup(2.5))
    assert retention.backup_for(backups, None) == backup(0.5)
    assert retention.backup_for(backups, NOW - DAY) == backup(2.5)
    assert retention.backup_for(backups, NOW - 3 * DAY) is None
