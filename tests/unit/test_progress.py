"""What a long run of tests tells of itself."""

from typing import Literal

import pytest

from tests.progress import LONGEST_LINE, MOST_LINES, Progress, duration, line, seconds_left

Outcome = Literal["passed", "failed", "skipped"]


def report(nodeid: str, when: Literal["setup", "call", "teardown"], outcome: Outcome) -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("", 0, ""), {}, outcome, None, when, duration=1.0)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def progress(pytestconfig: pytest.Config, said: list[str], monkeypatch: pytest.MonkeyPatch) -> Progress:
    made = Progress(pytestconfig, said.append, 2)
    monkeypatch.setattr(made, "cache", None)
    return made


def test_a_failure_is_told_when_it_happens_and_once(progress: Progress, said: list[str]) -> None:
    for when, outcome in (("setup", "passed"), ("call", "failed"), ("teardown", "failed")):
        progress.pytest_runtest_logreport(report("a.py::test", when, outcome))  # type: ignore[arg-type]
    assert [text.split()[-2:] for text in said] == [["FAILED", "a.py::test"]]
    assert (progress.passed, progress.failed) == (set(), {"a.py::test"})


def test_a_failure_is_told_with_the_beginning_of_its_reason(progress: Progress, said: list[str]) -> None:
    reason = "\n".join(["AssertionError: no site", "x" * 1000, *map(str, range(100))])
    progress.pytest_runtest_logreport(
        pytest.TestReport("a.py::test", ("", 0, ""), {}, "failed", reason, "call", duration=1.0)
    )
    assert said[1].split() == ["AssertionError:", "no", "site"]
    assert len(said) == 1 + MOST_LINES
    assert max(map(len, said)) < LONGEST_LINE + 20


def test_only_a_test_whose_end_was_seen_has_passed(progress: Progress) -> None:
    progress.pytest_runtest_logstart("a.py::test")
    progress.pytest_runtest_logreport(report("a.py::test", "call", "passed"))
    assert (progress.passed, progress.running) == (set(), {"a.py::test"})
    progress.pytest_runtest_logreport(report("a.py::test", "teardown", "passed"))
    assert (progress.passed, progress.running, progress.took) == ({"a.py::test"}, set(), {"a.py::test": 2.0})


def test_the_time_left_is_that_of_two_processes_or_of_the_longest_test() -> None:
    assert seconds_left(["a", "b", "c"], {"a": 10, "b": 20, "c": 30}, 2) == 30
    assert seconds_left(["a", "b"], {"a": 1, "b": 100}, 2) == 100
    assert seconds_left([], {}, 2) == 0


def test_no_time_is_told_where_too_few_durations_are_known() -> None:
    assert seconds_left(["a", "b"], {"a": 1}, 2) is None


def test_a_line_names_what_passed_what_failed_and_where_it_is() -> None:
    files = ["tests/b.py", "tests/a.py", "tests/a.py"]
    assert line(252, 1204, 0, 3742, 540, files) == (
        "  4 min 12 s  1,204 of 3,742 passed, at least 9 min 0 s left: tests/a.py, tests/b.py"
    )
    assert "0 of 2 passed, 1 FAILED: tests/a.py" in line(1, 0, 1, 2, None, ["tests/a.py"])
    assert duration(59.4) == "59 s"
