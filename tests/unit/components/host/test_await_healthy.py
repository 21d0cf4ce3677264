"""The health gate of a container, against a stand-in for `docker`."""

import os
import subprocess
from pathlib import Path

import pytest

from components.host.bundle import FILES

DOCKER = """\
#!/bin/bash
echo "$1" >>calls
[[ $1 != update ]] || echo "$@" >limit
case "$1 $3" in
"inspect {{range"*) printf 'CMD\\ntrue\\n' ;;
"inspect {{.State.Status}} {{.HostConfig.RestartPolicy.Name}}") echo "$(<status) $(<policy)" ;;
"inspect {{.RestartCount}}") cat restarts ;;
"inspect {{.State.Status}} {{.RestartCount}}"*) echo "$(<status) $(<restarts) 1" ;;
"start "*) echo running >status ;;
"logs "*) echo its last words ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where `docker` and its container live: one that runs, has never been restarted, and is declared to run."""
    for name, text in {"status": "running", "policy": "unless-stopped", "restarts": "0", "docker": DOCKER}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "docker").chmod(0o755)
    return tmp_path


def gate(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [FILES / "await-healthy", "redis", "2", *arguments],
        cwd=folder,
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_that_runs_and_is_healthy_passes(folder: Path) -> None:
    assert gate(folder).returncode == 0
    assert "start" not in (folder / "calls").read_text().split()


def test_its_processes_are_limited_before_it_is_asked(folder: Path) -> None:
    assert gate(folder, "48").returncode == 0
    assert (folder / "limit").read_text() == "update --pids-limit 48 redis\n"
    calls = (folder / "calls").read_text().split()
    assert calls.index("update") < calls.index("exec")


def test_one_that_was_stopped_is_started_and_then_asked(folder: Path) -> None:
    """Docker does not start it again by itself, and a plain `pulumi up` believes that it runs."""
    (folder / "status").write_text("exited")
    assert gate(folder).returncode == 0
    calls = (folder / "calls").read_text().split()
    assert calls.index("start") < calls.index("exec")


def test_one_in_a_crash_loop_fails_with_its_last_words(folder: Path) -> None:
    (folder / "status").write_text("restarting")
    (folder / "restarts").write_text("7")
    done = gate(folder)
    assert done.returncode == 1
    assert "container redis does not stay up (state, restarts, exit code: restarting 7 1)" in done.stderr
    assert "its last words" in done.stderr


def test_one_that_is_made_to_end_is_not_started_again(folder: Path) -> None:
    """The container of a release: that it ended is what is wrong with it."""
    (folder / "status").write_text("exited")
    (folder / "policy").write_text("no")
    assert gate(folder).returncode == 1
    assert "start" not in (folder / "calls").read_text().split()
