"""What a stack consists of: every resource by name, and every input."""

import re
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from components.caddy.build_context import CONTEXT
from components.data_disk import DataDisk
from components.host.bundle import host_bundle, pack
from settings import ssh_public_key
from tests.unit.program.conftest import STACKS, canaries, configuration
from tests.unit.program.recording import CHECKOUT, Run, Secret, run_program

GOLDEN = Path(__file__).parent / "urns"


def test_children_are_exactly_those_of_the_golden_list(run: Run) -> None:
    """A child's logical name is public: a renamed resource is deleted and made anew, which for a disk is the end of it.

    After a change on purpose (with an alias, if something was renamed) write the list by hand.
    """
    golden = (GOLDEN / f"{run.stack}.txt").read_text().splitlines()
    assert golden == sorted(golden)
    assert sorted(run.resources) == golden


def test_logical_names_are_unique_across_types(run: Run) -> None:
    """`pulumi up --target` and people go by the end of a URN. A component shares its name with nothing a provider
    makes."""
    names = [resource.name for resource in run.resources.values() if resource.request.custom]
    assert len(names) == len(set(names))


def masked(value: Any) -> Any:
    """Inputs as they may stand in a snapshot: secrets without their value, and content hashes without theirs, which
    tests of their own hold (tests/unit/components)."""
    match value:
        case Secret():
            return "<secret>"
        case dict():
            return {key: masked(item) for key, item in value.items()}
        case list():
            return [masked(item) for item in value]
        case str() if len(value) > 2000:
            return "<bundle>"
        case str():
            return re.sub(r"(?<=toybox-caddy:)[0-9a-f]{16}|^[0-9a-f]{12}$|^[0-9a-f]{16}$", "<hash>", value)
        case _:
            return value


def test_inputs(run: Run, snapshot: SnapshotAssertion) -> None:
    inputs = {resource.name: masked(resource.inputs) for resource in run.resources.values() if resource.request.custom}
    assert inputs == snapshot


def test_the_host_bundle_is_the_one_that_is_rendered(run: Run) -> None:
    """The snapshot leaves it out; its files have snapshots of their own."""
    volume = run.exports["dataVolumeId"]
    disk = DataDisk(
        stack=run.stack,
        production=run.stack == "prod",
        volume=volume,
        device=f"/dev/disk/by-id/virtio-{volume[:20]}",
        origin="blank",
        copy=False,
        blank=True,
    )
    key = ssh_public_key(canaries(run.stack)["sshPrivateKey"])
    assert run.one("host-bundle").inputs["stdin"] == pack(host_bundle(disk, [key]))


def test_caddy_is_built_from_the_folder_whose_hash_is_its_tag(run: Run) -> None:
    build = run.one("caddy-image").inputs["build"]
    assert CHECKOUT / build["context"] == CONTEXT


def test_exports(run: Run, snapshot: SnapshotAssertion) -> None:
    assert run.exports == snapshot


@pytest.mark.parametrize("stack", STACKS)
def test_the_first_preview_shows_every_child(stack: str, runs: dict[str, Run], tmp_path: Path) -> None:
    """Nothing that a provider answers is known then: a resource that is only made in an `apply` would be missing, and
    an `apply` that takes unknown values for known ones would fail."""
    preview = run_program(stack, *configuration(stack), tmp_path, preview=True)
    assert set(preview.resources) == set(runs[stack].resources)


def test_no_input_depends_on_the_machine_that_runs_the_program(run: Run) -> None:
    """Or the next operator's `pulumi up` has something to do."""
    for resource in run.resources.values():
        for place in (str(CHECKOUT), str(run.folder)):
            assert place not in str(resource.inputs), f"{resource.name} knows {place}"
