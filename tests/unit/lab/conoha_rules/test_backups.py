"""The automatic backup as ConoHa sells it."""

from typing import Any

import pytest

from lab.conoha_rules.rule import Backup, Server, Volume
from tests.unit.lab.conoha_rules.tenant import BOOT, DATA, PLAN, Tenant, passed, refusal

TENANT = Tenant(
    has_servers=[
        Server("running", "ACTIVE", PLAN),
        Server("stopped", "SHUTOFF", PLAN),
        Server("small", "ACTIVE", "g2l-t-c1m512"),
    ],
    has_volumes=[
        Volume("live", DATA, 200, "in-use", ("running",)),
        Volume("calm", DATA, 200, "in-use", ("stopped",)),
        Volume("free", DATA, 200),
        Volume("large", DATA, 500),
        Volume("boot", BOOT, 100, "in-use", ("stopped",)),
        Volume("spare", BOOT, 100),
        Volume("busy", DATA, 200, "restoring-backup", ("stopped",)),
    ],
    has_backups=[Backup("data", DATA, 200), Backup("system", BOOT, 100), Backup("early", DATA, 200, "creating")],
    has_subscribed=["stopped"],
)


def subscribe(**wanted: Any) -> str:
    return refusal("volume", "POST", "/backups", {"backup": wanted}, TENANT)


def test_nothing_is_backed_up_on_demand() -> None:
    assert "instance_uuid is missing" in subscribe(volume_id="free", name="now")


@pytest.mark.parametrize("retention", [0, 7, 13, 31, "14", None, True])
def test_retention_is_14_to_30(retention: object) -> None:
    assert "keeps 14 to 30" in subscribe(instance_uuid="running", retention=retention)
    body = {"backup": {"retention": retention}}
    assert "keeps 14 to 30" in refusal("volume", "PUT", "/backups/stopped", body, TENANT)


def test_subscriptions_that_conoha_takes() -> None:
    assert subscribe(instance_uuid="running") == ""
    assert subscribe(instance_uuid="running", retention=30, schedule="daily") == ""


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"instance_uuid": "running", "schedule": "weekly"}, "daily only"),
        ({"instance_uuid": "gone"}, "no server gone"),
        ({"instance_uuid": "small"}, "no automatic backup for the plan g2l-t-c1m512"),
        ({"instance_uuid": "stopped"}, "already"),
    ],
)
def test_subscriptions_that_conoha_refuses(wanted: dict[str, Any], why: str) -> None:
    assert why in subscribe(**wanted)


def test_a_subscription_is_changed_and_cancelled_by_its_server() -> None:
    body = {"backup": {"retention": 20}}
    assert refusal("volume", "PUT", "/backups/stopped", body, TENANT) == ""
    assert "no automatic backup" in refusal("volume", "PUT", "/backups/running", body, TENANT)
    assert refusal("volume", "DELETE", "/backups/stopped", {}, TENANT) == ""
    assert "no automatic backup" in refusal("volume", "DELETE", "/backups/running", {}, TENANT)


def test_a_single_backup_is_not_deleted() -> None:
    assert "no single backup" in refusal("volume", "DELETE", "/backups/data", {}, TENANT)


@pytest.mark.parametrize(
    ("backup", "volume", "why"),
    [
        ("data", "calm", ""),
        ("data", "free", ""),
        ("system", "boot", ""),
        ("data", "live", "stopped servers only"),
        ("data", "busy", "is restoring-backup"),
        ("data", "large", "200 GB of"),
        ("data", "boot", "200 GB of"),
        ("system", "spare", "attached to a stopped server"),
        ("data", "gone", "no volume 'gone'"),
        ("gone", "free", "no backup gone"),
        ("early", "free", "is creating"),
    ],
)
def test_restoring_into_a_volume(backup: str, volume: str, why: str) -> None:
    body = {"restore": {"volume_id": volume}}
    said = refusal("volume", "POST", f"/backups/{backup}/restore", body, TENANT)
    assert why in said
    assert bool(why) == bool(said)


def test_a_restore_names_its_volume() -> None:
    assert "volume that exists" in refusal("volume", "POST", "/backups/data/restore", {"restore": {}}, TENANT)


def test_backups_show_their_metadata() -> None:
    call = passed("volume", "GET", "/backups/detail", {}, TENANT)
    assert call.headers["Openstack-Api-Version"] == "volume 3.43"


@pytest.mark.parametrize("what", ["action", "import_record", "export_record"])
def test_there_is_no_way_around(what: str) -> None:
    assert refusal("volume", "POST", f"/backups/data/{what}", {}, TENANT)
