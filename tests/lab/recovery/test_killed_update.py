"""`pulumi up`, killed in the moments in which something is there that the state does not know: the next one goes on, or
names the command that clears its way. tests/unit/ops/leftovers kills it at each of its steps, in memory.

The window is between the cloud's, or Docker's, making a thing and the engine's noting it. Each test kills the engine
when the thing is seen, and then looks into the state: were it noted already, the test would prove nothing.
"""

import shlex
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from components.cloud.leftovers import EqualRules
from host.look import LIBRARY
from lab.stack import Workspace
from tests.lab.toybox import Toybox, cloud, new_stack
from tests.procedure import Procedures

SERVICES = ["beat", "cache", "caddy", "postgres", "redis", "web", "worker"]


def killed_up(toybox: Toybox, *arguments: str, making: str, seen: Callable[[], bool]) -> None:
    """`pulumi up`, killed the moment that `seen` says so; the resource `making` must then be in nobody's state."""
    up = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", *arguments)
    try:
        toybox.killed(*up, seen=seen, seconds=240)
    finally:
        toybox.pulumi("cancel", "--yes")
    known = [
        resource["urn"].rsplit("::", 1)[1]
        for resource in toybox.state()["deployment"]["resources"]
        if resource.get("id") and not resource.get("pendingReplacement")
    ]
    assert making not in known, f"{making} was noted already: killed too late to prove anything"


def servers_of_prod() -> list[Any]:
    """By their tag: ConoHa picks their names itself."""
    return [each for each in cloud().compute.servers() if each.metadata.get("instance_name_tag") == "toybox-prod"]


def nothing_is_there_twice(prod: Toybox) -> None:
    """One of each, in Docker and in the cloud."""
    assert sorted(prod.ssh("docker ps --all --format '{{.Names}}'").split()) == SERVICES
    networks = prod.ssh("docker network ls --filter driver=bridge --format '{{.Name}}'").split()
    assert sorted(networks) == ["backend", "bridge", "edge"]
    connection = cloud()
    assert len(servers_of_prod()) == 1
    volumes = [volume.name for volume in connection.block_storage.volumes()]
    assert (volumes.count("toybox-prod-boot"), volumes.count("toybox-prod-data")) == (1, 1)
    groups = connection.network.security_groups(project_id=connection.current_project_id)
    assert [group.name for group in groups].count("toybox-prod") == 1


@pytest.mark.documented("docs/runbook.md#an-update-was-interrupted")
def test_killed_when_docker_had_made_the_database(prod: Toybox, procedure: Procedures) -> None:
    """The worst one to meet: it runs on the data already, and must get its time to stop."""
    before = prod.fingerprint()
    old = prod.ssh("docker inspect --format '{{.Id}}' postgres").strip()
    listing = "docker ps --all --quiet --no-trunc --filter name=^postgres$"
    # the server looks by itself, for some seconds each time: faster than asking over and over
    loop = f"timeout 5 bash -c 'until {listing} | grep -v {old} | grep -q .; do :; done; echo seen'"
    changes = {
        # changes nothing but the container
        "components/postgres/__init__.py": ('check_interval": "2s"', 'check_interval": "3s"'),
        # the provider answers when the database is healthy: the window is seconds long
        "components/containers/service.py": ("wait=False", 'wait=spec.name == "postgres"'),
    }
    with ExitStack() as changed:
        for name, (present, other) in changes.items():
            text = (prod.workspace.program / name).read_text()
            assert text.count(present) == 1, name
            changed.enter_context(prod.changed_file(name, text.replace(present, other)))
        killed_up(prod, making="postgres-container", seen=lambda: "seen" in prod.ssh(loop, check=False))
    left = prod.ssh("docker inspect --format '{{.Id}}' postgres").strip()
    steps = procedure(prod.shell())
    steps.run("pulumi cancel")
    assert "has nothing of prod that the state does not know" in steps.run("toybox leftovers")
    said = steps.run("pulumi up")
    assert f"removed container postgres ({left[:12]}), which an update that was killed had made" in said
    steps.rest()
    assert "pending" not in prod.up("--expect-no-changes")
    nothing_is_there_twice(prod)
    assert prod.fingerprint() == before


