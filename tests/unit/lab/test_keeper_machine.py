"""The keeper's machine belongs to no account of the cloud's, and costs nothing where it is not wanted."""

import io
import json
import tarfile
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab import cloud, credentials, engine, images, keeper_image, keeper_machine, lifecycle, paths, stack
from lab.keeper_machine import ADDRESSES, KeeperMachine
from lab.openstack import system_container


def test_each_project_has_a_keeper_of_its_own_at_an_address_that_no_server_gets() -> None:
    addresses = [IPv4Address(address) for address in ADDRESSES.values()]
    assert ADDRESSES.keys() == credentials.TENANTS.keys()
    assert len(set(addresses)) == len(addresses)
    network = IPv4Network(engine.SUBNET)
    assert set(addresses) < set(network.hosts())
    assert IPv4Address(engine.GATEWAY) < IPv4Address(cloud.POOL["start"]) < IPv4Address(cloud.POOL["end"])
    assert all(address > IPv4Address(cloud.POOL["end"]) for address in addresses)


V4 = f"{cloud.EXTERNAL_NETWORK}-v4"


class Network:
    """Neutron with the subnet of a lab that an older version made."""

    def __init__(self, pools: list[dict[str, str]]) -> None:
        self.subnets_there = [
            SimpleNamespace(name=V4, allocation_pools=pools),
            SimpleNamespace(name=f"{cloud.EXTERNAL_NETWORK}-v6", allocation_pools=[]),
        ]
        self.updated: list[Any] = []

    def find_network(self, name: str) -> Any:
        return SimpleNamespace(id="n")

    def subnets(self, network_id: str) -> Any:
        return self.subnets_there

    def update_subnet(self, subnet: Any, **changes: Any) -> None:
        self.updated.append((subnet.name, changes))


@pytest.mark.parametrize(
    ("pools", "updates"),
    [
        (
            [{"start": "198.51.100.2", "end": "198.51.100.254"}],
            [("ext-198-51-100-0-v4", {"allocation_pools": [cloud.POOL]})],
        ),
        ([cloud.POOL], []),
    ],
    ids=["an older lab", "this lab"],
)
def test_neutron_of_an_older_lab_gives_out_the_keepers_addresses_no_more(pools: Any, updates: Any) -> None:
    network = Network(pools)
    cloud.external_network(SimpleNamespace(network=network))  # type: ignore[arg-type]
    assert network.updated == updates


def test_a_lab_without_a_keeper_builds_nothing_for_one() -> None:
    assert not [step.name for step in lifecycle.up_steps(toolchain=True) if "keeper" in step.name]
    assert "keeper" not in images.CONTEXTS


def test_the_image_is_another_one_for_each_base_and_each_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = {file.name for file in keeper_image.HERE.iterdir() if file.is_file() and file.suffix != ".py"}
    assert there == set(keeper_image.FILES)
    before = keeper_image.tag("server:1")
    assert keeper_image.tag("server:2") != before
    for name in keeper_image.FILES:
        (tmp_path / name).write_bytes((keeper_image.HERE / name).read_bytes())
    monkeypatch.setattr(keeper_image, "HERE", tmp_path)
    assert keeper_image.tag("server:1") == before
    for name in keeper_image.FILES:
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text + "#\n")
        assert keeper_image.tag("server:1") != before
        (tmp_path / name).write_text(text)


def test_the_host_key_is_known_before_the_machine_is_there_and_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "KEEPERS", tmp_path)
    machine = KeeperMachine(credentials.PEOPLE)
    public = machine.host_key()
    assert public.startswith("ssh-ed25519 ")
    assert KeeperMachine(credentials.PEOPLE).host_key() == public
    assert KeeperMachine(credentials.TESTS[0]).host_key() != public
    assert (machine.folder / keeper_machine.HOST_KEY).stat().st_mode & 0o777 == 0o600


def test_what_is_put_on_the_machine_keeps_its_modes_and_its_secrets_off_the_command_line() -> None:
    packed = keeper_machine.archive({"etc/key": ("private\n", 0o600), "etc/key.pub": ("public\n", 0o644)})
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert {entry.name: (entry.mode, entry.uid) for entry in archive} == {
            "etc/key": (0o600, 0),
            "etc/key.pub": (0o644, 0),
        }
        assert archive.extractfile("etc/key").read() == b"private\n"  # type: ignore[union-attr]


def test_disks_are_read_back_as_they_were_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(system_container, "loop_minor", lambda path, lock: 7)
    disks = {"vdb": ("/store/keeper people", "keeper-people")}
    assert system_container.read_disks(str(tmp_path / "hardware")) == {}
    system_container.write_disks(str(tmp_path / "hardware"), disks, "lock")
    assert (tmp_path / "hardware" / "disks").read_text() == "vdb 7 keeper-people /store/keeper people\n"
    assert system_container.read_disks(str(tmp_path / "hardware")) == disks


def test_a_stack_has_its_keepers_block_once_it_has_one_and_at_each_up_again(tmp_path: Path) -> None:
    workspace = stack.Workspace(program=tmp_path, folder=tmp_path, project=credentials.PEOPLE)
    assert stack.keeper_of(workspace, "prod") == {}
    block = {"address": "198.51.100.240"}
    stack.keeper_file(workspace, "prod").write_text(json.dumps(block))
    assert stack.keeper_of(workspace, "prod") == {"toybox:keeper": block}
    assert stack.keeper_of(workspace, "staging") == {}


def test_a_keepers_settings_get_its_machine_and_nothing_of_the_clouds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "KEEPERS", tmp_path)
    assert stack.is_keeper({"config": {"toybox:environment": "keeper"}})
    assert not stack.is_keeper({"config": {"toybox:environment": "production"}})
    machine = KeeperMachine("tests1")
    overlay = stack.keeper_overlay("tests1")
    assert overlay.keys() == {"toybox:machine", "toybox:copy"}
    assert overlay["toybox:machine"] == {"address": machine.address, "hostKey": machine.host_key()}


def test_a_keeper_that_is_made_again_has_another_bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the one of before lie copies that it did not make."""
    buckets = []
    for folder in ("one", "two"):
        monkeypatch.setattr(paths, "KEEPERS", tmp_path / folder)
        buckets += [stack.keeper_overlay("tests1")["toybox:copy"]] * 2
    assert len({str(each) for each in buckets}) == 2
