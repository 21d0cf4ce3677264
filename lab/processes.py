"""The lab's long-running processes: started once, known again by pid, start time and boot, stopped for sure."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import paths
from lab.steps import LabError, last_line

MARK = "TOYBOX_LAB_SERVICE"
"""In the environment of everything that the lab starts, so that `down` finds what has lost its record."""


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with the same pid."""

    pid: int
    started: int
    boot: str


def start_time(stat: str) -> int:
    """Field 22 of /proc/<pid>/stat, in clock ticks since boot. The command in brackets may hold spaces and brackets
    itself."""
    return int(stat.rpartition(")")[2].split()[19])


def is_zombie(stat: str) -> bool:
    """Whether /proc/<pid>/stat is that of a process that has ended."""
    return stat.rpartition(")")[2].split()[0] in "ZX"


def boot_id() -> str:
    """Changes with every start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identify(pid: int) -> Process | None:
    """The process that has this pid now."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if is_zombie(stat) else Process(pid, start_time(stat), boot_id())


def record_path(name: str) -> Path:
    """Where the process of a service is noted."""
    return paths.RUN / f"{name}.json"


def alive(name: str) -> int | None:
    """The pid of a service that the lab started and that still runs."""
    try:
        recorded = Process(**json.loads(record_path(name).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return recorded.pid if identify(recorded.pid) == recorded else None


def mark(name: str) -> str:
    """The mark's value: it names the lab, too."""
    return f"{paths.LAB_DIR}/{name}"


def log_path(name: str) -> Path:
    """Where a service writes its log."""
    return paths.LOG / f"{name}.log"


def start(name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
    """Start a service in the background, in a session of its own, unless it runs."""
    if alive(name):
        return
    for stray in strays():
        if stray.name == name and stray.leader:  # started, but killed off before it was recorded
            stop_tree(stray.pid)
    with log_path(name).open("ab") as log:
        child = subprocess.Popen(
            command,
            env={**(os.environ if env is None else env), MARK: mark(name)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    process = identify(child.pid)
    if process is None:
        raise LabError(f"{name} ended at once: {last_line(log_path(name))}", log_path(name))
    record = record_path(name)
    record.with_suffix(".new").write_text(json.dumps(asdict(process)))
    record.with_suffix(".new").rename(record)


def wait_until(name: str, answers: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until a service that was started answers."""
    deadline = time.monotonic() + seconds
    while not answers():
        if not alive(name):
            raise LabError(f"{name} ended instead of serving: {last_line(log_path(name))}", log_path(name))
        if time.monotonic() > deadline:
            raise LabError(f"{name} does not answer after {seconds:.0f} s", log_path(name))
        time.sleep(0.1)


def stop(name: str, grace: float = 15) -> None:
    """Stop a service of the lab: politely, then for good. Its process group goes with it."""
    pid = alive(name)
    if pid is not None:
        stop_tree(pid, grace)
    record_path(name).unlink(missing_ok=True)


def stop_tree(pid: int, grace: float = 15) -> None:
    """End a process: SIGTERM, after the grace period SIGKILL to its whole group."""
    process = identify(pid)
    if process is None:
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while identify(pid) == process:
        reap(pid)
        if time.monotonic() > deadline:
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + grace
        time.sleep(0.02)


def reap(pid: int) -> None:
    """Take a child's exit status, so that it does not linger as a zombie until this program ends."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


@dataclass(frozen=True)
class Stray:
    """A process of the lab found by its mark. A leader was started by the lab, any other by a leader."""

    name: str
    pid: int
    leader: bool


def strays() -> Iterator[Stray]:
    """All processes that carry the lab's mark."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            environment = (folder / "environ").read_bytes()
            session = os.getsid(int(folder.name))
        except (OSError, ProcessLookupError):
            continue
        for entry in environment.split(b"\0"):
            if entry.startswith(f"{MARK}={mark('')}".encode()):
                pid = int(folder.name)
                yield Stray(entry.decode().rpartition("/")[2], pid, session == pid)


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    found = [pid]
    for member in found:
        found.extend(children.get(member, []))
    return found


def resident_bytes(pids: Sequence[int]) -> int:
    """Resident memory of processes, together. Pages that they share are counted for each of them."""
    total = 0
    for pid in pids:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += pages * os.sysconf("SC_PAGE_SIZE")
    return total
