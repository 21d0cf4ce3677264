"""What is remembered, and what nights make of it."""

import json
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.conoha_rules.book import Book, State, Subscription, aged, older
from lab.conoha_rules.nights import Kept, beyond_retention

BACKUP = {
    "id": "one",
    "created_at": "2026-11-24T03:00:00.000000",
    "updated_at": None,
    "data_timestamp": "2026-11-24T03:00:00.000000",
    "size": 200,
}


def test_a_backup_is_as_old_as_the_nights_that_have_passed() -> None:
    shown = aged(BACKUP, {"one": 3, "other": 9})
    assert shown["created_at"] == shown["data_timestamp"] == "2026-11-21T03:00:00.000000"
    assert shown["updated_at"] is None
    assert shown["size"] == 200
    assert aged(BACKUP, {}) == BACKUP


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)), st.integers(0, 400))
def test_a_night_is_24_hours_whatever_the_season(time: datetime, nights: int) -> None:
    assert datetime.fromisoformat(older(time.isoformat(), nights)) == time - timedelta(hours=24 * nights)


def generation(number: int, volume: str = "data") -> Kept:
    return Kept(f"{volume}-{number}", volume, "2026-11-24T03:00:00.000000", nights=number)


def test_the_oldest_beyond_the_retention_go_for_each_volume() -> None:
    kept = [generation(number, volume) for number in range(16) for volume in ("data", "boot")]
    assert sorted(beyond_retention(kept, 14)) == ["boot-14", "boot-15", "data-14", "data-15"]
    assert beyond_retention(kept, 30) == []


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=60), st.integers(14, 30))
def test_what_goes_is_never_newer_than_what_stays(made: list[tuple[int, int]], retention: int) -> None:
    kept = [Kept(str(i), "data", f"2026-11-24T03:00:0{second}", nights) for i, (nights, second) in enumerate(made)]
    gone = set(beyond_retention(kept, retention))
    assert len(kept) - len(gone) == min(len(kept), retention)
    ages = {one.id: (one.nights, -int(one.made[-1])) for one in kept}
    stay = ages.keys() - gone
    assert all(ages[old] >= ages[new] for old in gone for new in stay)


def test_the_book_is_there_again_after_a_restart(tmp_path: Path) -> None:
    book = Book(tmp_path / "conoha.json")
    assert book.read() == State()
    with book.changing() as state:
        state.subscriptions["server"] = Subscription("project", 14)
        state.nights["backup"] = 2
        state.borrowed.append("volume")
    assert Book(book.path).read() == state
    assert book.path.stat().st_mode & 0o777 == 0o600


def test_a_change_that_fails_is_none(tmp_path: Path) -> None:
    book = Book(tmp_path / "conoha.json")

    def fail() -> None:
        with book.changing() as state:
            state.nights["backup"] = 2
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert book.read() == State()


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    book = Book(tmp_path / "conoha.json")

    def add() -> None:
        for _ in range(20):
            with book.changing() as state:
                state.nights["backup"] = state.nights.get("backup", 0) + 1

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert json.loads(book.path.read_text())["nights"] == {"backup": 80}