def told_and_cleared(toybox: Toybox, *arguments: str) -> str:
    """The update stops and names `toybox leftovers`, which is run as printed; what the update said."""
    before = [resource["urn"] for resource in toybox.state()["deployment"]["resources"]]
    said = toybox.failing_up(*arguments)
    assert "Nothing was changed" in said
    assert [resource["urn"] for resource in toybox.state()["deployment"]["resources"]] == before
    (command,) = [line.strip() for line in said.splitlines() if line.strip().startswith("toybox leftovers")]
    code, printed = toybox.shell().run(command, stdin=f"{toybox.stack}\n")
    assert code == 0, printed
    return said


def test_a_deleted_server_and_a_detached_volume_come_back_though_two_updates_are_killed(prod: Toybox) -> None:
    """Both by hand in the control panel. Nothing that Docker held can be asked any more, so that a refresh would fail;
    none is needed, and the data is on the volume. Killed in the longest windows: a volume takes seconds, a server on
    ConoHa a minute. Each time the same update is run again, `--replace` included: the boot volume that it deletes first
    is one that an unknown server has."""
    before, former = prod.fingerprint(), prod.outputs()
    compute, block_storage = cloud().compute, cloud().block_storage
    server, data = former["serverId"], former["dataVolumeId"]
    prod.stop_server()
    compute.delete_volume_attachment(server, data)
    block_storage.wait_for_status(block_storage.get_volume(data), "available", ["error"], 0.3, 60)
    code, status = prod.shell().run("toybox status --stack prod")
    assert code != 0
    assert data in status
    prod.delete_server()
    old = {volume.id for volume in block_storage.volumes(details=False)}
    replace = ("--replace", prod.urn("server-boot-volume"))
    killed_up(
        prod,
        *replace,
        making="server-boot-volume",
        seen=lambda: any(volume.id not in old for volume in block_storage.volumes(details=False)),
    )
    assert "boot volume toybox-prod-boot" in told_and_cleared(prod, *replace)
    killed_up(prod, *replace, making="server-instance", seen=lambda: bool(servers_of_prod()))
    (unknown,) = servers_of_prod()
    assert f"server toybox-prod (id {unknown.id}" in told_and_cleared(prod, *replace)
    prod.up(*replace)
    prod.pulumi("refresh", "--yes", "--clear-pending-creates")
    nothing_is_there_twice(prod)
    assert prod.outputs()["serverId"] != server
    assert prod.outputs()["dataVolumeId"] == data
    assert prod.fingerprint() == before


def test_killed_when_the_cloud_had_made_the_data_volume(workspace: Workspace) -> None:
    """The very first update. No command deletes a data volume: the update stops, and says how to take it over, which
    test_adopt.py does. What else such an update makes, `toybox leftovers` removes: their windows are too short to hit,
    so they are made as the provider makes them."""
    connection = cloud()
    compute, block_storage, network = connection.compute, connection.block_storage, connection.network

    def data_volumes() -> list[str]:
        return [volume.id for volume in block_storage.volumes() if volume.name == "toybox-killed-data"]

    only = ("--target", "**::data", "--target", "**::data-volume")
    try:
        with new_stack(workspace, "killed") as toybox:
            killed_up(toybox, *only, making="data-volume", seen=lambda: bool(data_volumes()))
            (made,) = data_volumes()
            compute.create_keypair(name="toybox-killed")
            network.create_security_group(name="toybox-killed", description="TOYBOX killed")
            said = toybox.failing_up(*only)
            adopt, clear = f"toybox adopt {made} --stack killed", "toybox leftovers --stack killed"
            for part in (f"id {made}", adopt, "key pair toybox-killed", clear):
                assert part in said
            code, printed = toybox.shell().run(clear, stdin="killed\n")
            assert code == 1, "the data volume is still there"
            assert adopt in printed
            assert data_volumes() == [made]
            assert not compute.find_keypair("toybox-killed")
            assert not network.find_security_group("toybox-killed")
    finally:
        for volume in data_volumes():
            block_storage.delete_volume(volume)


