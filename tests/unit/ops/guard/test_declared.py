"""The guard knows the program's data again: its list is held against the program and the golden URNs."""

import pytest

from components.host import bundle, commands
from host.look import LIBRARY
from inventory import ports
from ops.guard import declared, keeper
from ops.guard.host_commands import LAUNCHER, NOTED
from ops.guard.open_ports import is_web, ports_of, reach
from settings import Keeper
from tests.unit.ops.guard.recordings import DISK
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


def test_what_the_guard_names_by_component_is_in_the_golden_urns_of_prod() -> None:
    types = {qualified(urn) for urn in golden("prod")}
    named = {declared.DATA_COMPONENT, declared.POLICY_COMPONENT, declared.DATA_VOLUME, declared.BOOT_VOLUME}
    assert {*named, declared.SUBSCRIPTION} <= types


@pytest.mark.parametrize("stack", STACKS)
def test_the_guard_knows_every_type_that_the_program_has(stack: str) -> None:
    """One that is new is stopped until somebody has thought about it: add it to JUDGED or to HARMLESS."""
    types = {qualified(urn).rpartition("$")[2] for urn in golden(stack)}
    assert {each for each in types if not each.startswith("toybox:")} <= declared.JUDGED | declared.HARMLESS


def test_every_type_that_the_guard_looks_at_is_in_the_program_or_could_take_the_place_of_one() -> None:
    types = {qualified(urn).rpartition("$")[2] for urn in golden("prod")}
    assert declared.JUDGED - types == {declared.VOLUME_ATTACHMENT, declared.PORT_SECURITY_GROUPS}


def test_the_state_remembers_what_the_guard_compares(run: Run) -> None:
    inputs = {each.type: each.inputs for each in run.resources.values()}
    assert inputs[declared.DATA_COMPONENT]["environment"] in ("production", "staging")
    assert isinstance(inputs[declared.POLICY_COMPONENT]["kept"], int)


def test_the_state_remembers_who_may_log_in_as_the_keeper() -> None:
    keys = {field.alias for field in Keeper.model_fields.values()}
    assert keys == keeper.WORDS.keys()


def test_the_guard_knows_a_launched_bundle_again() -> None:
    launched = LAUNCHER.fullmatch(commands.apply_bundle())
    assert launched
    assert launched["command"] == '"$bundle/apply" "$bundle"'


def test_the_files_of_the_host_bundle_whose_changes_are_only_noted_are_scripts() -> None:
    """All others decide which disk is where, who may log in, or what starts by itself: each change is a finding."""
    files = bundle.host_bundle(DISK, [])
    scripts = {name for name in files if name.startswith(f"root{LIBRARY}/") and "disk" not in name}
    assert {name for name in files if NOTED.match(name)} - scripts == {"apply", "root/etc/docker/daemon.json"}
    for name in ("data-disk", "data_disk.py", "keeper_gate.py", "keeper_files.py"):
        assert not NOTED.match(f"root{LIBRARY}/{name}")


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
    for volume in run.of_type(declared.DOCKER_VOLUME):
        assert declared.is_pointer(volume.inputs), volume.name


def test_the_declared_ports_are_those_that_the_program_publishes(run: Run) -> None:
    published = {
        (container.inputs["name"], port.number, port.protocol)
        for container in run.of_type(declared.CONTAINER)
        for port in ports_of(container.inputs)
    }
    assert published == {(declared.WEB_CONTAINER, port, "tcp") for port in ports.WEB}


def test_the_rules_for_everybody_are_the_declared_ones_and_the_rest_is_for_operators(run: Run) -> None:
    for rule in run.of_type(declared.SECURITY_GROUP_RULE):
        found = reach(rule.inputs)
        assert found is not None
        assert is_web(found) or found.ports == (ports.SSH, ports.SSH)
