"""Servers as ConoHa makes and keeps them."""

import base64
import gzip
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.conoha_rules import compute
from lab.conoha_rules.rule import Server, Volume
from tests.unit.lab.conoha_rules.tenant import BOOT, DATA, PLAN, Tenant, passed, refusal

TENANT = Tenant(
    has_servers=[
        Server("running", "ACTIVE", PLAN, ("boot",)),
        Server("stopped", "SHUTOFF", PLAN, ("boot",)),
        Server("full", "SHUTOFF", PLAN, ("boot", "data")),
    ],
    has_volumes=[
        Volume("boot", BOOT, 100),
        Volume("small", BOOT, 30),
        Volume("data", DATA, 200),
        Volume("more", DATA, 200),
    ],
)


def server(**changes: Any) -> dict[str, Any]:
    """A request that ConoHa takes, changed."""
    wanted = {
        "flavorRef": f"id-{PLAN}",
        "block_device_mapping_v2": [{"uuid": "boot"}, {"uuid": "data"}],
        "metadata": {"instance_name_tag": "toybox-prod"},
        **changes,
    }
    return {"server": {key: value for key, value in wanted.items() if value is not None}}


def create(**changes: Any) -> str:
    return refusal("compute", "POST", "/servers", server(**changes), TENANT)


def user_data(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"imageRef": "some-image"}, "no server from an image"),
        ({"block_device_mapping_v2": None}, "from a boot volume"),
        ({"block_device_mapping_v2": [{"source_type": "image", "uuid": "boot"}]}, "only volumes that exist"),
        ({"block_device_mapping_v2": [{"source_type": "volume"}]}, "needs the uuid"),
        ({"block_device_mapping_v2": [{"uuid": "data"}]}, f"boots from a volume of type {BOOT}"),
        ({"block_device_mapping_v2": [{"uuid": "gone"}]}, "the first one is no volume"),
        ({"block_device_mapping_v2": [{"uuid": "boot"}, {"uuid": "data"}, {"uuid": "more"}]}, "one volume of type"),
        ({"block_device_mapping_v2": [{"uuid": "boot"}, {"uuid": "small"}]}, "one volume of type"),
        ({"block_device_mapping_v2": [{"uuid": "small"}]}, "takes a boot volume of 100, 200, 500 GB"),
        ({"flavorRef": "id-g2l-t-c1m512"}, "takes a boot volume of 30 GB"),
        ({"flavorRef": "id-g2l-p-c4m4"}, "no flavor"),
        ({"networks": [{"uuid": "external"}]}, "no `networks`"),
        ({"networks": "auto"}, "no `networks`"),
        ({"metadata": {"instance_name_tag": "toybox prod"}}, "instance_name_tag"),
        ({"metadata": {"instance_name_tag": ""}}, "instance_name_tag"),
        ({"user_data": user_data(b"#cloud-config\n" + b"x" * 12 * 1024)}, "16 KiB"),
        ({"user_data": user_data(b"Content-Type: multipart/mixed\n")}, "takes only #!"),
        ({"user_data": user_data(gzip.compress(b"#!/bin/sh\n"))}, "gzip"),
        ({"user_data": user_data(b"#!/bin/sh\n\xff")}, "not text"),
        ({"user_data": "#!/bin/sh"}, "not base64"),
        ({"adminPass": "Short1!"}, "adminPass"),
        ({"adminPass": "all-lower-case-1"}, "adminPass"),
        ({"adminPass": "NoDigitNoSymbol"}, "adminPass"),
        ({"adminPass": "Aa1" + "x" * 68}, "adminPass"),
    ],
)
def test_what_conoha_makes_no_server_of(changes: dict[str, Any], why: str) -> None:
    assert why in create(**changes)


def test_what_conoha_makes_a_server_of() -> None:
    assert create() == ""
    assert create(block_device_mapping_v2=[{"uuid": "boot"}]) == ""
    assert create(metadata={}) == ""
    assert create(adminPass="Passw0rd-of-mine", user_data=user_data(b"#cloud-config\n"), key_name="k") == ""
    assert create(flavorRef="id-g2l-t-c1m512", block_device_mapping_v2=[{"uuid": "small"}]) == ""


def test_a_server_gets_conohas_name_its_public_network_and_whole_block_devices() -> None:
    call = passed("compute", "POST", "/servers", server(name="mine"), TENANT)
    made = call.part("server")
    assert re.fullmatch(r"vm-[0-9a-f]{8}-[0-9a-f]{2}", made["name"])
    assert made["networks"] == [{"uuid": "external"}]
    boot, data = made["block_device_mapping_v2"]
    rest = {"source_type": "volume", "destination_type": "volume", "delete_on_termination": False}
    assert boot == {"uuid": "boot", "boot_index": 0, **rest}
    assert data == {"uuid": "data", "boot_index": -1, **rest}


