"""What a run of many tests in several processes shows meanwhile: how many have passed, the time left, and where it is.

A dot for each test says nothing for minutes on the lab. Each failure is told when it happens.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping

import pytest

EACH = 20.0
"""Seconds between two lines."""
DURATIONS = "toybox/durations"
"""{test: seconds} of the last run, in pytest's cache."""
MOST_LINES = 12
LONGEST_LINE = 400
"""Characters."""
ENOUGH = 0.9
"""The part of the tests whose durations have to be known before a time left is told."""


def duration(seconds: float) -> str:
    """Return 252.0 as "4 min 12 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def seconds_left(waiting: Iterable[str], known: Mapping[str, float], processes: int) -> float | None:
    """Return how long these tests take at least, by their durations in the last run; None if too few are known."""
    tests = list(waiting)
    found = [known[test] for test in tests if test in known]
    if len(found) < ENOUGH * len(tests):
        return None
    return max(sum(found) / processes, max(found, default=0.0))


def line(took: float, passed: int, failed: int, total: int, left: float | None, files: Iterable[str]) -> str:
    """Return one line of progress."""
    parts = [f"{passed:,} of {total:,} passed"]
    parts += [f"{failed} FAILED"] if failed else []
    parts += [f"at least {duration(left)} left"] if left is not None else []
    return f"{duration(took):>12}  {', '.join(parts)}: {', '.join(sorted(set(files)))}"


def reason(report: pytest.TestReport) -> list[str]:
    """Return the beginning of what a failed test says of the reason. All of it comes at the end of the run."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message if crash else report.longreprtext).splitlines()
    return [line[:LONGEST_LINE] for line in lines[:MOST_LINES]]


class Progress:
    """Pytest's plugin for the process that waits for the others."""

    def __init__(self, config: pytest.Config, say: Callable[[str], None], processes: int) -> None:
        self.cache, self.say, self.processes = config.cache, say, processes
        self.known: dict[str, float] = dict(self.cache.get(DURATIONS, {})) if self.cache else {}
        self.waiting: set[str] = set()
        self.running: set[str] = set()
        self.took: dict[str, float] = {}
        self.passed: set[str] = set()
        self.failed: set[str] = set()
        self.began = time.monotonic()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._show, daemon=True)

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note all tests. Each process tells the same."""
        if not self.waiting:
            self.waiting = set(ids)
            self.thread.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note where a process is."""
        self.running.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test, its preparations or its end went, and tell of a failure at once."""
        self.took[report.nodeid] = self.took.get(report.nodeid, 0.0) + report.duration
        if report.failed and report.nodeid not in self.failed:
            self.failed.add(report.nodeid)
            self.passed.discard(report.nodeid)
            self.say(f"{duration(time.monotonic() - self.began):>12}  FAILED {report.nodeid}")
            for text in reason(report):
                self.say(f"{'':>14}{text}")
        if report.when == "teardown":
            self.running.discard(report.nodeid)
            self.waiting.discard(report.nodeid)
            if report.nodeid not in self.failed:
                self.passed.add(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Print no dot. What was skipped or failed is told at the end as usual."""
        if report.when == "call" and report.passed:
            return "passed", "", ""
        if report.failed:
            return ("failed", "", "FAILED") if report.when == "call" else ("error", "", "ERROR")
        return None

    def pytest_sessionfinish(self) -> None:
        """Keep the durations for the next run."""
        self.ended.set()
        if self.cache:
            self.cache.set(DURATIONS, {**self.known, **self.took})

    def _show(self) -> None:
        total = len(self.waiting)
        while not self.ended.wait(EACH):
            left = seconds_left(tuple(self.waiting), self.known, self.processes)
            files = [test.partition("::")[0] for test in tuple(self.running)]
            took = time.monotonic() - self.began
            self.say(line(took, len(self.passed), len(self.failed), total, left, files))
