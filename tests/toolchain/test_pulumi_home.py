"""What our own Pulumi leaves in its home."""

import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


def test_a_command_leaves_no_log() -> None:
    """Pulumi would keep one of each for a week, a few hundred megabytes after a day of tests."""
    toolchain = (CHECKOUT / ".toolchain").resolve()
    if not (toolchain / "bin" / "pulumi").exists():
        pytest.skip("an official Pulumi is used: its home is left alone")
    home = toolchain / "home"
    done = subprocess.run(
        [toolchain / "bin" / "pulumi", "plugin", "ls", "--json"],
        env=os.environ | {"PULUMI_HOME": str(home), "PULUMI_SKIP_UPDATE_CHECK": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (home / "logs").is_file()