@given(st.text(max_size=20))
def test_a_name_tag_is_refused_or_of_the_alphabet(tag: str) -> None:
    assert bool(create(metadata={"instance_name_tag": tag})) != bool(re.fullmatch("[A-Za-z0-9_-]{1,255}", tag))


def test_a_server_is_not_renamed_but_tagged() -> None:
    assert "instance_name_tag" in refusal("compute", "PUT", "/servers/running", {"server": {"name": "new"}}, TENANT)
    path, tag = "/servers/running/metadata", {"instance_name_tag": "new"}
    assert refusal("compute", "POST", path, {"metadata": tag}, TENANT) == ""
    assert refusal("compute", "POST", path, {"metadata": {"instance_name_tag": "a b"}}, TENANT)
    assert "own metadata" in refusal("compute", "POST", path, {"metadata": {"backup_status": "x"}}, TENANT)
    assert refusal("compute", "PUT", path, {"metadata": tag}, TENANT)
    assert refusal("compute", "DELETE", f"{path}/instance_name_tag", {}, TENANT)


@pytest.mark.parametrize("action", compute.ACTIONS)
def test_listed_actions_pass(action: str) -> None:
    assert refusal("compute", "POST", "/servers/stopped/action", {action: None}, TENANT) == ""


@pytest.mark.parametrize(
    "action",
    [
        *("addSecurityGroup", "removeSecurityGroup", "changePassword", "createImage", "shelve", "pause", "suspend"),
        *("os-getConsoleOutput", "os-getVNCConsole", "lock", "createBackup", "forceDelete", "os-resetState"),
    ],
)
def test_all_other_actions_are_refused(action: str) -> None:
    assert f"no server action '{action}'" in refusal("compute", "POST", "/servers/stopped/action", {action: {}}, TENANT)


def test_resizing_attaching_and_detaching_need_a_stopped_server() -> None:
    def act(method: str, server: str, what: str, body: dict[str, Any]) -> str:
        return refusal("compute", method, f"/servers/{server}/{what}", body, TENANT)

    resize, attach = {"resize": {"flavorRef": "x"}}, {"volumeAttachment": {"volumeId": "data"}}
    for method, what, body in (
        ("POST", "action", resize),
        ("POST", "os-volume_attachments", attach),
        ("DELETE", "os-volume_attachments/data", {}),
    ):
        assert "stopped servers only" in act(method, "running", what, body)
        assert act(method, "stopped", what, body) == ""


def test_one_additional_volume_and_the_boot_volume_stays() -> None:
    path, more = "/servers/full/os-volume_attachments", {"volumeAttachment": {"volumeId": "more"}}
    assert "one additional volume" in refusal("compute", "POST", path, more, TENANT)
    spare = {"volumeAttachment": {"volumeId": "small"}}
    assert f"type {DATA} only" in refusal("compute", "POST", "/servers/stopped/os-volume_attachments", spare, TENANT)
    assert "boot volumes" in refusal("compute", "DELETE", f"{path}/boot", {}, TENANT)
    assert refusal("compute", "PUT", f"{path}/data", {}, TENANT)  # no swapping either


def test_there_is_no_way_around() -> None:
    assert refusal("compute", "POST", "/os-volumes_boot", server(), TENANT)
    assert "port_id" in refusal(
        "compute", "POST", "/servers/stopped/os-interface", {"interfaceAttachment": {"net_id": "external"}}, TENANT
    )
    assert "key pair name" in refusal("compute", "POST", "/os-keypairs", {"keypair": {"name": "my key"}}, TENANT)
    assert refusal("compute", "POST", "/os-keypairs", {"keypair": {"name": "toybox-prod"}}, TENANT) == ""


def test_reading_and_deleting_is_free() -> None:
    for method, path in (("GET", "/servers/detail"), ("DELETE", "/servers/running"), ("GET", "/flavors/detail")):
        assert refusal("compute", method, path, {}, TENANT) == ""


def test_a_new_server_comes_with_metadata() -> None:
    assert "metadata" in refusal("compute", "POST", "/servers", server(metadata=None), TENANT)
    assert refusal("compute", "POST", "/servers", server(metadata={}), TENANT) == ""


def test_user_data_reaches_a_server_by_its_config_drive_only() -> None:
    """Without one it is ignored, and not refused: the server comes up with host keys of its own."""
    data = base64.b64encode(b"#cloud-config\n").decode()
    without = passed("compute", "POST", "/servers", server(user_data=data), TENANT)
    assert "user_data" not in without.part("server")
    drive = passed("compute", "POST", "/servers", server(user_data=data, config_drive=True), TENANT)
    assert drive.part("server")["user_data"] == data


def test_a_deleted_server_leaves_its_boot_volume_behind() -> None:
    devices = [{"uuid": "boot", "delete_on_termination": True}, {"uuid": "data", "delete_on_termination": True}]
    made = passed("compute", "POST", "/servers", server(block_device_mapping_v2=devices), TENANT)
    assert [each["delete_on_termination"] for each in made.part("server")["block_device_mapping_v2"]] == [False, False]
