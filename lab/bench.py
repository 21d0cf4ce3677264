"""`make bench`: measures this checkout on this machine and writes docs/benchmarks.md.

It ends with `make down` and `make up`, so what was in the lab's TOYBOX is lost.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lab import lifecycle
from lab.conoha_rules.nights import pass_nights
from lab.deploy import on_server, site
from lab.paths import CHECKOUT
from lab.stack import PEOPLE, environment
from lab.steps import LabError

PAGE = CHECKOUT / "docs" / "benchmarks.md"
RECOVERY = "## Recovery"
"""The section with what `make test-recovery` measured. It stays as it is."""
STACK = "prod"
RUNS = 5
"""Of each command that takes seconds; the median counts."""

PREVIEW = ("pulumi", "preview", "--expect-no-changes", "--non-interactive")
MIB = 1 << 20

# What issue 3 asks for.
WARM_UP_GOAL = 90.0
SECOND_UP_GOAL = 15.0
MEMORY_GOAL = 1536

# What issue 4 asks for.
REFRESH_GOAL = 90.0
REFRESH_RATIO_GOAL = 1.3
UPLOADS = (300, 3000)
"""MB of uploads that prod has when staging is refreshed from it."""


# What issue 11 asks for.
PREVIEW_GOAL = 0.75
"""Seconds that a preview of prod may take more than one of an empty program."""
READ_GOAL = 1.0


@dataclass(frozen=True)
class Timing:
    """How long a command took, in seconds, each time it was run."""

    what: str
    command: str
    seconds: tuple[float, ...]
    goal: float | None = None

    @property
    def median(self) -> float:
        """The time that counts."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Machine:
    """What the figures were measured on."""

    processor: str
    cores: int
    memory: int
    """MiB."""
    system: str
    python: str
    pulumi: str


@dataclass(frozen=True)
class Result:
    """All that the page says."""

    date: str
    commit: str
    machine: Machine
    timings: tuple[Timing, ...]
    preview: Timing
    empty_preview: Timing
    refreshes: tuple[Timing, Timing]
    """Of staging from prod, with few and with many uploads."""
    services: Mapping[str, int]
    """Resident MiB of each of the lab's services, servers apart."""


