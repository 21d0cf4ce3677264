"""What the program runs on the server by itself, whether or not anything changes: it ends a release that is not its
own, and looks at the containers at the end."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from components.host.commands import end_former_release
from tests.unit.program.conftest import configuration
from tests.unit.program.recording import Run, run_program

FAILS = ("sh", "-c", "echo cannot be ended >&2; exit 1")
NO_WAY_IN = ("sh", "-c", "echo Connection refused >&2; exit 255")
ILL = ("sh", "-c", "echo container postgres was not healthy within 120 s >&2; exit 1")


def is_last_look(command: str) -> bool:
    """Whether a command is the look at the end of an update."""
    return ".State.Health.Status" in command


def test_no_release_begins_before_one_of_another_update_has_ended(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="cannot be ended"):
        run_program("prod", *configuration("prod"), tmp_path, ssh=lambda _: FAILS)


def test_a_server_that_lets_nobody_in_does_not_stop_the_update_that_may_open_it(tmp_path: Path) -> None:
    def closed_at_first(command: str) -> Sequence[str]:
        return ("true",) if is_last_look(command) else NO_WAY_IN

    assert run_program("prod", *configuration("prod"), tmp_path, ssh=closed_at_first).one("django-release")


def test_a_preview_runs_nothing_on_the_server(tmp_path: Path) -> None:
    run = run_program("prod", *configuration("prod"), tmp_path, preview=True, ssh=lambda _: FAILS)
    assert run.one("django-release")


def test_each_update_looks_at_every_container_after_all_else(tmp_path: Path, runs: dict[str, Run]) -> None:
    ran: list[str] = []

    def note(command: str) -> Sequence[str]:
        ran.append(command)
        return ("true",)

    run_program("prod", *configuration("prod"), tmp_path, ssh=note)
    assert end_former_release() in ran
    assert [is_last_look(command) for command in ran] == [*[False] * (len(ran) - 1), True]
    containers = [each.inputs["name"] for each in runs["prod"].of_type("docker:index/container:Container")]
    assert len(containers) == 7
    assert [name for name in containers if f"await-healthy {name} " not in ran[-1]] == []


@pytest.mark.parametrize(("answer", "said"), [(ILL, "was not healthy within"), (NO_WAY_IN, "Connection refused")])
def test_no_update_ends_well_unless_all_containers_were_seen_healthy(
    answer: Sequence[str], said: str, tmp_path: Path
) -> None:
    def answers(command: str) -> Sequence[str]:
        return answer if is_last_look(command) else ("true",)

    with pytest.raises(Exception, match=said):
        run_program("prod", *configuration("prod"), tmp_path, ssh=answers)
