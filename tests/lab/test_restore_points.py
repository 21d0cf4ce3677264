"""Restore points on the lab: ConoHa's nights under ConoHa's rules, and snapshots at the stock OpenStack behind them."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import yaml

from conoha.automatic_backup import AutomaticBackup
from lab.cloud import administrator
from lab.conoha_rules import book_path
from lab.conoha_rules.book import Book
from lab.conoha_rules.nights import pass_nights
from lab.credentials import KEYSTONE_URL, credentials, stock
from lab.paths import CREDENTIALS, LAB_DIR
from ops.restore_points import rounds
from ops.restore_points.commands import now
from ops.restore_points.openstack import Snapshots
from settings import SnapshotPolicy
from tests.lab.toybox import Toybox, cloud, stock_cloud
from tests.procedure import Procedures

under_the_rules = pytest.mark.skipif(
    CREDENTIALS.exists() and stock(credentials()), reason="the lab is up as stock OpenStack (--cloud openstack)"
)


def toybox(prod: Toybox, *arguments: str, code: int = 0) -> str:
    """What `toybox` prints, which must end with `code`."""
    done = subprocess.run(
        ["toybox", *arguments],
        cwd=prod.workspace.program,
        env=prod.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def kept(server: str) -> int | None:
    """How many backups ConoHa keeps of a server; None without a subscription."""
    subscription = Book(book_path(LAB_DIR)).read().subscriptions.get(server)
    return subscription.retention if subscription else None


def nights(prod: Toybox, count: int) -> None:
    pass_nights(prod.workspace.project, count)


@under_the_rules
@pytest.mark.documented("docs/restore-points.md#what-there-is")
def test_prods_nights_are_its_restore_points(prod: Toybox, procedure: Procedures) -> None:
    """Prod was subscribed by `pulumi up`, with 14 for a request for 7; the ages are those of the nights."""
    nights(prod, 2)
    outputs = prod.outputs()
    assert kept(outputs["serverId"]) == 14
    assert "ConoHa keeps 14 nightly backups" in outputs["restorePoints"]

    listed = json.loads(toybox(prod, "restore-points", "list", "--json"))
    assert listed["volume"]["id"] == outputs["dataVolumeId"]
    assert (listed["policy"]["keep"], listed["fresh"], listed["due"]) == (7, True, False)
    newest, before = listed["restorePoints"][:2]
    for point in (newest, before):
        assert (point["source"], point["state"], point["size"]) == ("backup", "available", 200)
        assert point["volumeId"] == outputs["dataVolumeId"], "the boot volume's backups are no restore points"
        assert point["instanceId"] == outputs["serverId"]
    assert newest["ageSeconds"] < 600
    assert 0 <= before["ageSeconds"] - newest["ageSeconds"] - 86400 < 600

    steps = procedure(prod.shell())
    status = steps.run("toybox status")
    assert not [line for line in status.splitlines() if line.startswith("!!")], status
    assert newest["id"] in status
    assert newest["id"] in steps.run("toybox restore-points list")
    shown = steps.run("toybox restore-points show", values={"<restore point id>": newest["id"]})
    assert f"{{source: backup, id: {newest['id']}, size: 200}}" in shown
    everything = json.loads(steps.run("toybox restore-points list --all"))["restorePoints"]
    assert len(everything) > len(listed["restorePoints"]), "the boot volume's are among them"


@under_the_rules
@pytest.mark.documented("docs/restore-points.md#on-conoha")
def test_conoha_takes_none_on_demand(prod: Toybox, procedure: Procedures) -> None:
    said = procedure(prod.shell()).run("toybox restore-points take", ends=[1])
    assert "none on demand" in said
    assert "Way out" in said


@under_the_rules
def test_the_subscription_follows_the_declaration(prod: Toybox) -> None:
    server = prod.outputs()["serverId"]
    with prod.changed_settings(snapshotPolicy={"driver": "conoha", "schedule": "daily", "keep": 20}):
        assert "¥2,398 a month" in prod.up()
        assert kept(server) == 20
    with prod.changed_settings(snapshotPolicy={"driver": "conoha", "schedule": "off"}):
        prod.up()
        assert kept(server) is None
        assert "the policy is off" in toybox(prod, "status")
    prod.up()
    assert kept(server) == 14


@under_the_rules
@pytest.mark.documented("docs/restore-points.md#the-nights-leave-nothing")
def test_a_subscription_that_somebody_cancelled_turns_red_and_is_made_again(
    prod: Toybox, procedure: Procedures
) -> None:
    server = prod.outputs()["serverId"]
    nights(prod, 1)
    AutomaticBackup(cloud()).cancel(server)
    nights(prod, 2)
    status = json.loads(toybox(prod, "status", "--json", code=1))
    assert [check["name"] for check in status["checks"] if check["verdict"] == "bad"] == ["restore point"]
    assert status["newestRestorePoint"]["ageSeconds"] > 2 * 86400 - 60
    assert "should have a restore point of the last 26 h" in toybox(prod, "restore-points", "run", code=1)

    procedure(prod.shell()).rest()
    assert kept(server) == 14
    nights(prod, 1)
    toybox(prod, "status")


# The driver openstack, at the lab's own Cinder.


@contextmanager
def another_openstack(prod: Toybox) -> Iterator[None]:
    """An OpenStack that is none of ConoHa's in prod's settings, for a while."""
    account = yaml.safe_load(prod.workspace.settings_file("prod").read_text())["config"]["toybox:openstack"]
    policy = {"driver": "openstack", "schedule": "daily", "keep": 2}
    elsewhere = {"openstack": {**account, "authUrl": KEYSTONE_URL}, "snapshotPolicy": policy}
    # another test may have left prod with an adopted volume, whose metadata is its owner's
    with prod.changed_settings(**elsewhere, dataVolume__origin={"source": "blank"}):
        yield


@pytest.fixture
def elsewhere(prod: Toybox) -> Iterator[Toybox]:
    """Prod at another OpenStack. The snapshots are removed afterwards."""
    with another_openstack(prod):
        yield prod
    driver = Snapshots(stock_cloud())
    driver.prune([point for point in driver.list() if point.source == "snapshot"])


@pytest.mark.documented("docs/restore-points.md#on-another-openstack")
def test_snapshots_of_the_disk_in_use_are_taken_and_listed(elsewhere: Toybox, procedure: Procedures) -> None:
    """The policy stands in the settings here; the next test writes it on the volume."""
    driver = Snapshots(stock_cloud())
    taken = json.loads(toybox(elsewhere, "restore-points", "take", "--json"))
    assert (taken["source"], taken["state"], taken["size"]) == ("snapshot", "available", 200)
    assert re.fullmatch(r"toybox-prod-data-\d{8}T\d{4}Z", taken["name"])
    listed = json.loads(toybox(elsewhere, "restore-points", "list", "--json"))
    assert taken["id"] in [point["id"] for point in listed["restorePoints"]]
    assert (listed["due"], listed["fresh"]) == (False, True)
    assert taken["id"] in toybox(elsewhere, "restore-points", "show", taken["id"])

    report = procedure(elsewhere.shell()).run("toybox restore-points run")
    rows = {line.split()[0]: line for line in report.splitlines()}
    assert "not due" in rows["toybox-prod-data"]
    assert "no policy in its metadata" in rows["toybox-prod-boot"]
    assert len([point for point in driver.list(taken["volumeId"]) if point.source == "snapshot"]) == 1


@under_the_rules  # at stock OpenStack prod's own policy stands there
def test_the_policy_is_written_on_the_volume(prod: Toybox) -> None:
    """In place: the disk is neither replaced nor touched otherwise."""
    disk = prod.outputs()["dataVolumeId"]
    storage = stock_cloud().block_storage
    targets = [f"--target={prod.urn(name)}" for name in ("data-volume", "openstack", "snapshots-subscription")]
    try:
        with another_openstack(prod):
            prod.up(*targets)
        found = SnapshotPolicy.from_metadata(storage.get_volume(disk).metadata)
        assert found is not None
        assert found.model_dump() == {"driver": "openstack", "schedule": "daily", "keep": 2}
        assert prod.outputs()["dataVolumeId"] == disk
    finally:
        prod.up()
        storage.delete_volume_metadata(disk, ["toybox-schedule", "toybox-keep"])


@under_the_rules  # at stock OpenStack the rounds would look after prod's volume, too
def test_rounds_take_what_is_due_and_leave_the_last_good_one(prod: Toybox) -> None:
    """Days pass by the clock that the round is given; the snapshots are Cinder's."""
    connection = stock_cloud()
    storage = connection.block_storage
    policy = SnapshotPolicy.model_validate({"driver": "openstack", "schedule": "daily", "keep": 2})
    made = storage.create_volume(name="rounds", size=1, metadata=policy.as_metadata())
    storage.wait_for_status(made, "available", ["error"], interval=0.3, wait=60)
    driver = Snapshots(connection)

    def of_it() -> list[str]:
        return [point.name for point in driver.list(made.id)]

    def a_round(days: float) -> rounds.Outcome:
        time.sleep(1)  # Cinder notes whole seconds, and two of the same second have no order
        outcomes = {
            each.volume.name: each for each in rounds.run(driver, None, policy, lambda: now() + timedelta(days=days))
        }
        assert outcomes["toybox-prod-data"].action == "skipped"
        return outcomes["rounds"]

    try:
        first = a_round(0)
        assert (first.action, first.missing) == ("taken", False)
        assert of_it() == [first.reason]
        assert a_round(0.5).action == "not due"

        # Cinder's clock does not follow: by the round's clock all of them are days old
        second, third = a_round(1), a_round(2.5)
        assert (second.action, third.action) == ("taken", "taken")
        assert third.pruned == (first.reason,), "two are kept"
        assert set(of_it()) == {second.reason, third.reason}

        administrator(credentials()).block_storage.reset_snapshot_status(driver.list(made.id)[0].id, "error")
        last = a_round(400)
        assert last.action == "taken", "a broken one stands for nothing"
        assert last.pruned == (third.reason,), "the broken one, and not the last good ones"
        assert set(of_it()) == {second.reason, last.reason}
    finally:
        driver.prune(driver.list(made.id))
        storage.delete_volume(made.id)
        storage.wait_for_delete(made, interval=0.3, wait=60)
