"""`toybox guard` as it is typed: where the preview comes from, what it prints, and what it never prints."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ops import OpsError
from ops.__main__ import app
from ops.guard import commands
from tests.unit.ops.guard import recordings
from tests.unit.ops.guard.edits import option
from tests.unit.ops.guard.recordings import Edit

CANARY = "canary-7d1c5e2b90aa4f"


@pytest.fixture(autouse=True)
def nobodys_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_STACK", raising=False)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["guard", *arguments], input=stdin)


SOON = (datetime.now(UTC).date() + timedelta(days=7)).isoformat()


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., str]:
    """The file of a preview: a recording, with edits."""

    def file(name: str, *edits: Edit) -> str:
        path = tmp_path / f"{name}-{len(edits)}.json"
        path.write_text(json.dumps(recordings.plan(name, *edits)))
        return str(path)

    return file


UNPROTECTED = option("data-volume", protect=False)
Recorded = Callable[..., str]


def test_no_change_passes(recorded: Recorded) -> None:
    done = run(recorded("no-change"))
    assert done.exit_code == 0
    assert done.stdout.startswith("PASS: nothing in the preview of prod (0 changes) loses data or opens anything.\n")


def test_a_finding_stops(recorded: Recorded) -> None:
    done = run(recorded("no-change", UNPROTECTED))
    assert done.exit_code == 1
    assert done.stdout.startswith("STOP: 1 thing in the preview of prod (0 changes).\n\n1. data-volume: unprotect\n")


def test_standard_input_is_read_as_a_file_is(recorded: Recorded) -> None:
    assert (
        run("-", stdin=json.dumps(recordings.plan("no-change", UNPROTECTED))).stdout
        == run(recorded("no-change", UNPROTECTED)).stdout
    )


@pytest.mark.parametrize("text", ["", "{", "not JSON", '{"steps": []}', "\x00\xff"], ids=repr)
@pytest.mark.parametrize("options", [(), ("--json",)], ids=str)
def test_no_preview_never_passes(text: str, options: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "preview.json").write_text(text)
    done = run(str(tmp_path / "preview.json"), *options)
    assert done.exit_code == 1
    assert "Way out:" in done.stdout
    if options:
        assert json.loads(done.stdout)["passes"] is False


def test_a_file_that_is_not_there_never_passes(tmp_path: Path) -> None:
    done = run(str(tmp_path / "none.json"))
    assert done.exit_code == 1
    assert done.stdout.startswith("STOP: The preview cannot be read")


def test_a_preview_of_another_stack_than_was_meant_is_refused(recorded: Recorded) -> None:
    done = run(recorded("no-change"), "--stack", "staging")
    assert done.exit_code == 1
    assert "is of stack prod, not of staging" in done.stdout


def test_without_a_stack_and_a_file_it_asks_for_one() -> None:
    assert isinstance(run().exception, OpsError)


def test_the_preview_is_made_with_all_that_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    class Stack:
        def __init__(self, name: str, root: Path) -> None:
            self.name = name

        def preview(self, *, refresh: bool) -> tuple[str, str, bool]:
            asked.append((self.name, refresh))
            return recordings.text("no-change"), "", True

    monkeypatch.setattr(commands, "PulumiStack", Stack)
    assert run("--stack", "prod").exit_code == 0
    assert run("--stack", "prod", "--refresh").exit_code == 0
    assert asked == [("prod", False), ("prod", True)]


def test_the_document_for_programs_says_what_the_text_says(recorded: Recorded) -> None:
    done = run(recorded("data-volume-replaced"), "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert said["stack"] == "prod"
    assert said["passes"] is False
    assert [(each["action"], each["name"]) for each in said["findings"]] == [
        ("replace", "data-volume"),
        ("unprotect", "data-volume"),
        ("replace", "server-instance"),
    ]
    assert list(said["findings"][0]) == ["name", "action", "urn", "happens", "means", "proceed"]
    assert said["cost"]["after"] - said["cost"]["before"] == 3_025
    assert said["cost"]["dated"] == "2026-09-28"


def exceptions(folder: Path, expires: str, action: str = "unprotect") -> str:
    file = folder / "exceptions.yaml"
    file.write_text(
        "exceptions:\n"
        f"  - {{stack: prod, resource: data-volume, action: {action}, reason: a test of it, expires: {expires}}}\n"
    )
    return str(file)


def test_an_exception_lets_pass_and_says_so(recorded: Recorded, tmp_path: Path) -> None:
    done = run(recorded("no-change", UNPROTECTED), "--exceptions", exceptions(tmp_path, SOON))
    assert done.exit_code == 0
    assert "It has exceptions." in done.stdout
    assert f"data-volume: unprotect, until {SOON}." in done.stdout


def test_an_exception_for_one_of_two_does_not_let_the_other_pass(recorded: Recorded, tmp_path: Path) -> None:
    done = run(recorded("data-volume-replaced"), "--exceptions", exceptions(tmp_path, SOON))
    assert done.exit_code == 1
    assert "1. data-volume: replace" in done.stdout


def test_an_exception_does_not_help_a_preview_that_failed(recorded: Recorded, tmp_path: Path) -> None:
    file = exceptions(tmp_path, SOON, "replace")
    assert run(recorded("protected-and-replaced"), "--exceptions", file).exit_code == 1


def test_an_expired_exception_stops_what_would_pass(recorded: Recorded, tmp_path: Path) -> None:
    done = run(recorded("no-change"), "--exceptions", exceptions(tmp_path, "2020-01-01"))
    assert done.exit_code == 1
    assert "is 2020-01-01, which is over" in done.stdout


def test_an_unused_exception_is_told_and_stops_nothing(recorded: Recorded, tmp_path: Path) -> None:
    done = run(recorded("no-change"), "--exceptions", exceptions(tmp_path, SOON))
    assert done.exit_code == 0
    assert f"that nothing here needs; take them out:\n- unprotect of data-volume, until {SOON}" in done.stdout


@pytest.mark.parametrize("name", ["no-change", "data-volume-replaced", "state-lost", "settings-refused"])
@pytest.mark.parametrize("options", [(), ("--json",)], ids=str)
def test_no_secret_of_a_preview_is_ever_printed(
    name: str, options: tuple[str, ...], recorded: Recorded, tmp_path: Path
) -> None:
    """As if somebody had made it with --show-secrets: in the settings, in inputs of every kind, in an error."""
    found = recordings.document(name)
    for secret in ("openstackPassword", "postgresPassword", "sshPrivateKey", "djangoSecretKey", "accessPassword"):
        found["config"][f"toybox:{secret}"] = CANARY
    for step in found["steps"]:
        for side in ("oldState", "newState"):
            if step.get(side):
                step[side].setdefault("inputs", {}).update(
                    password=CANARY, stdin=CANARY, userData=CANARY, envs=[CANARY]
                )
                step[side]["outputs"] = {"stdout": CANARY}
    for diagnostic in found.get("diagnostics", ()):
        diagnostic["message"] += CANARY
    (tmp_path / "preview.json").write_text(json.dumps(found))
    done = run(str(tmp_path / "preview.json"), *options)
    assert CANARY not in done.output
    assert done.exit_code == run(recorded(name), *options).exit_code
