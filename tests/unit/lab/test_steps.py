"""Steps run as soon as what they need is done, and a failure stops what has not begun."""

import threading
from pathlib import Path

import pytest

from lab.steps import LabError, Step, last_line, ready, run, run_steps


class Recorder:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def began(self, name: str) -> None:
        self.lines.append(("began", name))

    def ended(self, name: str, seconds: float, remark: str | None) -> None:
        self.lines.append(("ended", name))

    def failed(self, name: str, seconds: float) -> None:
        self.lines.append(("failed", name))


def nothing() -> None:
    return None


def test_a_step_is_ready_when_all_its_needs_are_done() -> None:
    steps = {"b": Step("b", nothing, ["a"]), "c": Step("c", nothing, ["a", "x"])}
    assert [step.name for step in ready(steps, {"a"})] == ["b"]


def test_needs_come_first_and_the_rest_runs_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=5)  # broken unless both steps are in it together

    def meet() -> None:
        meeting.wait()

    recorder = Recorder()
    run_steps([Step("last", nothing, ["one", "two"]), Step("one", meet), Step("two", meet)], recorder)
    assert recorder.lines[:2] == [("began", "one"), ("began", "two")]
    assert recorder.lines[-2:] == [("began", "last"), ("ended", "last")]


def test_after_a_failure_nothing_new_is_begun_and_what_runs_is_awaited() -> None:
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise LabError("no")

    def slow() -> None:
        assert failed.wait(5)

    recorder = Recorder()
    with pytest.raises(LabError, match="no"):
        run_steps([Step("slow", slow), Step("bad", fail), Step("next", nothing, ["slow"])], recorder)
    assert ("ended", "slow") in recorder.lines
    assert ("began", "next") not in recorder.lines


@pytest.mark.parametrize("needs", [["nobody"], ["b"]])
def test_steps_that_can_never_run_are_an_error(needs: list[str]) -> None:
    with pytest.raises(ValueError, match=r"needs? "):
        run_steps([Step("a", nothing, needs), Step("b", nothing, ["a"])], Recorder())


def test_a_failing_command_is_told_with_its_last_words_and_its_log(tmp_path: Path) -> None:
    log = tmp_path / "new" / "a.log"
    with pytest.raises(LabError) as caught:
        run("sh", "-c", "echo why; echo; exit 3", log=log)
    assert "why" in caught.value.reason
    assert caught.value.log == log
    assert last_line(log) == "why"
