"""`toybox guard` on the real engine: green on what is declared, red on what loses data, and nothing is touched."""

import json
import subprocess

import pytest

from tests.lab.record_previews import CASES, answer
from tests.lab.toybox import Toybox, cloud
from tests.procedure import Procedures
from tests.unit.ops.guard.recordings import RECORDED, recording


def guard(prod: Toybox, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    """`toybox guard`, as in CI."""
    return subprocess.run(
        ["toybox", "guard", *arguments],
        cwd=prod.workspace.program,
        env=prod.environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.documented("docs/guard.md#using-it")
def test_production_as_declared_passes(prod: Toybox, procedure: Procedures) -> None:
    steps = procedure(prod.shell())
    itself = steps.run("toybox guard")
    assert itself.startswith("PASS: nothing in the preview of prod (0 changes) loses data or opens anything.")
    assert "together" in itself
    assert steps.run("pulumi preview") == itself


def test_every_recording_is_what_the_engine_says_today(prod: Toybox) -> None:
    """The unit tests judge by recordings, and the whole corpus is made of them. Nothing is touched by it."""
    before = prod.state()
    for name, case in CASES.items():
        assert recording(answer(prod, case)).splitlines() == (RECORDED / f"{name}.json").read_text().splitlines(), (
            f"{name}: the program or Pulumi changed. Make the recordings again: tests/lab/record_previews.py says how"
        )
    assert prod.state() == before


def test_unprotecting_and_replacing_in_one_change_is_stopped_and_nothing_is_touched(prod: Toybox) -> None:
    """Pulumi itself would do it."""
    volume, before = prod.outputs()["dataVolumeId"], prod.state()
    judged = guard(prod, "-", "--json", text=answer(prod, CASES["data-volume-replaced"]))
    assert judged.returncode == 1
    verdict = json.loads(judged.stdout)
    assert not verdict["passes"]
    assert {("replace", "data-volume"), ("unprotect", "data-volume")} <= {
        (each["action"], each["name"]) for each in verdict["findings"]
    }
    assert prod.state() == before
    assert cloud().block_storage.get_volume(volume).status == "in-use"


def test_a_preview_that_fails_is_stopped_with_the_reason(prod: Toybox) -> None:
    with prod.changed_settings(server__flavor="g2l-t-c9m9"):
        done = guard(prod, "--stack", "prod")
    assert done.returncode == 1
    assert done.stdout.startswith("STOP: the preview of prod failed")
    assert "toybox:server.flavor" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
