"""`toybox drill` believes no word of the keeper's: it reads the record again, and checks who signed it."""

from typing import Any

import pytest

from ops import OpsError
from ops.backup import commands
from ops.backup.asking import Keeper
from tests.unit.ops.backup.conftest import Sign
from tests.unit.ops.backup.test_proof import RECORD


def answering(monkeypatch: pytest.MonkeyPatch, **told: Any) -> None:
    monkeypatch.setattr(commands, "answered", lambda *_, **__: told)
    monkeypatch.setattr("time.time", lambda: RECORD["started_at"] + 60)


def test_the_record_on_the_keeper_is_the_drills_own(
    pinned: Keeper, sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, drill=sign(RECORD))
    assert commands.reread(pinned, RECORD) == RECORD


def test_the_record_of_the_copys_drill_is_read_where_that_one_lies(
    pinned: Keeper, sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {**RECORD, "kind": "drill-copy"}
    answering(monkeypatch, **{"drill": sign(RECORD), "drill-copy": sign(record)})
    assert commands.reread(pinned, record) == record


def test_a_record_that_is_missing_or_edited_is_no_success(
    pinned: Keeper, sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = sign(RECORD)
    edited["text"] = edited["text"].replace("20260122", "20260123")
    for signed in (None, edited):
        answering(monkeypatch, drill=signed)
        with pytest.raises(OpsError, match="its record proves nothing") as error:
            commands.reread(pinned, RECORD)
        assert "toybox-keeper-sign.path" in str(error.value)


def test_the_record_of_an_earlier_drill_is_no_success(
    pinned: Keeper, sign: Sign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that forgot the new one would show the old one, which is signed as well."""
    answering(monkeypatch, drill=sign(RECORD))
    with pytest.raises(OpsError, match="not of this drill"):
        commands.reread(pinned, {**RECORD, "backup": "20260123T030000"})


def test_a_failed_drill_says_why_and_that_nothing_is_taken_back(
    pinned: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "keeper_of", lambda _: pinned)
    monkeypatch.setattr(commands, "followed", lambda *_, **__: {"ok": False, "why": "The dump is damaged."})
    with pytest.raises(OpsError, match=r"What was verified before stays so\.\nThe dump is damaged"):
        commands.drill_command()
