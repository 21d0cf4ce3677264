"""Volumes as ConoHa sells and keeps them."""

from dataclasses import replace
from typing import Any

import pytest

from conoha import volumes
from lab.conoha_rules.rule import Backup, Server, Volume
from tests.unit.lab.conoha_rules.tenant import BOOT, DATA, PLAN, Tenant, passed, refusal

TENANT = Tenant(
    has_servers=[Server("running", "ACTIVE", PLAN), Server("stopped", "SHUTOFF", PLAN)],
    has_volumes=[
        Volume("boot", BOOT, 100, "in-use", ("running",)),
        Volume("spare", BOOT, 100),
        Volume("live", DATA, 200, "in-use", ("running",)),
        Volume("calm", DATA, 200, "in-use", ("stopped",)),
        Volume("free", DATA, 500),
        Volume("huge", DATA, 1000),
    ],
    has_backups=[Backup("of-data", DATA, 500), Backup("of-boot", BOOT, 100)],
)


def create(tenant: Tenant = TENANT, **wanted: Any) -> str:
    return refusal("volume", "POST", "/volumes", {"volume": wanted}, tenant)


@pytest.mark.parametrize("size", volumes.DATA.sizes)
def test_additional_volumes_on_sale(size: int) -> None:
    assert create(volume_type=DATA, size=size, name="toybox-prod-data") == ""


@pytest.mark.parametrize("size", volumes.BOOT.sizes)
def test_boot_volumes_on_sale(size: int) -> None:
    assert create(volume_type=BOOT, size=size, imageRef="image") == ""


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"volume_type": "c3j1-ds02", "size": 200}, "no volume type 'c3j1-ds02'"),
        ({"volume_type": "other", "size": 200}, "no volume type"),
        ({"volume_type": DATA, "size": 100}, "200, 500, 1000, 5000, 10000 GB, not of 100"),
        ({"volume_type": BOOT, "size": 50, "imageRef": "image"}, "30, 100, 200, 500 GB, not of 50"),
        ({"volume_type": BOOT, "size": 100}, "imageRef is missing"),
        ({"volume_type": DATA, "size": 200, "imageRef": "image"}, "an image that was saved"),
        ({"volume_type": DATA, "size": 200, "snapshot_id": "snapshot"}, "no volume from a snapshot"),
        ({"volume_type": DATA, "size": 200, "name": "with blanks"}, "volume name"),
        ({"volume_type": DATA, "size": 200, "source_volid": "free"}, "same size and type only: 500 GB"),
        ({"volume_type": BOOT, "size": 500, "source_volid": "free"}, "same size and type only"),
        ({"volume_type": DATA, "size": 200, "source_volid": "live"}, "stopped servers only"),
        ({"volume_type": DATA, "size": 200, "backup_id": "of-data"}, "500 GB or more"),
        ({"volume_type": BOOT, "size": 500, "backup_id": "of-data"}, f"makes {DATA}"),
        ({"volume_type": DATA, "size": 500, "backup_id": "gone"}, "no backup gone"),
        ({"volume_type": DATA, "source_volid": "free", "backup_id": "of-data"}, "500 GB or more"),
        ({"volume_type": DATA}, "not of None"),
        ({"volume_type": DATA, "size": "200"}, "not of 200"),
    ],
)
def test_what_conoha_makes_no_volume_of(wanted: dict[str, Any], why: str) -> None:
    assert why in create(**wanted)


def test_copies_that_conoha_makes() -> None:
    assert create(volume_type=DATA, size=500, source_volid="free") == ""
    assert create(volume_type=DATA, source_volid="free") == ""
    assert create(volume_type=DATA, size=200, source_volid="calm") == ""
    assert create(volume_type=DATA, size=1000, backup_id="of-data") == ""
    assert create(volume_type=BOOT, size=100, backup_id="of-boot") == ""


def test_a_type_may_be_an_id_or_left_out() -> None:
    for kind, image, expected in ((f"id-{DATA}", None, DATA), (None, None, DATA), (None, "image", BOOT)):
        body = {"volume": {"volume_type": kind, "size": 200, "imageRef": image}}
        assert passed("volume", "POST", "/volumes", body, TENANT).part("volume")["volume_type"] == expected


def test_cinder_is_asked_in_a_version_that_knows_backups() -> None:
    body = {"volume": {"volume_type": DATA, "size": 500, "backup_id": "of-data"}}
    call = passed("volume", "POST", "/volumes", body, TENANT)
    assert call.headers["Openstack-Api-Version"] == "volume 3.47"
    assert call.with_volume_api(40).headers == call.headers


def test_two_spare_boot_volumes_and_no_third() -> None:
    two = Tenant(has_volumes=[Volume("one", BOOT, 100), Volume("other", BOOT, 30), Volume("data", DATA, 200)])
    message = create(two, volume_type=BOOT, size=100, imageRef="image")
    assert "2 unattached boot volumes" in message
    assert "one, other" in message
    assert create(two, volume_type=DATA, size=200) == ""


def test_a_volume_is_renamed_and_nothing_else() -> None:
    def change(**wanted: Any) -> str:
        return refusal("volume", "PUT", "/volumes/free", {"volume": wanted}, TENANT)

    assert change(name="new", description="") == ""
    assert "metadata" in change(metadata={"a": "b"})
    assert "volume name" in change(name="new name")


@pytest.mark.parametrize(
    "action",
    ["os-extend", "os-retype", "os-reset_status", "os-attach", "os-detach", "os-force_detach", "os-set_bootable"],
)
def test_a_volume_keeps_size_and_type(action: str) -> None:
    assert f"no volume action '{action}'" in refusal("volume", "POST", "/volumes/free/action", {action: {}}, TENANT)


@pytest.mark.parametrize(
    ("volume", "body", "why"),
    [
        ("calm", {"image_name": "saved"}, ""),
        ("free", {"image_name": "saved"}, ""),
        ("live", {"image_name": "saved"}, "stopped servers only"),
        ("huge", {"image_name": "saved"}, "under 1000 GB"),
        ("free", {"image_name": "saved", "disk_format": "qcow2"}, "image_name only"),
    ],
)
def test_saving_as_an_image(volume: str, body: dict[str, Any], why: str) -> None:
    said = refusal("volume", "POST", f"/volumes/{volume}/action", {"os-volume_upload_image": body}, TENANT)
    assert why in said
    assert bool(why) == bool(said)


ROOMY = replace(TENANT, has_image_capacity=550)


def test_one_snapshot_while_stopped() -> None:
    def snapshot(volume: str, tenant: Tenant = ROOMY) -> str:
        return refusal("volume", "POST", "/snapshots", {"snapshot": {"volume_id": volume, "name": "s"}}, tenant)

    assert snapshot("calm") == ""
    assert snapshot("free") == ""
    assert "stopped servers only" in snapshot("live")
    assert "one snapshot at a time" in snapshot("free", Tenant(has_volumes=TENANT.has_volumes, has_snapshots=["one"]))


def test_going_back_to_a_snapshot_while_stopped() -> None:
    body = {"revert": {"snapshot_id": "one"}}
    assert "stopped servers only" in refusal("volume", "POST", "/volumes/live/action", body, TENANT)
    call = passed("volume", "POST", "/volumes/calm/action", body, TENANT)
    assert call.headers["Openstack-Api-Version"] == "volume 3.40"


@pytest.mark.parametrize("path", ["/volume-transfers", "/os-volume-transfer", "/attachments", "/groups"])
def test_there_is_no_way_around(path: str) -> None:
    assert "has no POST" in refusal("volume", "POST", path, {}, TENANT)
