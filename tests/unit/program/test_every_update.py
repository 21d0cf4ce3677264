"""What the program runs on the server by itself, whether or not anything changes: it ends a release that is not its
own."""

from pathlib import Path

import pytest

from tests.unit.program.conftest import configuration
from tests.unit.program.recording import run_program

FAILS = ("sh", "-c", "echo cannot be ended >&2; exit 1")
NO_WAY_IN = ("sh", "-c", "echo Connection refused >&2; exit 255")


def test_no_release_begins_before_one_of_another_update_has_ended(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="cannot be ended"):
        run_program("prod", *configuration("prod"), tmp_path, ssh=FAILS)


def test_a_server_that_lets_nobody_in_does_not_stop_the_update_that_may_open_it(tmp_path: Path) -> None:
    assert run_program("prod", *configuration("prod"), tmp_path, ssh=NO_WAY_IN).one("django-release")


def test_a_preview_runs_nothing_on_the_server(tmp_path: Path) -> None:
    assert run_program("prod", *configuration("prod"), tmp_path, preview=True, ssh=FAILS).one("django-release")
