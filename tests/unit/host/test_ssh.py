"""How a server is asked: with nothing of ours on it, over the pinned connection, and for a bounded time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from host.ssh import CONNECT, LOOK, LOOK_COMMAND, SECONDS, NoAnswerError, remote_command, run, told


def test_a_preview_waits_seconds_for_a_server_that_is_away() -> None:
    command = remote_command(".toybox/prod/ssh/config", "198.51.100.7", LOOK_COMMAND)
    assert command[:3] == ["ssh", "-F", ".toybox/prod/ssh/config"]
    assert f"ConnectTimeout={CONNECT}" in command
    assert CONNECT <= 5
    assert "StrictHostKeyChecking" not in " ".join(command)
    assert int(command[-1].split()[1]) < SECONDS, "the session ends before we do"


@pytest.mark.parametrize(
    ("code", "output", "complaint", "reason"),
    [
        (255, "", "warning\nssh: connect to host x port 22: No route to host\n", "No route to host"),
        (127, "", "bash: line 1: python3: Input/output error\n", "Input/output error"),
        (124, "{", "", "no answer within"),
        (0, "Welcome to Ubuntu", "", "something else"),
    ],
)
def test_a_server_that_tells_nothing_is_not_taken_for_fit(code: int, output: str, complaint: str, reason: str) -> None:
    with pytest.raises(NoAnswerError, match=reason):
        told(code, output, complaint)


def test_a_server_that_accepts_the_connection_and_then_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\nexec sleep 60\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(NoAnswerError, match="no answer within 0 s"):
        run(".toybox/prod/ssh/config", "198.51.100.7", "true", seconds=0.1)


def test_the_look_runs_anywhere_and_ends_well_whatever_it_cannot_find_out() -> None:
    """As on the server: read from standard input, without this checkout in reach."""
    done = subprocess.run(
        [sys.executable, "-I", "-"], input=LOOK.read_bytes(), capture_output=True, timeout=60, check=True, cwd="/"
    )
    facts = json.loads(done.stdout)
    assert facts["manifest"] is None
    assert isinstance(facts["daemons"], list)
