"""`toybox-keeper` ends with 1 for anything that is not well, and prints JSON where it was asked for."""

import json
from pathlib import Path

import pytest

from keeper import __main__ as command
from keeper import jobs, notes, places, status
from keeper.places import Places
from keeper.refusal import Refusal


@pytest.fixture
def here(places: Places, monkeypatch: pytest.MonkeyPatch) -> Places:
    """The keeper that the command finds."""
    monkeypatch.setattr("keeper.places.load", lambda: places)
    return places


@pytest.mark.usefixtures("here")
def test_a_refusal_is_printed_for_people_and_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise Refusal("The disk is away.", "because", "mount it")

    monkeypatch.setattr(jobs, "run_job", refuse)
    assert command.main(["run", "full", "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["error"].startswith("The disk is away.")
    assert said.err.startswith("The disk is away.\n    Why:     because\n    Way out: mount it")


@pytest.mark.usefixtures("here")
def test_a_full_disk_is_a_refusal_with_its_way_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes no manifest either, in which a job says why it failed."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/srv/toybox-keeper/manifests/.full")

    monkeypatch.setattr(jobs, "run_job", full)
    assert command.main(["run", "full", "--json"]) == 1
    refused = json.loads(capsys.readouterr().out)["error"]
    assert refused.startswith("/srv/toybox-keeper/manifests/.full: No space left on device.")
    assert "df -h /srv/toybox-keeper" in refused


@pytest.mark.usefixtures("here")
def test_a_failed_job_ends_with_1_and_its_manifest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = notes.manifest("full", "prod", 1.0, 2.0, why="The source is away.")
    monkeypatch.setattr(jobs, "run_job", lambda *_: failed)
    assert command.main(["run", "full", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == failed
    assert command.main(["run", "full"]) == 1
    said = capsys.readouterr()
    assert "FAILED" in said.out
    assert "The source is away." in said.err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("words", "kind"), [([], "drill"), (["--from", "copy"], "drill-copy")])
def test_a_drill_is_of_the_keeper_or_of_its_copy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], kind: str
) -> None:
    failed = notes.manifest(kind, "prod", 1.0, 2.0, why="The copy is away.")
    monkeypatch.setattr(jobs, "run_job", lambda _, wanted: {**failed, "kind": wanted})
    assert command.main(["drill", *words, "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["kind"] == kind
    assert "The copy is away." in said.err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("problems", "ends"), [([], 0), (["wal: nothing is kept yet"], 1)])
def test_status_ends_as_it_is(monkeypatch: pytest.MonkeyPatch, problems: list[str], ends: int) -> None:
    monkeypatch.setattr(status, "status", lambda _: {"now": 0.0, "problems": problems})
    assert command.main(["status", "--json"]) == ends


def test_settings_that_are_not_whole_are_named(tmp_path: Path) -> None:
    for text in ("", "{}", '{"source": "prod", "major": "x"}'):
        (tmp_path / "settings.json").write_text(text)
        with pytest.raises(Refusal, match=r"settings\.json cannot be used"):
            places.load(tmp_path)
    with pytest.raises(Refusal, match=r"settings\.json cannot be used"):
        places.load(tmp_path / "none")
