"""One lab for all tests, and one TOYBOX for those of a process, in its OpenStack project. `make test` brings the lab up
before, and runs two processes side by side, for one leaves the cores idle too often."""

import fcntl
import shutil
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lab.credentials import credentials
from lab.locks import locked
from lab.paths import CREDENTIALS, LAB_DIR
from lab.stack import Workspace
from tests.conftest import keepers_group
from tests.lab.keeper import Keeper, bring_up, take_away
from tests.lab.toybox import FOLDER, PROJECT, Toybox, copy_of_the_program, empty_the_project

LOGS = "date; docker ps --all; docker logs --timestamps --tail 30 postgres; journalctl --no-pager --lines 60"
"""What tells how a server of the tests came to what it is."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers", "alone: stops what all tests share, or measures it; no other test runs meanwhile"
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keep a test that is marked `alone` apart from all others on the lab, with its fixtures."""
    if not item.path.is_relative_to(Path(__file__).parent):  # pytest asks for the tests of all folders
        return (yield)
    with turn(exclusive=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under a failure, what prod's server knows about it: it is gone when somebody reads the log."""
    report = yield
    prod = getattr(item, "funcargs", {}).get("prod")
    if report.failed and isinstance(prod, Toybox):
        with suppress(AssertionError, KeyError, OSError, subprocess.TimeoutExpired):  # its state may be lost
            report.sections.append(("prod's server", prod.ssh(LOGS, check=False)))
    return report


@contextmanager
def turn(*, exclusive: bool) -> Iterator[None]:
    """Share the lab with the tests of other processes, or have it alone. Who waits to be alone keeps newcomers out."""
    if not LAB_DIR.exists():
        yield  # `workspace` says that the lab is not up
        return
    with (LAB_DIR / "tests.lock").open("w") as lab:
        with locked(LAB_DIR / "tests.turnstile"):
            fcntl.flock(lab, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield


@pytest.fixture(scope="session")
def workspace() -> Iterator[Workspace]:
    """A copy of the program, a state of its own, and an empty project."""
    assert CREDENTIALS.exists(), "the lab is not up: run `make test`, or `.venv/bin/python -m lab up` before pytest"
    assert PROJECT in credentials()["projects"], "an older version made this lab: `make down`, then `make test`"
    empty_the_project()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o700)
    yield Workspace(program=copy_of_the_program(FOLDER / "program"), folder=FOLDER / "pulumi", project=PROJECT)
    empty_the_project()
    shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.fixture(scope="session")
def prod(workspace: Workspace) -> Toybox:
    """Production, brought up from nothing and filled: 50 users, 500 posts, and their thumbnails."""
    toybox = Toybox(workspace, "prod")
    toybox.initialise()
    toybox.up()
    toybox.manage("seed --users 50 --posts 500")
    toybox.settle()
    return toybox


@pytest.fixture(scope="session")
def staging(workspace: Workspace, prod: Toybox) -> Toybox:
    """Staging, beside production."""
    toybox = Toybox(workspace, "staging")
    toybox.initialise()
    toybox.up()
    return toybox


made: list[Keeper] = []


@pytest.fixture(scope="module")
def keeper(prod: Toybox) -> Keeper:
    """Production's keeper, one for all files of a group of tests/conftest.py. Production has none before and after."""
    if not made:
        made.append(bring_up(prod))
    return made[0]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Take the keeper away after the last test of its group. The other tests' production has none, and another group's
    keeper must know nothing of this one's data: less than half of it fails a backup. Pytest's own teardown comes after
    it: with the session's last test the workspace goes."""
    group = keepers_group(item.nodeid)
    if made and not (group and nextitem and keepers_group(nextitem.nodeid) == group):
        last = made.pop()
        # after the very last test production is gone, too
        take_away(last) if nextitem else last.machine.remove()
