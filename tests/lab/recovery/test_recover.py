"""Production that is gone whole, from git, the passphrase and the keeper."""

import time

import pytest

from lab import loss
from lab.bench_recovery import FILES, OWNERS
from lab.credentials import KEYSTONE_URL, credentials, stock
from tests.lab.keeper import SLOT, STREAMING, Keeper
from tests.lab.test_staging_refresh import sql
from tests.lab.toybox import Toybox, cloud
from tests.lab.writer import new_table, writer
from tests.measured import measured
from tests.procedure import Procedures

RTO_GOAL = 900
"""Seconds."""


@pytest.mark.documented("docs/disaster-recovery.md#prod-is-gone")
def test_every_acknowledged_row_and_every_file_is_back_when_all_of_production_is_gone(
    keeper: Keeper, prod: Toybox, procedure: Procedures
) -> None:
    keeper.backed_up("full", "files")
    expected, files, owners = prod.fingerprint(), prod.ssh(FILES), prod.ssh(OWNERS)
    new_table(prod)
    sql(prod, "ALTER TABLE kept OWNER TO toybox")
    steps = procedure(prod.shell())
    code, refused = steps.shell.run("toybox recover --stack prod", "prod\n")
    assert code != 0
    assert "prod still runs" in refused
    with writer(prod) as acknowledged:
        acknowledged.wait(300)
        loss.destroy(prod.workspace, prod.stack)
        told = set(acknowledged.rows)

    began = time.monotonic()
    printed = steps.run(stdin="prod\n")
    took = time.monotonic() - began
    told_by_it = "; ".join(line.strip() for line in printed.splitlines() if "RTO:" in line or "RPO:" in line)
    measured(f"recovery of a small site in an empty project: {took:.0f} s for the command. {told_by_it}")
    assert took < RTO_GOAL
    assert "every row has its file" in printed
    there = {int(number) for number in sql(prod, "SELECT number FROM kept").split()}
    lost = told - there
    assert not lost, f"{len(lost)} of {len(told)} acknowledged rows are lost, from {min(lost)} on"
    sql(prod, "DROP TABLE kept")
    assert prod.fingerprint() == expected
    assert prod.ssh(FILES) == files
    assert prod.ssh(OWNERS) == owners
    assert prod.browser().get("/").status_code == 200
    assert prod.recorded("data-volume")["protect"]
    names = sorted(each.name for each in cloud().block_storage.volumes() if each.name.startswith("toybox-prod"))
    assert names == ["toybox-prod-boot", "toybox-prod-data"]
    assert "unchanged" in prod.up()
    assert prod.outputs()["address"] in steps.run("pulumi stack output")

    follow(keeper, steps.left)
    steps.run("toybox backup status", ends=(0, 1))


def follow(keeper: Keeper, left: list[str]) -> None:
    """The keeper streams from the new server: the same cluster on a new timeline, of which it takes a full backup."""
    assert "pulumi up --stack keeper" not in left, "it is not run as printed, for its settings are another shell's"
    before = keeper.whole()
    keeper.up()
    deadline = time.monotonic() + 150
    while keeper.whole() == before:
        assert time.monotonic() < deadline, keeper.ssh("journalctl --no-pager -u 'toybox-keeper-*' -n 60")
        time.sleep(2)
    keeper.backed_up("files", "dump")
    listed = keeper.run("list")[1]
    assert len(listed["holes"]) == 1, "nothing else than the seconds between the two timelines"
    assert sql(keeper.prod, SLOT) == STREAMING
    sql(keeper.prod, "CREATE TABLE afterwards AS SELECT 1")
    with keeper.scratch("latest") as scratch:
        assert scratch.sql("SELECT count(*) FROM afterwards") == "1"
    with keeper.scratch(listed["holes"][0]["from"]) as scratch:
        assert scratch.sql("SELECT count(*) > 0 FROM kept") == "t", "a second of the former timeline"
    sql(keeper.prod, "DROP TABLE afterwards")


def test_it_comes_back_in_another_cloud_whose_rules_are_not_conohas(keeper: Keeper, prod: Toybox) -> None:
    """The day on which ConoHa is gone: the same services, past the proxy with ConoHa's rules. Before it, what ended
    TOYBOX in 2026: `rm -rf /var/lib/docker` erases the data through the mounts of running containers."""
    if stock(credentials()):
        pytest.skip("the lab is without ConoHa's rules anyway")
    keeper.backed_up("full", "files")
    expected, files = prod.fingerprint(), prod.ssh(FILES)
    prod.ssh("rm -rf /var/lib/docker", check=False)
    assert prod.ssh("find /srv/toybox/media /srv/toybox/postgres -type f | wc -l").strip() == "0", "nothing was lost"
    code, said = keeper.run("run files")
    assert code == 1, f"an empty source is no backup: {said}"
    with prod.changed_settings(openstack__authUrl=KEYSTONE_URL, snapshotPolicy__driver="openstack"):
        loss.destroy(prod.workspace, prod.stack)
        code, printed = prod.shell().run("toybox recover --stack prod", "prod\n")
        assert code == 0, printed
        assert prod.fingerprint() == expected
        assert prod.ssh(FILES) == files
        assert "unchanged" in prod.up()
    prod.up()
    keeper.up()
