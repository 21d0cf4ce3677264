"""What a fresh clone says before anything was installed in it."""

import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("target", ["env", "status", "docs"])
def test_a_target_that_needs_the_environment_says_what_to_run(target: str, tmp_path: Path) -> None:
    """`eval "$(make -s env)"` evaluates what is printed: nothing then, and the message beside it."""
    shutil.copy(CHECKOUT / "Makefile", tmp_path)
    done = subprocess.run(["make", "-s", target], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "run `make up STACK=prod` first" in done.stderr
    assert "No such file" not in done.stderr
