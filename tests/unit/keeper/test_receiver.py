"""A stream that cannot go on starts again and asks for a full backup; one that can is left alone."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper import database, jobs, notes, receiver, wal
from keeper.places import Places
from keeper.programs import FailedError
from tests.unit.keeper.conftest import facts

SEGMENT = "00000001000000000000000B"
LOST = {"active": False, "wal_status": "lost", "restart_lsn": None, "behind": None}


@pytest.fixture
def streaming(places: Places) -> Path:
    folder = places.barman_home / "streaming"
    folder.mkdir(parents=True)
    (folder / f"{SEGMENT}.partial").write_bytes(b"the last seconds")
    return folder


@pytest.fixture
def barman(places: Places, streaming: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Barman's receive-wal. It has no slot to drop, and its reset deletes the unfinished segment, as Barman's does."""
    seen: dict[str, Any] = {"options": [], "busy": 0, "held": True, "said": "", "asked": None}

    def run(*command: str | Path, **_: object) -> str:
        words = [str(word) for word in command]
        if words[0].endswith("pg_receivewal"):
            (before,) = Path(words[1].removeprefix("--directory=")).iterdir()
            seen["asked"] = (before.name, before.stat().st_size, words[3])
            if seen["said"]:
                raise FailedError(1, seen["said"])
            return ""
        seen["options"].append(words[-2])
        seen["held"] &= (places.run / receiver.HOLD).exists()
        if words[-2] == "--drop-slot":
            raise FailedError(1, "slot keeper does not exist")
        if words[-2] == "--reset":
            seen["busy"] -= 1
            if seen["busy"] >= 0:
                return "Unable to reset the status of receive-wal for server prod. Process is still running"
            (streaming / f"{SEGMENT}.partial").unlink()
        return ""

    monkeypatch.setattr(receiver, "run", run)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return seen


@given(st.integers(0, 10_000))
def test_a_segment_begins_where_postgresql_says(number: int) -> None:
    high, low = receiver.start_of(f"00000001{number // 256:08X}{number % 256:08X}").split("/")
    assert (int(high, 16) << 32) + int(low, 16) == number * (16 << 20)


def test_a_stream_that_goes_on_is_left_alone(places: Places, barman: dict[str, Any]) -> None:
    barman["said"] = f"ERROR:  requested WAL segment {SEGMENT} has already been removed"
    assert receiver.broken_off(places, facts()) == "", "that segment is not the next any more"
    barman["said"] = ""
    assert barman["asked"] is None
    assert receiver.broken_off(places, facts(receiver=None)) == "", "it is just being started"
    assert barman["asked"] == ("00000001000000000000000A", 16 << 20, "--endpos=0/B000008")
    assert barman["options"] == []


def test_a_lost_slot_is_the_end_of_a_stream(places: Places, barman: dict[str, Any]) -> None:
    assert "its slot is lost" in receiver.broken_off(places, facts(receiver=None, slot=LOST))


def test_a_segment_that_the_source_has_removed_is_the_end_of_a_stream(places: Places, barman: dict[str, Any]) -> None:
    """The slot is gone or a new one: the data disk was made again from a restore point. Seen on the lab: the source
    agrees to send first, and says so then."""
    barman["said"] = f"ERROR:  requested WAL segment {SEGMENT} has already been removed"
    assert SEGMENT in receiver.broken_off(places, facts(receiver=None, slot=None))


def test_a_source_that_was_put_back_to_an_earlier_second_is_the_end_of_a_stream(
    places: Places, barman: dict[str, Any]
) -> None:
    barman["said"] = "ERROR:  requested starting point 0/B000000 on timeline 1 is not in this server's history"
    assert "was put back to a time before" in receiver.broken_off(places, facts(receiver=None, slot=None))


def test_a_timeline_without_a_full_backup_gets_one_and_is_asked_for_it_once(places: Places) -> None:
    """The first commits of a recovered production could not be had without it."""
    wanted = places.records / receiver.WANTED
    receiver.want_full_of_new_timeline(places, facts(timeline=2))
    assert not wanted.exists(), "the keeper has no full backup at all: it takes its first one anyway"
    notes.write(places.records / "full.json", {"begin_wal": "000000010000000000000003"})
    receiver.want_full_of_new_timeline(places, facts(timeline=1))
    assert not wanted.exists()
    receiver.want_full_of_new_timeline(places, facts(timeline=2))
    assert "timeline 2" in wanted.read_text()
    before = wanted.read_text().replace("timeline 2", "timeline two")
    wanted.write_text(before)
    receiver.want_full_of_new_timeline(places, facts(timeline=2))
    assert wanted.read_text() == before, "it says since when"


def test_a_full_backup_waits_until_the_stream_that_began_anew_is_there(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Barman refuses one without its receiver, and the job's next try was half an hour later (seen)."""
    answers = [facts(receiver=None), facts(receiver=None), facts()]
    monkeypatch.setattr(database, "facts", lambda _: answers.pop(0))
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert jobs.await_receiver(places)["receiver"]["state"] == "streaming"
    assert not answers
    monkeypatch.setattr(database, "facts", lambda _: facts(receiver=None))
    assert jobs.await_receiver(places, seconds=0)["receiver"] is None, "Barman then says what is wrong"


def test_the_last_seconds_of_a_former_timeline_stay(places: Places, streaming: Path) -> None:
    """Barman moves its unfinished segment into the archive, compressed and under its suffix, and restores it never."""
    archive = places.barman_home / "wals" / "0000000100000000"
    archive.mkdir(parents=True)
    (streaming / f"{SEGMENT}.partial").rename(archive / f"{SEGMENT}.partial")
    (streaming / "00000002000000000000000B.partial").write_bytes(b"a new life")
    found = wal.unarchived(places)
    assert found[SEGMENT].read_bytes() == b"the last seconds"
    assert found["00000002000000000000000B"].parent == streaming


def test_a_keeper_that_never_received_anything_is_not_broken_off(places: Places) -> None:
    assert receiver.broken_off(places, facts(receiver=None, slot=None)) == ""


def test_the_stream_starts_again_and_the_last_seconds_before_the_hole_stay(
    places: Places, barman: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    barman["busy"] = 2
    monkeypatch.setattr(database, "facts", lambda _: facts(receiver=None, slot=LOST))
    monkeypatch.setattr(database, "Session", Session)
    told = jobs.run_job(places, "mark")
    assert not told["ok"], "people should know"
    assert "The stream of WAL broke off" in told["why"]
    assert barman["options"] == ["--drop-slot", "--create-slot", "--reset", "--reset", "--reset"]
    assert barman["held"], "the receiver's unit would have started it in between"
    assert not (places.run / receiver.HOLD).exists()
    kept = wal.unarchived(places)[SEGMENT]
    assert kept.parent.name == "unfinished"
    assert kept.read_bytes() == b"the last seconds"
    wanted = notes.read(places.records / receiver.WANTED)
    assert wanted is not None
    assert "its slot is lost" in wanted["why"]


class Session:
    """A database session that takes a mark."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None: ...

    def ask(self, _: str) -> dict[str, Any]:
        return {"at": "2026-11-26T10:15:00+00:00", "seconds": 1_795_688_100.0}
