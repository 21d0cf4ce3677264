"""One lab, one TOYBOX for all tests, in an OpenStack project of their own. `make test` brings the lab up before."""

import shutil
from collections.abc import Iterator

import pytest

from lab.credentials import TESTS
from lab.paths import CREDENTIALS
from lab.stack import Workspace
from tests.lab.toybox import FOLDER, Toybox, copy_of_the_program, empty_the_project


@pytest.fixture(scope="session")
def workspace() -> Iterator[Workspace]:
    """A copy of the program, a state of its own, and an empty project."""
    assert CREDENTIALS.exists(), "the lab is not up: run `make test`, or `.venv/bin/python -m lab up` before pytest"
    empty_the_project()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o700)
    yield Workspace(program=copy_of_the_program(FOLDER / "program"), folder=FOLDER / "pulumi", project=TESTS)
    empty_the_project()
    shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.fixture(scope="session")
def prod(workspace: Workspace) -> Toybox:
    """Production, brought up from nothing and filled: 50 users, 500 posts."""
    toybox = Toybox(workspace, "prod")
    toybox.initialise()
    toybox.up()
    toybox.manage("seed --users 50 --posts 500")
    return toybox


@pytest.fixture(scope="session")
def staging(workspace: Workspace, prod: Toybox) -> Toybox:
    """Staging, beside production."""
    toybox = Toybox(workspace, "staging")
    toybox.initialise()
    toybox.up()
    return toybox
