"""Every run of the program looks at the host, before anything on it is deleted or made."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from host.ssh import NoAnswerError
from tests.unit.program.conftest import configuration
from tests.unit.program.recording import ADDRESS, HEALTHY, Run, run_program

MENDERS = ("host-bundle", "host-ready", "secrets-installed")
"""What runs again when the host is not as it was left."""

SERVICES = ("postgres", "redis", "django-web", "django-worker", "django-beat", "caddy")
GATES = tuple(f"{name}-healthy" for name in SERVICES)
"""What each container passes again."""


def ill(**changes: object) -> list[dict[str, Any]]:
    """The containers, one of them with something the matter."""
    first, *others = copy.deepcopy(HEALTHY["containers"])
    return [first | changes, *others]


def facts(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(HEALTHY) | changes


def run_with(folder: Path, told: Mapping[str, Any] | Exception) -> Run:
    def ask(config: str, address: str) -> Mapping[str, Any]:
        assert (config, address) == (".toybox/prod/ssh/config", ADDRESS)
        if isinstance(told, Exception):
            raise told
        return told

    return run_program("prod", *configuration("prod"), folder, ask=ask)


def tokens(run: Run) -> set[str]:
    return {run.one(name).inputs["triggers"][-1] for name in (*MENDERS, *GATES)}


def test_a_host_as_it_was_left_changes_nothing(tmp_path: Path) -> None:
    assert tokens(run_with(tmp_path, facts(applied="left so"))) == {"left so"}


@pytest.mark.parametrize(
    "told",
    [
        facts(manifest=None),
        facts(secrets_manifest=None),
        facts(data_disk={"mounted": False}),
        facts(daemons=[]),
        facts(applied=None),
        NoAnswerError("No route to host"),
        facts(containers=ill(state="exited")),
        facts(containers=ill(state="restarting", restarts=7)),
        facts(containers=ill(health="unhealthy")),
    ],
    ids=["files", "secrets", "disk", "daemon", "never", "silence", "stopped", "crash loop", "hanging"],
)
def test_a_host_that_is_not_as_it_was_left_is_sent_everything_again(
    tmp_path: Path, told: dict[str, Any] | Exception
) -> None:
    """Until now: "67 unchanged", with the host's scripts deleted and with the server gone."""
    (token,) = tokens(run_with(tmp_path, told))
    assert token not in (HEALTHY["applied"], None, "")


def test_a_container_that_was_restarted_and_is_well_again_changes_nothing(tmp_path: Path) -> None:
    """A reboot at night must not look like drift."""
    assert tokens(run_with(tmp_path, facts(applied="left so", containers=ill(restarts=1)))) == {"left so"}


def test_a_crash_loop_stops_no_update_before_its_gate(tmp_path: Path) -> None:
    """The update may bring what mends it. Its gate is passed with the container as it is then."""
    run = run_with(tmp_path, facts(containers=ill(state="restarting", restarts=7)))
    for gate in GATES:
        assert f"{gate.removesuffix('-healthy')}-container" in run.before(run.one(gate)), gate


def test_an_update_stops_before_an_unfit_host_is_touched(tmp_path: Path) -> None:
    """A change of the Caddyfile alone went on beside a second Docker daemon."""
    second = HEALTHY["daemons"][0] | {"pid": 4242, "data_root": "/var/lib/docker-2"}
    with pytest.raises(pulumi.RunError, match=r"process 4242.*\n(.*\n)*.*A second Docker daemon was found"):
        run_with(tmp_path, facts(daemons=[*HEALTHY["daemons"], second]))


def test_everything_on_the_host_waits_for_the_look(run: Run) -> None:
    """The three that mend it have its token; what is made in Docker, and every other command, comes after them."""
    for resource in run.custom():
        on_the_host = resource.type.startswith(("docker:", "command:remote:"))
        if on_the_host and resource.name not in ("host-reachable", "host-bundle", "host-ready"):
            assert "host-ready" in run.before(resource), resource.name


def test_the_token_is_noted_on_a_host_that_was_found_fit(run: Run) -> None:
    """Otherwise the next update would send everything again, for ever."""
    hooks = run.one("host-ready").request.hooks
    assert list(hooks.after_create) == list(hooks.after_update) == ["host-condition-noted"]
