"""What production's settings block `keeper` adds to the program, to the name; and that without it nothing is added."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from syrupy.assertion import SnapshotAssertion

from components.host.keeper_login import login_files
from components.keeper_access import dismiss_command
from components.keeper_network import DATABASE_ADDRESS, GATEWAY, SUBNET
from settings import Keeper
from tests.unit.ops.guard.edits import unpacked
from tests.unit.program.conftest import configuration
from tests.unit.program.recording import Registered, Run, revealed, run_program
from tests.unit.program.test_children import masked

BLOCK = {
    "address": "192.0.2.9",
    "sshKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL1wq0mV8sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7bx",
    "databaseVerifier": f"SCRAM-SHA-256$4096:VE9ZQk9YIGtlZXBlcg==${'A' * 43}=:{'B' * 43}=",
}
ADDED = {
    "toybox:server:Server$openstack:networking/secGroupRule:SecGroupRule::server-ingress-ssh-keeper",
    "toybox:services:KeeperAccess$command:remote:Command::keeper-access-role",
    "toybox:services:KeeperAccess::keeper-access",
    "toybox:services:Networks$docker:index/network:Network::networks-keeper",
}


def with_block(folder: Path, changes: Mapping[str, object] | None = None) -> Run:
    config, encrypted = configuration("prod")
    settings = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (changes or {}).items()}
    return run_program("prod", config | {"toybox:keeper": json.dumps(BLOCK)} | settings, encrypted, folder)


def compared(resource: Registered) -> dict[str, Any]:
    """Its inputs without what differs in each run: a private key's text has a random part."""
    return {name: value for name, value in resource.inputs.items() if name not in ("connection", "userData")}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return with_block(tmp_path_factory.mktemp("kept"))


def test_a_keeper_adds_exactly_these_children(kept: Run, runs: dict[str, Run]) -> None:
    prefix = "urn:pulumi:prod::toybox::"
    assert kept.resources.keys() - runs["prod"].resources.keys() == {f"{prefix}{each}" for each in ADDED}
    assert runs["prod"].resources.keys() <= kept.resources.keys()


def test_a_keeper_changes_the_inputs_of_the_host_bundle_and_of_the_database_alone(
    kept: Run, runs: dict[str, Run]
) -> None:
    before = runs["prod"].resources
    differing = {before[urn].name for urn in before if compared(kept.resources[urn]) != compared(before[urn])}
    # the check of the host has the bundle's hash
    assert differing == {"host-bundle", "host-ready", "postgres-container"}


def test_inputs_of_what_a_keeper_adds(kept: Run, snapshot: SnapshotAssertion) -> None:
    names = [each.rpartition("::")[2] for each in sorted(ADDED)]
    assert {name: masked(kept.one(name).inputs) for name in names} == snapshot


def test_port_22_is_open_to_the_keepers_one_address(kept: Run) -> None:
    rule = kept.one("server-ingress-ssh-keeper").inputs
    assert (rule["portRangeMin"], rule["portRangeMax"], rule["remoteIpPrefix"]) == (22, 22, "192.0.2.9/32")


def test_a_keeper_on_an_operators_machine_has_the_operators_rule(tmp_path: Path) -> None:
    """OpenStack refuses the second of two equal rules."""
    run = with_block(tmp_path, {"toybox:operators": ["192.0.2.9/32"]})
    assert not [name for name in run.resources if name.endswith("ssh-keeper")]
    assert run.one("server-ingress-ssh-192.0.2.9-32").inputs["portRangeMin"] == 22


def test_the_database_alone_is_in_the_keepers_network_at_its_fixed_address(kept: Run) -> None:
    network = kept.one("networks-keeper").inputs
    assert network["internal"] is True
    assert network["ipamConfigs"] == [{"subnet": SUBNET, "gateway": GATEWAY}]
    inside = {
        container.name: each["ipv4Address"]
        for container in kept.of_type("docker:index/container:Container")
        for each in container.inputs["networksAdvanced"]
        if each["name"] == "keeper"
    }
    assert inside == {"postgres-container": DATABASE_ADDRESS}


def test_the_state_remembers_who_may_log_in(kept: Run) -> None:
    """The guard compares it."""
    assert kept.one("keeper-access").inputs == BLOCK


def test_the_role_comes_after_the_database(kept: Run) -> None:
    role = kept.one("keeper-access-role")
    assert "postgres-password" in kept.before(role)
    assert BLOCK["databaseVerifier"] in revealed(role.inputs["stdin"])


def test_the_bundle_has_the_files_of_the_login(kept: Run) -> None:
    files = unpacked(kept.one("host-bundle").inputs["stdin"])
    operators = json.loads(configuration("prod")[0]["toybox:operators"])
    for path, file in login_files(Keeper.model_validate(BLOCK), operators).items():
        assert files[f"root{path}"] == file, path


def test_production_holds_no_secret_of_the_keepers(kept: Run, runs: dict[str, Run]) -> None:
    """A public key and a verifier: nothing that opens anything of the keeper's."""
    assert compared(kept.one("secrets-installed")) == compared(runs["prod"].one("secrets-installed"))


def test_without_a_keeper_each_update_ends_the_role_that_a_data_disk_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Staging's disk is made from production's, with role and slot. No input of a resource says so."""
    ran: list[str] = []

    def note(command: str, **_: object) -> pulumi.Output[str]:
        ran.append(command)
        return pulumi.Output.from_input("")

    monkeypatch.setattr("components.host.in_every_update", note)
    run_program("staging", *configuration("staging"), tmp_path)
    assert dismiss_command() in ran
    ran.clear()
    with_block(tmp_path)
    assert ran
    assert dismiss_command() not in ran
