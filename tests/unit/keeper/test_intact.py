"""A backup that is not as it was written is refused, and what is not there is not called whole."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from keeper import catalogue, intact, notes, restore
from keeper.places import Places
from keeper.programs import FailedError
from keeper.refusal import Refusal
from keeper.retention import Backup

BACKUPS = [Backup("20260122T030000", "DONE", 2.0), Backup("20260121T030000", "DONE", 1.0)]
SNAPSHOT = "0a1b2c3d" + "0" * 56
DUMP = "toybox-20260122T031500Z.dump"


@pytest.fixture
def ran(places: Places, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A keeper with two full backups, a snapshot and a dump. The commands that ran."""
    commands: list[list[str]] = []

    def run(*command: Any, **_: object) -> str:
        commands.append([Path(str(word)).name for word in command])
        return ""

    folder = places.barman_home / "wals" / "0000000100000000"
    folder.mkdir(parents=True)
    for number in (3, 4):
        (folder / f"00000001000000000000000{number}").write_bytes(b"x")
    information = {"begin_wal": "000000010000000000000003", "end_wal": "000000010000000000000004"}
    monkeypatch.setattr(catalogue, "backups", lambda _: BACKUPS)
    monkeypatch.setattr(catalogue, "snapshots", lambda _: [{"id": SNAPSHOT}])
    monkeypatch.setattr(catalogue, "details", lambda *_: {"base_backup_information": information})
    monkeypatch.setattr(restore, "run", run)
    monkeypatch.setattr(intact, "must", lambda _, __, *command, **___: run(*command))
    (places.data / "dumps" / DUMP).write_bytes(b"dumped")
    facts = {"dump": DUMP, "sha256": hashlib.sha256(b"dumped").hexdigest()}
    notes.keep(places, notes.manifest("dump", "prod", 1.0, 2.0, why="", **facts))
    return commands


def test_each_kind_is_looked_at_by_its_own_program(places: Places, ran: list[list[str]]) -> None:
    assert intact.intact(places, None)["id"] == "20260122T030000"
    assert intact.intact(places, "20260121T030000")["kind"] == "full"
    assert intact.intact(places, SNAPSHOT[:8])["id"] == SNAPSHOT[:8]
    assert intact.intact(places, DUMP)["kind"] == "dump"
    assert [command[0] for command in ran] == ["pg_verifybackup", "pg_verifybackup", "restic", "pg_restore"]
    assert "--read-data" in ran[2]


def test_a_damaged_backup_is_refused_and_an_older_one_offered(
    places: Places, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise FailedError(1, "checksum mismatch")

    monkeypatch.setattr(restore, "run", fail)
    with pytest.raises(Refusal, match="20260122T030000 is damaged") as refused:
        intact.intact(places, None)
    assert "--backup 20260121T030000" in str(refused.value)


def test_a_backup_without_its_wal_is_refused(places: Places, ran: list[list[str]]) -> None:
    (places.barman_home / "wals" / "0000000100000000" / "000000010000000000000004").unlink()
    with pytest.raises(Refusal, match="000000010000000000000004 is missing, and full backup 20260122T030000 needs it"):
        intact.intact(places, None)


def test_a_dump_with_one_other_bit_is_refused(places: Places, ran: list[list[str]]) -> None:
    (places.data / "dumps" / DUMP).write_bytes(b"dumpee")
    with pytest.raises(Refusal, match="is not as it was written"):
        intact.intact(places, DUMP)


@pytest.mark.parametrize("identifier", ["20990101T000000", "ffffffff", "../records/x.dump", "gone.dump"])
def test_what_is_not_there_is_not_called_whole(places: Places, ran: list[list[str]], identifier: str) -> None:
    with pytest.raises(Refusal, match="There is no"):
        intact.intact(places, identifier)
