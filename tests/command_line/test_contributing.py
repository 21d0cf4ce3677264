"""CONTRIBUTING.md's own commands, as printed."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.documentation import CHECKOUT
from tests.lab.toybox import copy_of_the_program
from tests.procedure import Procedures, Shell


def shell(folder: Path) -> Shell:
    """A contributor's, without what this run of pytest tells its processes."""
    return Shell(folder, {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")})


@pytest.mark.documented("CONTRIBUTING.md#set-up")
def test_setting_up_twice_leaves_what_is_there(procedure: Procedures) -> None:
    before = (CHECKOUT / ".venv").resolve()
    procedure(shell(CHECKOUT)).rest()
    assert (CHECKOUT / ".venv").resolve() == before


@pytest.mark.documented("CONTRIBUTING.md#run-a-test")
def test_one_file_of_tests_is_run(procedure: Procedures) -> None:
    assert " passed" in procedure(shell(CHECKOUT)).rest()


@pytest.mark.documented("CONTRIBUTING.md#add-a-setting")
def test_the_reference_is_written_from_the_model(procedure: Procedures, tmp_path: Path) -> None:
    checkout = copy_of_the_program(tmp_path / "checkout")
    page = checkout / "docs" / "settings.md"
    written = page.read_text()
    page.write_text("")
    procedure(shell(checkout)).rest()
    assert page.read_text() == written


def test_a_commit_is_checked_by_what_make_check_runs() -> None:
    """pre-commit itself is the contributor's; the commands that it would run are ours, and pass."""
    (repository,) = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    checked = (CHECKOUT / "toolchain" / "check").read_text()
    for hook in repository["hooks"]:
        assert f"'{hook['name']}'" in checked
        if not hook.get("pass_filenames", True):
            done = subprocess.run(hook["entry"].split(), cwd=CHECKOUT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
