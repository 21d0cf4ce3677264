"""docs/first-checks-on-conoha.md, word for word, on staging: the lab answers as the page assumes of ConoHa."""

import json
from typing import Any

import pytest

from lab.conoha_rules.nights import pass_nights
from lab.credentials import credentials, stock
from lab.paths import CREDENTIALS
from tests.lab.toybox import PROJECT, Toybox, cloud
from tests.procedure import Procedures, Shell

pytestmark = pytest.mark.skipif(
    CREDENTIALS.exists() and stock(credentials()), reason="the lab is up as stock OpenStack (--cloud openstack)"
)


@pytest.fixture
def shell(staging: Toybox) -> Shell:
    """A shell for staging that has the page's variables."""
    shell = staging.shell()
    shell.run("export SERVER=$(pulumi stack output serverId) DATA=$(pulumi stack output dataVolumeId)")
    return shell


def answer(printed: str) -> Any:
    """The JSON of what `toybox api` printed."""
    return json.loads(printed.partition("\n")[2])


@pytest.mark.documented("docs/first-checks-on-conoha.md#without-cost")
def test_checks_without_cost(staging: Toybox, shell: Shell, procedure: Procedures) -> None:
    steps = procedure(shell)
    steps.run("export SERVER")
    assert "HTTP 400" in steps.run("toybox api POST volume /backups")
    assert '"ext-198-51-100-' in steps.run("toybox api GET network")
    group = answer(steps.run("toybox api GET network"))["security_groups"][0]["id"]
    said = steps.run("toybox api POST network", values={"<security group id>": group})
    assert "ethertype" in said
    steps.run("toybox api GET volume /types/default")
    attached = answer(steps.run("toybox api GET compute"))["volumeAttachments"]
    assert len(attached) == 2
    assert "stopped servers only" in steps.run("toybox api POST volume /volumes")
    assert "stopped servers only" in steps.run("toybox api POST volume /snapshots")
    steps.run("export NO_VOLUME")
    flavor = answer(steps.run("toybox api GET compute"))["flavors"][0]["id"]
    flavored = {"<flavor id>": flavor}
    assert "adminPass" in steps.run("toybox api POST compute", values=flavored)
    said = steps.run("toybox api POST compute", values=flavored)
    assert "volume" in said
    assert "adminPass" not in said
    for _ in ("a first line that is refused", "17 KiB in base64"):
        steps.run("export")
        said = steps.run("toybox api POST compute", values=flavored)
        assert "user_data" in said
        assert "volume" not in said
    steps.run("pulumi preview")
    steps.run("on_server")
    assert "status" in steps.run("timeout")
    made = answer(steps.run("toybox api POST network", values={"<security group id>": group}))
    assert "status 1\n" in steps.run("timeout")
    steps.run("toybox api DELETE network", values={"<rule id>": made["security_group_rule"]["id"]})
    steps.rest()


@pytest.mark.documented("docs/first-checks-on-conoha.md#a-subscription")
def test_checks_of_a_subscription(shell: Shell, procedure: Procedures) -> None:
    steps = procedure(shell)
    assert "HTTP 404" in steps.run()
    assert "HTTP 404" in steps.run()
    assert "HTTP 201" in steps.run()
    assert "HTTP 409" in steps.run()
    steps.rest()


@pytest.mark.documented("docs/first-checks-on-conoha.md#the-day-after")
def test_checks_of_the_day_after(staging: Toybox, shell: Shell, procedure: Procedures) -> None:
    """Goes on where the subscription's test has ended."""
    outputs, storage = staging.outputs(), cloud().block_storage
    server = cloud().compute.get_server(outputs["serverId"])
    boot = next(one["id"] for one in server.attached_volumes if one["id"] != outputs["dataVolumeId"])
    pass_nights(PROJECT, 1)
    steps = procedure(shell)
    backups = {one["volume_id"]: one for one in answer(steps.run())["backups"]}
    of_data, of_boot = backups[outputs["dataVolumeId"]], backups[boot]
    assert of_data["name"] == "toybox-staging-data"
    steps.run("toybox api POST compute")
    steps.run("until")
    data = {"<backup of the data volume>": of_data["id"]}
    said = steps.run("toybox api POST volume /backups", values={**data, "<boot volume id>": boot})
    assert "HTTP 400" in said
    made = answer(steps.run("toybox api POST volume /volumes", values=data))["volume"]["id"]
    storage.wait_for_status(storage.get_volume(made), "available", ["error"], 0.3, 60)
    shown = answer(steps.run("toybox api GET volume", values={"<new volume id>": made}))["volume"]
    assert shown["metadata"]["src_backup_id"] == of_data["id"]
    assert "HTTP 202" in steps.run("toybox api DELETE", values={"<new volume id>": made})
    spare = answer(steps.run("toybox api POST volume /volumes"))["volume"]["id"]
    storage.wait_for_status(storage.get_volume(spare), "available", ["error"], 0.3, 60)
    values = {"<backup of the boot volume>": of_boot["id"], "<new boot volume id>": spare}
    assert "HTTP 409" in steps.run("toybox api POST volume /backups", values=values)
    steps.run("toybox api DELETE", values={"<new boot volume id>": spare})
    refused = {"snapshot": {"volume_id": outputs["dataVolumeId"]}}
    assert "does not fit" in storage.post("/snapshots", json=refused).text
    assert "550GB" in steps.run("toybox api PUT image")
    snapshot = answer(steps.run("toybox api POST volume /snapshots"))["snapshot"]["id"]
    storage.wait_for_status(storage.get_snapshot(snapshot), "available", ["error"], 0.3, 60)
    assert "HTTP 409" in steps.run("toybox api POST volume /snapshots", values={"<boot volume id>": boot})
    assert answer(steps.run("toybox api GET image"))["images"]["size"] == 200 << 30
    steps.run("toybox api DELETE volume /snapshots", values={"<snapshot id>": snapshot})
    steps.rest()
    staging.wait_for_ssh()
    healthy = "$(docker inspect --format {{.State.Health.Status}} caddy)"
    staging.ssh(f"timeout 120 sh -c 'until [ \"{healthy}\" = healthy ]; do sleep 1; done'")  # the next test visits it
    assert "backup_status" not in cloud().compute.get_server(server.id).metadata
