"""`toybox guard` on the real engine: green on what is declared, red on what loses data, and nothing is touched."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.guard import declared
from tests.lab.record_previews import CASES, RECORDED, answer, recording
from tests.lab.toybox import Toybox, cloud
from tests.procedure import Procedures

SHAPED = (declared.DATA_VOLUME, f"toybox:server:Server${declared.SERVER}")


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


def shape(document: Mapping[str, Any]) -> set[tuple[object, ...]]:
    """What a recording and a later preview of the same change have in common: what happens to the data volume and the
    server, and which options come and go."""
    return {
        (
            step["urn"],
            step["op"],
            tuple(step.get("replaceReasons") or ()),
            *(
                step.get(side, {}).get(option)
                for side in ("oldState", "newState")
                for option in ("protect", "retainOnDelete")
            ),
        )
        for step in document["steps"]
        if step["urn"].split("::")[2] in SHAPED
    }


@pytest.mark.documented("docs/guard.md#using-it")
def test_production_as_declared_passes(prod: Toybox, procedure: Procedures) -> None:
    steps = procedure(prod.shell())
    itself = steps.run("toybox guard")
    assert itself.startswith("PASS: nothing in the preview of prod (0 changes) loses data or opens anything.")
    assert "together" in itself
    assert steps.run("pulumi preview") == itself


def test_unprotecting_and_replacing_in_one_change_is_stopped_and_nothing_is_touched(
    prod: Toybox, tmp_path: Path
) -> None:
    """Pulumi itself would do it. The recording that the unit tests judge by is still what the engine says."""
    volume, before = prod.outputs()["dataVolumeId"], prod.state()
    case = CASES["unprotected-and-replaced"]
    with case.change(prod):
        printed = answer(prod, case)
        (tmp_path / "preview.json").write_text(printed)
        judged = guard(prod, str(tmp_path / "preview.json"), "--json")
    assert judged.returncode == 1
    verdict = json.loads(judged.stdout)
    assert not verdict["passes"]
    assert {(each["action"], each["name"]) for each in verdict["findings"]} == {
        ("replace", "data-volume"),
        ("unprotect", "data-volume"),
    }
    assert prod.state() == before
    assert cloud().block_storage.get_volume(volume).status == "in-use"
    recorded = json.loads((RECORDED / "unprotected-and-replaced.json").read_text())
    assert shape(json.loads(recording(printed))) == shape(recorded)


def test_a_preview_that_fails_is_stopped_with_the_reason(prod: Toybox) -> None:
    with prod.changed_settings(server__flavor="g2l-t-c9m9"):
        done = guard(prod, "--stack", "prod")
    assert done.returncode == 1
    assert done.stdout.startswith("STOP: the preview of prod failed")
    assert "toybox:server.flavor" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
