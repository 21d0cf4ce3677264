"""The guard knows the program's data again: its list is held against the program and the golden URNs."""

from pathlib import Path

import pytest

from components import volumes
from ops.guard import declared
from ops.guard.openings import is_web, published, reach
from tests.unit.program.conftest import STACKS, configuration
from tests.unit.program.recording import CHECKOUT, Run, run_program


@pytest.fixture(scope="module", params=STACKS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_program(request.param, *configuration(request.param), tmp_path_factory.mktemp(request.param))


def golden(stack: str) -> list[str]:
    return (CHECKOUT / "tests" / "unit" / "program" / "urns" / f"{stack}.txt").read_text().split()


def qualified(urn: str) -> str:
    return urn.split("::")[2]


@pytest.mark.parametrize("stack", STACKS)
def test_each_stack_has_one_data_volume_of_the_type_that_the_guard_knows(stack: str) -> None:
    assert [urn for urn in golden(stack) if qualified(urn) == declared.DATA_VOLUME] == [
        f"urn:pulumi:{stack}::toybox::{declared.DATA_VOLUME}::data-volume"
    ]


def test_the_data_kinds_are_in_the_golden_urns_of_prod() -> None:
    types = {qualified(urn) for urn in golden("prod")}
    assert set(declared.DATA_KINDS) <= types


def test_every_type_that_the_guard_looks_at_is_in_the_program_or_could_take_the_place_of_one() -> None:
    types = {qualified(urn).rpartition("$")[2] for urn in golden("prod")}
    known = {
        declared.DOCKER_VOLUME,
        declared.VOLUME,
        declared.SERVER,
        declared.SECURITY_GROUP,
        declared.SECURITY_GROUP_RULE,
        declared.CONTAINER,
        declared.IMAGE,
        declared.CLOUD,
    }
    assert known <= types


def test_what_the_program_protects_or_retains_the_guard_knows(run: Run) -> None:
    """A new data resource that is protected counts by that alone; one that is only retained must be listed."""
    kept = {
        qualified(urn)
        for urn, resource in run.resources.items()
        if resource.request.protect or resource.request.retainOnDelete
    }
    assert {name.rpartition("$")[2] for name in kept} == {declared.VOLUME, declared.DOCKER_VOLUME}
    assert {name for name in kept if name.endswith(declared.VOLUME)} == {declared.DATA_VOLUME}


def test_every_named_volume_is_a_pointer_in_the_guards_eyes(run: Run) -> None:
    assert declared.MOUNT_POINT == volumes.MOUNT_POINT
    for volume in run.of_type(declared.DOCKER_VOLUME):
        assert declared.is_pointer(volume.inputs), volume.name


def test_the_declared_ports_are_those_that_the_program_publishes(run: Run) -> None:
    ports = {
        (container.inputs["name"], port.port, port.protocol)
        for container in run.of_type(declared.CONTAINER)
        for port in published(container.inputs)
    }
    assert ports == {(declared.WEB_CONTAINER, port, "tcp") for port in declared.WEB_PORTS}


def test_the_rules_for_everybody_are_the_declared_ones_and_the_rest_is_for_operators(run: Run) -> None:
    for rule in run.of_type(declared.SECURITY_GROUP_RULE):
        found = reach(rule.inputs)
        assert found is not None
        assert is_web(found) or found.ports == (declared.SSH_PORT, declared.SSH_PORT)


def test_prod_is_a_stack() -> None:
    assert Path(CHECKOUT, f"Pulumi.{declared.PROTECTED_STACK}.yaml").exists()