def test_a_rule_that_a_killed_update_left_makes_room_for_an_equal_one(prod: Toybox) -> None:
    network = cloud().network
    group = network.find_security_group("toybox-prod", ignore_missing=False)
    rule = next(iter(network.security_group_rules(security_group_id=group.id, direction="ingress")))
    said = {
        "securityGroupId": group.id,
        "direction": "ingress",
        "ethertype": rule.ether_type,
        "protocol": "tcp",
        "portRangeMin": float(rule.port_range_min),
        "portRangeMax": float(rule.port_range_max),
        "remoteIpPrefix": rule.remote_ip_prefix,
    }
    assert EqualRules(cloud).clear(said) == [rule.id]
    prod.up("--refresh", "--target", "**::server-ingress-*")
    rules = [each.remote_ip_prefix for each in network.security_group_rules(security_group_id=group.id)]
    assert rules.count(said["remoteIpPrefix"]) >= 1


def test_only_containers_and_networks_of_toybox_make_room(prod: Toybox) -> None:
    """Docker allows several networks of one name, and the engine would make another beside those that are left."""
    label = "--label toybox.name=left"
    image = prod.ssh("docker inspect --format '{{.Image}}' redis").strip()
    prod.ssh(f"docker network create {label} left; docker network create {label} left2")
    prod.ssh(f"docker create {label} --name left --entrypoint sleep {image} 60; docker start left")
    prod.ssh(f"docker create --name strange --entrypoint sleep {image} 60")
    try:
        assert "removed container left" in prod.ssh(f"{LIBRARY}/make-room container left 1")
        assert "removed network left" in prod.ssh(f"{LIBRARY}/make-room network left")
        assert prod.ssh(f"{LIBRARY}/make-room container left 1; {LIBRARY}/make-room network left") == ""
        said = prod.ssh(f"{LIBRARY}/make-room container strange 1", check=False)
        assert "TOYBOX did not make" in said
        assert "docker rename strange" in said
        assert "strange" in prod.ssh("docker ps --all --format '{{.Names}}'")
        in_use = prod.ssh(f"{LIBRARY}/make-room network backend", check=False)
        assert "containers use" in in_use
        assert "left2" in prod.ssh("docker network ls --format '{{.Name}}'")
    finally:
        prod.ssh("docker rm --force strange left; docker network rm left2", check=False)
    nothing_is_there_twice(prod)


def test_a_finished_update_keeps_two_images_of_each_and_the_declared_secrets(prod: Toybox) -> None:
    """On the server's real Docker, with images of its own beside TOYBOX's."""
    secrets = prod.ssh("cd /etc/toybox/secrets && find * -type f | sort").split()
    before = prod.ssh("docker image ls --quiet --no-trunc | sort")

    def tidy(number: int, names: list[str]) -> str:
        words = [f"{LIBRARY}/tidy", "/etc/toybox/secrets", *names, "--", f"tidied:{number}"]
        return prod.ssh(shlex.join(words))

    def build(number: int) -> None:
        prod.ssh(f"DOCKER_BUILDKIT=0 docker build --quiet --tag tidied:{number} -", f"FROM scratch\nLABEL n={number}\n")

    def there() -> list[str]:
        return sorted(prod.ssh("docker image ls --format '{{.Tag}}' tidied").split())

    prod.ssh("echo former >/etc/toybox/secrets/former")
    try:
        build(1)
        # more names than a pipe holds: what is found at once must not count as missing because of the rest
        assert tidy(1, [*secrets, *map(str, range(14_000))]) == "removed secret file former\n"
        build(2)
        tidy(2, secrets)
        assert there() == ["1", "2"], "the way back to yesterday's"
        prod.ssh("docker create --name tidied tidied:1 none")
        build(3)
        tidy(3, secrets)
        assert there() == ["1", "2", "3"], "one that a container uses stays"
        prod.ssh("docker rm tidied")
        tidy(3, secrets)
        assert there() == ["2", "3"]
        kept = [name for name in secrets if not name.startswith("django_secret_key.d/")]
        assert "is not declared and stays" in tidy(3, kept)
        assert prod.ssh("cd /etc/toybox/secrets && find * -type f | sort").split() == secrets
    finally:
        prod.ssh("docker rm tidied; docker image rm tidied:1 tidied:2 tidied:3", check=False)
        prod.ssh("rm -f /etc/toybox/secrets/former /var/lib/toybox/images/tidied")
    assert prod.ssh("docker image ls --quiet --no-trunc | sort") == before
