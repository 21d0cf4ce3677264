"""Tests that run what the docs print: the mark that names a section, and the fixture that runs its commands. And how
`make test` and `make test-recovery` divide their tests between two processes."""

from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests import measured
from tests.documentation import section
from tests.procedure import Procedure, Procedures, Shell
from tests.progress import Progress

STAGING = ("tests/lab/test_first_checks.py", "tests/lab/test_staging.py", "tests/lab/test_staging_refresh.py")
"""What needs staging beside production. One process has them all, so that it is made once."""

KEEPERS = (
    (
        *("tests/lab/test_keeper.py", "tests/lab/test_drill.py", "tests/lab/test_restore.py"),
        "tests/lab/test_keeper_watch.py",
    ),
    ("tests/lab/recovery/test_keeper_faults.py", "tests/lab/recovery/test_keeper_kills.py"),
    (
        *("tests/lab/recovery/test_recover.py", "tests/lab/recovery/test_restore_database.py"),
        "tests/lab/recovery/test_copy_alone.py",
    ),
    ("tests/lab/recovery/test_copy.py", "tests/lab/recovery/test_drill_damage.py"),
)
"""What needs production's keeper, in groups. One process has all of a group, one after the other, and a keeper is made
for it once. All of them come before what needs none. A database of 1 GB comes last in its group: each look at all that
is kept reads every full backup."""
KEEPER = tuple(file for group in KEEPERS for file in group)

FIRST = "tests/lab/test_guard.py"
"""Its recordings are of a production as `pulumi up` made it; other tests restore, adopt and refresh theirs."""

LONGEST = (*STAGING, *KEEPER, "tests/lab/test_status.py", "tests/lab/test_documented_commands.py")
"""What takes minutes begins first, so that no process is left with it while the other one has nothing to do."""

ALONE = "tests/lab/test_lab_lifecycle.py"
"""Its tests wait until the other process has no test on the lab: late, when those are short."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """A process that is free gets the tests of one more file, all of them."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        groups = {"staging": STAGING, **{f"keeper {number}": group for number, group in enumerate(KEEPERS)}}
        return next((name for name, group in groups.items() if file in group), file)


def keepers_group(nodeid: str) -> tuple[str, ...] | None:
    """The files that share a keeper with this test's file."""
    return next((group for group in KEEPERS if nodeid.partition("::")[0] in group), None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Whatever `--dist` says."""
    return ByFile(config, log)


def place(nodeid: str) -> int:
    """Where a test's file stands in the order of all."""
    file = nodeid.partition("::")[0]
    if file == FIRST:
        return 0
    if file in LONGEST:
        return 1 + LONGEST.index(file)
    return 1 + len(LONGEST) + (1 if file == ALONE else 0 if file.startswith("tests/lab/") else 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first and leave the others in their order: on the lab, with a bucket, units."""
    items.sort(key=lambda item: place(item.nodeid))


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "documented(section): runs the commands of this section of the docs")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Forget what an earlier run measured, and show the progress of several processes."""
    if hasattr(session.config, "workerinput"):
        return
    measured.forget()
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if (processes := session.config.getoption("numprocesses", 0)) and reporter and not session.config.option.verbose:
        session.config.pluginmanager.register(Progress(session.config, reporter.write_line, processes))


@pytest.fixture
def procedure(request: pytest.FixtureRequest) -> Iterator[Procedures]:
    """The commands of the section that the test is marked with. All of them must have been run when it ends well."""
    mark = request.node.get_closest_marker("documented")
    assert mark, "a test that uses `procedure` says which section of the docs it runs: @pytest.mark.documented"
    begun: list[Procedure] = []

    def begin(shell: Shell) -> Procedure:
        begun.append(Procedure(section(mark.args[0]), shell))
        return begun[-1]

    failed = request.session.testsfailed
    yield begin
    for steps in begun:
        steps.shell.close()
    if request.session.testsfailed == failed:
        assert begun, f"{mark.args[0]}: none of its commands was run"
        for steps in begun:
            assert not steps.left, f"{mark.args[0]}: these were not run: {steps.left}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured: the closing note and docs/benchmarks.md have it."""
    for line in measured.lines():
        terminalreporter.write_line(line)
