"""What a killed update left in the cloud: what is ours is removed, and the rest stops the update with its name."""

from types import SimpleNamespace
from typing import Any

import pytest

from components.cloud_leftovers import (
    Found,
    key_pairs,
    refusal,
    security_group_rules,
    security_groups,
    servers,
    volumes,
)

URN = "urn:pulumi:prod::toybox::toybox:data:DataVolume$openstack:blockstorage/volume:Volume::data-volume"
KEY = "ssh-ed25519 AAAAC3Nz"
BOOT = {"name": "toybox-prod-boot", "imageId": "image"}
DATA = {"name": "toybox-prod-data", "size": 200.0}
SERVER = {
    "name": "toybox-prod",
    "metadata": {"instance_name_tag": "toybox-prod"},
    "blockDevices": [{"uuid": "boot", "bootIndex": 0.0}, {"uuid": "data", "bootIndex": -1.0}],
}


def volume(name: str, *, image: str = "", server: str = "", snapshot: str | None = None, backup: str = "") -> Any:
    """A volume as the SDK shows it."""
    return SimpleNamespace(
        id="4711",
        name=name,
        description="TOYBOX prod: put aside",
        size=200,
        status="in-use" if server else "available",
        created_at="2026-11-24T08:53:27",
        snapshot_id=snapshot,
        source_volume_id=None,
        backup_id=None,
        metadata={"src_backup_id": backup} if backup else {},
        volume_image_metadata={"image_id": image} if image else None,
        attachments=[{"server_id": server}] if server else [],
    )


def server(name: str, *attached: str, tag: str = "", status: str = "ACTIVE") -> Any:
    """A server as the SDK shows it."""
    return SimpleNamespace(
        id="58a3",
        name=name,
        status=status,
        created_at="2026-11-24T08:53:37Z",
        metadata={"instance_name_tag": tag} if tag else {},
        attached_volumes=[{"id": id_} for id_ in attached],
    )


def test_a_key_pair_with_our_key_is_ours_and_another_is_not() -> None:
    inputs = {"name": "toybox-prod", "publicKey": f"{KEY} comment"}
    for key, ours in ((KEY, True), ("ssh-ed25519 AAAAother", False)):
        pair = SimpleNamespace(name="toybox-prod", public_key=f"{key}\n", fingerprint="86:9f")
        assert [found.ours for found in key_pairs(inputs, [pair])] == [ours]
    assert not key_pairs(inputs, [SimpleNamespace(name="somebodys", public_key=KEY, fingerprint="")])


def test_a_security_group_is_known_by_its_description() -> None:
    inputs = {"name": "toybox-prod", "description": "TOYBOX prod: SSH"}
    for description, ours in (("TOYBOX prod: SSH", True), ("", False)):
        group = SimpleNamespace(id="6b0d", name="toybox-prod", description=description)
        assert [found.ours for found in security_groups(inputs, [group])] == [ours]


def test_a_rule_is_the_one_that_says_the_same() -> None:
    inputs = {
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": "tcp",
        "portRangeMin": 22.0,
        "portRangeMax": 22.0,
        "remoteIpPrefix": "198.51.100.1/32",
    }

    def rule(id_: str, port: int) -> Any:
        return SimpleNamespace(
            id=id_,
            direction="ingress",
            ether_type="IPv4",
            protocol="tcp",
            port_range_min=port,
            port_range_max=port,
            remote_ip_prefix="198.51.100.1/32",
        )

    assert [found.id for found in security_group_rules(inputs, [rule("http", 80), rule("ssh", 22)])] == ["ssh"]


def test_a_boot_volume_that_no_server_uses_is_ours() -> None:
    assert [found.ours for found in volumes(BOOT, [volume("toybox-prod-boot", image="image")], URN)] == [True]
    used = volume("toybox-prod-boot", image="image", server="58a3")
    assert [found.ours for found in volumes(BOOT, [used], URN)] == [False]


@pytest.mark.parametrize("used_by", ["", "58a3"])
def test_a_data_volume_is_never_ours_to_remove(used_by: str) -> None:
    """Whatever is on it: an update that was killed, a stack that was destroyed and a state that was lost look alike."""
    (found,) = volumes(DATA, [volume("toybox-prod-data", server=used_by)], URN)
    assert not found.ours
    assert "4711" in found.shown
    if not used_by:
        assert "toybox adopt prod 4711" in found.way_out


def test_no_empty_data_volume_is_made_where_the_stack_has_or_had_one() -> None:
    """A restore that was killed leaves a state without one; a clone with the former settings, which say blank, would
    bring up an empty site."""
    aside = volume("toybox-prod-data-before-20261124T0900Z")
    (found,) = volumes(DATA, [aside, volume("toybox-staging-data-before-20261124T0900Z")], URN)
    assert not found.ours
    assert "toybox adopt prod 4711" in found.way_out
    assert "TOYBOX prod: put aside" in found.shown
    assert volumes(DATA, [volume("toybox-prod-data", snapshot="october")], URN)
    assert not volumes({**DATA, "snapshotId": "november"}, [aside], URN), "the restore that put it aside goes on"
    assert not volumes(BOOT, [aside], URN)


def test_staging_is_made_anew_beside_the_volume_that_it_has() -> None:
    """The new data volume is made before the old one goes: from another restore point, or again from the same."""
    inputs = {**DATA, "snapshotId": "november"}
    assert not volumes(inputs, [volume("toybox-prod-data", snapshot="october")], URN)
    assert not volumes(inputs, [volume("toybox-prod-data", snapshot="november", server="58a3")], URN)
    assert volumes(inputs, [volume("toybox-prod-data", snapshot="november")], URN)
    assert volumes({**DATA, "backupId": "b"}, [volume("toybox-prod-data", backup="b")], URN)


def test_a_server_is_ours_if_it_has_the_states_own_boot_volume() -> None:
    """Then the state was written after the volume and before the server, and nothing has run on it yet."""
    for there, ours in (
        (server("toybox-prod", "boot", "data"), True),
        (server("vm-4f1c", "boot", tag="toybox-prod"), True),
        (server("toybox-prod", status="ERROR"), True),
        (server("toybox-prod", "another", "data"), False),
        (server("toybox-prod"), False),
    ):
        assert [found.ours for found in servers(SERVER, [there])] == [ours], there
    assert not servers(SERVER, [server("toybox-staging", "boot")])


def test_the_refusal_names_each_thing_and_the_way_out() -> None:
    mine = Found("1", "id 1", ours=True)
    theirs = Found("2", "id 2, 200 GB", ours=False, way_out="Take it over.")
    assert refusal("volume", "toybox-prod-data", [mine]) == ""
    said = refusal("volume", "toybox-prod-data", [mine, theirs])
    for part in ("volume toybox-prod-data", "id 2, 200 GB", "Take it over.", "docs/runbook.md"):
        assert part in said
    assert "id 1" not in said