def timed(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> float:
    """Run a command to its end and return the seconds.

    Raises:
        LabError: it failed; its figures would be worthless.
    """
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    if done.returncode:
        raise LabError(f"`{' '.join(command)}` failed, so there is nothing to measure:\n{done.stdout}")
    return seconds


def inherited() -> dict[str, str]:
    """This process's environment, less what make tells its children: a measured command is run as from a shell."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}


@contextmanager
def empty_program() -> Iterator[tuple[Path, dict[str, str]]]:
    """A deployed stack of an empty Python program, with the same CLI, virtual environment and kind of backend: its
    folder and its environment."""
    variables = inherited() | environment(PEOPLE, STACK)
    del variables["PULUMI_OPTION_CONFIG_FILE"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "state").mkdir()
        (folder / ".venv").symlink_to((CHECKOUT / ".venv").resolve())
        (folder / "Pulumi.yaml").write_text(
            "name: empty\nruntime: {name: python, options: {virtualenv: .venv}}\nmain: .\n"
        )
        (folder / "__main__.py").write_text("")
        variables |= {"PULUMI_BACKEND_URL": f"file://{folder / 'state'}", "PULUMI_STACK": "empty"}
        timed(["pulumi", "stack", "init", "empty"], folder, variables)
        timed(["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"], folder, variables)
        yield folder, variables


def measure_previews() -> tuple[Timing, Timing]:
    """The preview of the deployed stack without changes, and that of an empty program: in turn, so that both see the
    same machine, after one of each that does not count."""
    variables = inherited() | environment(PEOPLE, STACK)
    ours: list[float] = []
    empty: list[float] = []
    with empty_program() as (folder, empty_variables):
        for _ in range(RUNS + 1):
            ours.append(timed(PREVIEW, CHECKOUT, variables))
            empty.append(timed(PREVIEW, folder, empty_variables))
    return (
        Timing(f"preview of {STACK}, nothing to change", "pulumi preview", tuple(ours[1:])),
        Timing("preview of an empty Python program", "pulumi preview", tuple(empty[1:])),
    )


def measure_refresh() -> Timing:
    """The preview that asks the cloud and Docker about every resource."""
    variables = inherited() | environment(PEOPLE, STACK)
    seconds = tuple(timed((*PREVIEW, "--refresh"), CHECKOUT, variables) for _ in range(RUNS))
    return Timing(f"preview of {STACK} with refresh", "pulumi preview --refresh", seconds)


def measure_reads() -> tuple[Timing, ...]:
    """The commands that only look."""
    variables = inherited() | environment(PEOPLE, STACK)
    commands = (("toybox", "status"), ("toybox", "restore-points", "list"))
    return tuple(
        Timing("a look", " ".join(command), tuple(timed(command, CHECKOUT, variables) for _ in range(RUNS)), READ_GOAL)
        for command in commands
    )


def measure_second_up() -> Timing:
    """`make up` where everything is up."""
    command = ("make", "up", f"STACK={STACK}")
    seconds = tuple(timed(command, CHECKOUT, inherited()) for _ in range(RUNS))
    return Timing("up again, nothing to change", " ".join(command), seconds, SECOND_UP_GOAL)


def measure_down_and_up() -> tuple[Timing, Timing]:
    """Run `make down` and then `make up`: make everything again but the content of the cache."""
    down = timed(("make", "down"), CHECKOUT, inherited())
    command = ("make", "up", f"STACK={STACK}")
    up = timed(command, CHECKOUT, inherited())
    return (
        Timing("all of it taken away", "make down", (down,)),
        Timing("up from nothing, with caches", " ".join(command), (up,), WARM_UP_GOAL),
    )


def measure_staging_refreshes() -> tuple[Timing, Timing]:
    """Make staging again from a prod of 50 users, 500 posts and as many MB of uploads as UPLOADS says, each from a
    backup of the night before."""
    timed(("make", "up", "STACK=staging"), CHECKOUT, inherited())
    address = site(PEOPLE, STACK).address
    few, many = UPLOADS
    on_server(
        PEOPLE,
        STACK,
        address,
        f"docker exec web python manage.py seed --users 50 --posts 500 --uploads-megabytes {few}",
    )
    first = one_staging_refresh(few)
    upload(address, many - few, "more")
    return first, one_staging_refresh(many)


def upload(address: str, megabytes: int, folder: str) -> None:
    """Put as many files of 1 MB into a new folder of the site's uploads: random bytes, which no compression makes
    fewer."""
    files = f"mkdir -p /srv/toybox/media/{folder} && cd /srv/toybox/media/{folder} && for n in $(seq {megabytes}); do"
    on_server(PEOPLE, STACK, address, f"{files} head -c 1MB /dev/urandom >$n.bin; done")


def one_staging_refresh(megabytes: int) -> Timing:
    """One night, and one refresh."""
    pass_nights(PEOPLE.project, 1)
    command = ("toybox", "refresh")
    seconds = timed(command, CHECKOUT, inherited() | environment(PEOPLE, "staging"))
    return Timing(f"staging from prod with {megabytes} MB of uploads", " ".join(command), (seconds,), REFRESH_GOAL)


def service_memory() -> dict[str, int]:
    """Resident MiB of each service that runs.

    Raises:
        LabError: one does not.
    """
    services = lifecycle.service_states()
    if down := [service.name for service in services if not service.pid]:
        raise LabError(f"these services do not run: {', '.join(down)}", then=f"make up STACK={STACK}")
    return {service.name: round(service.memory / MIB) for service in services}


def printed(*command: str) -> str:
    """What a command prints, on one line."""
    variables = inherited() | environment(PEOPLE, STACK)
    done = subprocess.run(command, cwd=CHECKOUT, env=variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def machine() -> Machine:
    """This machine."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=models[0].split(":", 1)[1].strip() if models else platform.machine(),
        cores=os.cpu_count() or 1,
        memory=pages // MIB,
        system=f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        python=platform.python_version(),
        pulumi=printed("pulumi", "version"),
    )


