"""Steps with needs: run at the same time where they may be, shown with their times, stopped by the first failure."""

import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class LabError(Exception):
    """A step that cannot go on: the reason, the log that tells more, and the command to run next."""

    def __init__(self, reason: str, log: Path | None = None, then: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.log = log
        self.then = then


@dataclass(frozen=True)
class Step:
    """One part of `up`. The action returns a remark for the reader, such as "already running"."""

    name: str
    action: Callable[[], str | None]
    needs: Sequence[str] = ()


class Report(Protocol):
    """Who shows the steps. Called from one thread only."""

    def began(self, name: str) -> None:
        """A step has begun."""

    def ended(self, name: str, seconds: float, remark: str | None) -> None:
        """A step is done."""

    def failed(self, name: str, seconds: float) -> None:
        """A step has failed."""


def ready(waiting: Mapping[str, Step], done: set[str]) -> list[Step]:
    """The steps among those waiting whose needs are all done, in their order."""
    return [step for step in waiting.values() if set(step.needs) <= done]


def run_steps(steps: Sequence[Step], report: Report) -> None:
    """Run all steps, each in a thread of its own as soon as what it needs is done.

    After a failure nothing new is begun; what runs is awaited, for half of a step is worse than all of it. The first
    error is raised.
    """
    known = {step.name for step in steps}
    for step in steps:
        if not set(step.needs) <= known:
            raise ValueError(f"{step.name} needs {set(step.needs) - known}, which nobody makes")
    waiting = {step.name: step for step in steps}
    done: set[str] = set()
    running: dict[str, float] = {}
    results: queue.Queue[tuple[str, str | None, BaseException | None]] = queue.Queue()
    first_error: BaseException | None = None

    def work(step: Step) -> None:
        try:
            results.put((step.name, step.action(), None))
        except BaseException as error:  # handed to the thread that waits
            results.put((step.name, None, error))

    while waiting or running:
        if first_error is None:
            for step in ready(waiting, done):
                del waiting[step.name]
                running[step.name] = time.monotonic()
                report.began(step.name)
                threading.Thread(target=work, args=(step,), daemon=True).start()
        if not running:
            break
        name, remark, error = results.get()
        seconds = time.monotonic() - running.pop(name)
        if error is None:
            done.add(name)
            report.ended(name, seconds, remark)
        else:
            first_error = first_error or error
            report.failed(name, seconds)
    if first_error is not None:
        raise first_error
    if waiting:
        raise ValueError(f"these steps need each other: {sorted(waiting)}")


def run(
    *command: str | Path,
    log: Path,
    then: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> None:
    """Run a command with its output in a log; LabError with the log's last line if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"$ {' '.join(map(str, command))}\n".encode())
        output.flush()
        try:
            code = subprocess.run(
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=env, timeout=timeout
            ).returncode
        except subprocess.TimeoutExpired:
            raise LabError(f"`{command[0]}` did not end within {timeout:.0f} s", log, then) from None
    if code:
        raise LabError(
            f"`{Path(command[0]).name} {command[1] if command[1:] else ''}` failed: {last_line(log)}", log, then
        )


def last_line(log: Path) -> str:
    """The last line of a log that says something."""
    lines = (
        [line.strip() for line in log.read_text(errors="replace").splitlines()[-50:] if line.strip()]
        if log.exists()
        else []
    )
    return lines[-1] if lines else "it said nothing"
