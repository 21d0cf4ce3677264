"""The server: disposable, small, and open only where it must be."""

import json

from conoha import names, user_data
from tests.unit.program.conftest import configuration
from tests.unit.program.recording import Run, revealed

INSTANCE = "openstack:compute/instance:Instance"
RULE = "openstack:networking/secGroupRule:SecGroupRule"


def test_both_volumes_are_attached_at_creation_boot_first(run: Run) -> None:
    """ConoHa attaches only to stopped servers. The data volume is not deleted with the server."""
    (instance,) = run.of_type(INSTANCE)
    boot, data = instance.inputs["blockDevices"]
    assert (boot["bootIndex"], data["bootIndex"]) == (0, -1)
    assert data["uuid"] == run.exports["dataVolumeId"]
    assert data["deleteOnTermination"] is False
    assert {boot["destinationType"], data["destinationType"]} == {"volume"}
    assert run.before(instance) >= {"server-boot-volume", "data-volume"}


def test_only_the_boot_volume_is_made_from_an_image(run: Run) -> None:
    made = [volume.name for volume in run.of_type("openstack:blockstorage/volume:Volume") if "imageId" in volume.inputs]
    assert made == ["server-boot-volume"]


def test_conoha_takes_the_servers_names_and_user_data(run: Run) -> None:
    (instance,) = run.of_type(INSTANCE)
    assert names.INSTANCE_NAME_TAG.fullmatch(instance.inputs["metadata"]["instance_name_tag"])
    assert names.KEY_PAIR.fullmatch(instance.inputs["keyPair"])
    assert instance.inputs["configDrive"] is True
    text = revealed(instance.inputs["userData"])
    assert user_data.problem(text) is None
    assert text.startswith("#cloud-config\n")


def test_the_old_server_goes_before_the_new_one_comes(run: Run) -> None:
    """A volume can be attached to one server."""
    for name in ("server-instance", "server-boot-volume"):
        request = run.one(name).request
        assert request.deleteBeforeReplaceDefined, name
        assert request.deleteBeforeReplace, name


def test_user_data_is_frozen(run: Run) -> None:
    """A change would replace the server; and ConoHa neither renames one nor swaps its security groups."""
    (instance,) = run.of_type(INSTANCE)
    assert set(instance.request.ignoreChanges) == {"userData", "name", "securityGroups"}


def test_ssh_is_open_to_operators_and_the_web_to_everybody_and_nothing_else_is_open(run: Run) -> None:
    operators = json.loads(configuration(run.stack)[0]["toybox:operators"])
    found = {
        (rule.inputs["portRangeMin"], rule.inputs["portRangeMax"], rule.inputs["remoteIpPrefix"])
        for rule in run.of_type(RULE)
    }
    everywhere = {(port, port, "0.0.0.0/0") for port in (80, 443)}
    assert found == {(22, 22, cidr) for cidr in operators} | everywhere
    assert len(found) == len(run.of_type(RULE))


def test_rules_are_for_incoming_tcp_and_ipv6_is_closed(run: Run) -> None:
    for rule in run.of_type(RULE):
        assert (rule.inputs["direction"], rule.inputs["protocol"]) == ("ingress", "tcp"), rule.name
        assert rule.inputs["ethertype"] == "IPv4", rule.name


def test_the_server_has_the_stacks_security_group_and_no_other(run: Run) -> None:
    (group,) = run.of_type("openstack:networking/secGroup:SecGroup")
    assert run.one("server-instance").inputs["securityGroups"] == [group.inputs["name"]]


def test_no_two_stacks_share_a_name_in_the_cloud(runs: dict[str, Run]) -> None:
    """Both may live in one account; a security group's name must be unique there."""
    used = [
        {
            str(resource.inputs["name"])
            for resource in run.custom()
            if resource.type.startswith("openstack:") and "name" in resource.inputs
        }
        for run in runs.values()
    ]
    assert all(used)
    assert not set.intersection(*used)


def test_a_server_is_stopped_before_it_is_deleted(run: Run) -> None:
    """Deleted while it runs, it loses its power: half a minute of uploads."""
    assert run.one("server-instance").inputs["stopBeforeDestroy"] is True


def test_another_key_pair_replaces_no_server(run: Run) -> None:
    """The engine replaces whatever depends on an output of what is deleted before it is replaced."""
    instance, key_pair = run.one("server-instance"), run.one("server-key-pair")
    assert key_pair.request.deleteBeforeReplace
    assert instance.inputs["keyPair"] == key_pair.inputs["name"]
    assert not instance.request.propertyDependencies["keyPair"].urns
    assert key_pair.name in run.before(instance)
