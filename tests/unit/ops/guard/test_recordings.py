"""What the guard says of what the real engine previews, and of the plans that are made from that."""

import json
from datetime import date

import pytest
from syrupy.assertion import SnapshotAssertion

from ops.guard import preview, rules, text
from ops.guard.cost import cost
from ops.guard.judgement import judge, passes
from ops.guard.preview import Preview
from tests.lab.record_previews import CASES
from tests.unit.ops.guard import recordings
from tests.unit.ops.guard.plans import LOSES

TODAY = date(2026, 11, 24)
VOLUMES = ("beat", "caddy-config", "caddy-data", "media", "postgres", "redis", "static")

STOPS = {
    "no-change": set[tuple[str, str]](),
    "release": set[tuple[str, str]](),
    "flavor": {("replace", "server-instance")},
    "another-operator": {("open", "server-ingress-ssh-192.0.2.44-32")},
    "data-volume-replaced": {
        ("replace", "data-volume"),
        ("unprotect", "data-volume"),
        ("replace", "server-instance"),
    },
    "data-volume-adopted": {("adopt", "data-volume")},
    "data-volume-gone": {("recreate", "data-volume"), ("replace", "server-instance")},
    "state-lost": {("recreate", "data-volume")},
    "destroyed": {
        ("delete", "data-volume"),
        ("delete", "server-instance"),
        ("delete", "snapshots-subscription"),
        *(("delete", f"volumes-{name}") for name in VOLUMES),
    },
}

FAILED = {
    "protected-and-replaced": {("replace", "data-volume"), ("replace", "server-instance")},
    "settings-refused": set[tuple[str, str]](),
}
"""Previews that broke off. What they say until then is told as well."""


def read(name: str) -> Preview:
    return preview.read(recordings.text(name))


def report(judged: Preview) -> str:
    return text.report(
        judged, judge(rules.findings(judged), (), judged.stack, TODAY), rules.notes(judged), cost(judged), TODAY
    )


def test_every_case_is_recorded_and_every_recording_is_judged() -> None:
    assert STOPS.keys() | FAILED.keys() == set(recordings.NAMES) == CASES.keys()


@pytest.mark.parametrize("name", sorted(STOPS))
def test_a_change_is_stopped_by_exactly_what_is_harmful(name: str) -> None:
    assert recordings.found(read(name)) == STOPS[name]
    assert not read(name).errors


@pytest.mark.parametrize("name", sorted(FAILED))
def test_a_preview_that_broke_off_is_stopped_and_still_tells_what_it_knows(name: str) -> None:
    assert recordings.found(read(name)) == FAILED[name]
    assert read(name).errors
    assert not passes(read(name), judge((), (), "prod", TODAY))


@pytest.mark.parametrize("name", recordings.NAMES)
def test_what_the_guard_says(name: str, snapshot: SnapshotAssertion) -> None:
    """For people: what would happen, to which thing, what it means for the data, how to proceed."""
    assert report(read(name)) == snapshot


@pytest.mark.parametrize("name", LOSES)
def test_what_the_guard_says_of_a_plan_that_loses_data(name: str, snapshot: SnapshotAssertion) -> None:
    """The findings alone."""
    judged = preview.read(json.dumps(LOSES[name].document()))
    assert report(judged).partition("\n\nIf one of these is meant")[0] == snapshot


@pytest.mark.parametrize("name", recordings.NAMES)
def test_recordings_hold_nothing_of_the_machine_that_made_them(name: str) -> None:
    text = (recordings.RECORDED / f"{name}.json").read_text()
    folders = [f"/{folder}/" for folder in ("root", "work", "home")]
    for trace in (*folders, "site-packages", "http://127.0.0.1:5", ":5001", "ciphertext", "PRIVATE KEY"):
        assert trace not in text


@pytest.mark.parametrize("name", recordings.NAMES)
def test_recordings_hold_no_secret(name: str) -> None:
    """The engine prints none; what could be one is not kept."""
    for step in recordings.document(name)["steps"]:
        for side in ("oldState", "newState"):
            inputs = step.get(side, {}).get("inputs", {})
            assert inputs.get("connection", "[secret]") == "[secret]"
            assert inputs.get("userData", "[secret]") == "[secret]"
            assert "password" not in inputs
