"""A process of the lab is never mistaken for another one with its pid."""

import json
import os
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lab import paths, processes


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "LAB_DIR", tmp_path)
    for name in ("RUN", "LOG"):
        monkeypatch.setattr(paths, name, tmp_path / name)
        (tmp_path / name).mkdir()


def test_the_start_time_is_found_behind_a_name_with_brackets_and_spaces() -> None:
    stat = f"12 (a ) b (c) R {' '.join(str(field) for field in range(4, 60))}"
    assert processes.start_time(stat) == 22
    assert not processes.is_zombie(stat)
    assert processes.is_zombie(stat.replace(") R ", ") Z "))


def test_a_service_is_started_once_and_stopped_for_sure() -> None:
    processes.start("one", ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"])
    pid = processes.alive("one")
    assert pid
    processes.wait_until("one", lambda: "ready" in processes.log_path("one").read_text(), 5)
    processes.start("one", ["sleep", "60"])
    assert processes.alive("one") == pid
    assert [(stray.name, stray.leader) for stray in processes.strays() if stray.pid == pid] == [("one", True)]
    assert pid in processes.family(os.getpid())
    assert processes.resident_bytes([pid]) > 0
    processes.stop("one", grace=0.1)
    assert processes.identify(pid) is None
    assert processes.alive("one") is None


@pytest.mark.parametrize("change", [{"started": 1}, {"boot": "another"}])
def test_a_stale_record_is_not_believed(change: dict[str, int | str]) -> None:
    mine = processes.identify(os.getpid())
    assert mine
    record = processes.record_path("one")
    record.write_text(json.dumps(asdict(mine)))
    assert processes.alive("one") == os.getpid()
    record.write_text(json.dumps(asdict(replace(mine, **change))))  # type: ignore[arg-type]
    assert processes.alive("one") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_broken_record_is_none(text: str) -> None:
    processes.record_path("one").write_text(text)
    assert processes.alive("one") is None


def test_a_service_whose_start_was_not_recorded_is_replaced() -> None:
    lost = subprocess.Popen(
        ["sleep", "60"], env={**os.environ, processes.MARK: processes.mark("one")}, start_new_session=True
    )
    # Popen returns a moment before the kernel shows the new program's environment.
    while lost.pid not in {stray.pid for stray in processes.strays()}:
        assert lost.poll() is None
    processes.start("one", ["sleep", "60"])
    # Not Popen's return code: it is 0 where the lab was the first to take the status of the child that it had ended.
    assert processes.identify(lost.pid) is None
    assert processes.alive("one")
    processes.stop("one")
    lost.wait(5)