def commit() -> str:
    """The commit that is measured, and whether the checkout differs from it."""
    changed = printed("git", "status", "--porcelain", "--untracked-files=no")
    return printed("git", "rev-parse", "--short=12", "HEAD") + (" and uncommitted changes" if changed else "")


def render(result: Result) -> str:
    """The page."""
    more = result.preview.median - result.empty_preview.median
    memory = sum(result.services.values())
    on = result.machine
    few, many = result.refreshes
    growth = many.seconds[0] / few.seconds[0]
    all_timings = (*result.timings, result.preview, result.empty_preview, few, replace(many, goal=None))
    timings = "\n".join(timing_row(timing) for timing in all_timings)
    services = "\n".join(f"| {name} | {mib} |" for name, mib in result.services.items())
    return f"""\
# Benchmarks

<!-- Written by `make bench` (lab/bench.py), but for what comes after "{RECOVERY}". Change nothing else by hand. -->

Measured on {result.date} at commit {result.commit}.
Machine: {on.processor}, {on.cores} cores, {on.memory} MiB of memory.
System: {on.system}, Python {on.python}, Pulumi {on.pulumi}.

Times are wall-clock seconds. Of several runs the median is given, with the fastest and the slowest. Where there is a
goal, it is that of the project.

| what | command | runs | seconds | fastest to slowest | goal |
| --- | --- | --- | --- | --- | --- |
{timings}

A preview without changes takes {more:.2f} s more than that of an empty Python program with the same CLI and virtual
environment (goal: at most {PREVIEW_GOAL} s{verdict(more, PREVIEW_GOAL)}).

With ten times the uploads, refreshing staging takes {growth:.2f} times as long
(goal: at most {REFRESH_RATIO_GOAL} times{verdict(growth, REFRESH_RATIO_GOAL)}).

The lab's own services, servers apart, hold {memory} MiB in memory while {STACK} runs
(goal: at most {MEMORY_GOAL} MiB{verdict(memory, MEMORY_GOAL)}).
A Docker engine that the machine had already is not among them.

| service | resident MiB |
| --- | --- |
{services}

`make up` with empty caches downloads and compiles: how long that takes hangs on the network, and is not measured here.
"""


def recovery_section(page: str) -> str:
    """The page's section on recovery, with the blank line before it; "" if it has none."""
    _, head, rest = page.partition(f"\n{RECOVERY}\n")
    return head + rest


def timing_row(timing: Timing) -> str:
    """One command's line of the table."""
    goal = f"{timing.goal:.0f}{verdict(timing.median, timing.goal)}" if timing.goal else ""
    spread = f"{min(timing.seconds):.1f} to {max(timing.seconds):.1f}" if len(timing.seconds) > 1 else ""
    return f"| {timing.what} | `{timing.command}` | {len(timing.seconds)} | {timing.median:.1f} | {spread} | {goal} |"


def verdict(measured: float, goal: float) -> str:
    """Says so where a goal is missed."""
    return "" if measured <= goal else ", **missed**"


def measure() -> Result:
    """Everything, the quiet commands first, and those that take the lab away last."""
    print("previews ...", flush=True)
    preview, empty_preview = measure_previews()
    print("refresh ...", flush=True)
    refresh = measure_refresh()
    print("looks ...", flush=True)
    reads = measure_reads()
    services = service_memory()
    print("make up, again ...", flush=True)
    again = measure_second_up()
    print("make down, make up ...", flush=True)
    down, up = measure_down_and_up()
    print("toybox refresh ...", flush=True)
    refreshes = measure_staging_refreshes()
    return Result(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        commit=commit(),
        machine=machine(),
        timings=(up, again, down, refresh, *reads),
        preview=preview,
        empty_preview=empty_preview,
        refreshes=refreshes,
        services=services,
    )


def main() -> int:
    """Measure and write the page; a LabError is one message."""
    try:
        PAGE.write_text(render(measure()) + recovery_section(PAGE.read_text()))
    except LabError as error:
        print(f"bench: {error.reason}", *([f"  then: {error.then}"] if error.then else []), sep="\n", file=sys.stderr)
        return 1
    print(f"written: {PAGE.relative_to(CHECKOUT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
