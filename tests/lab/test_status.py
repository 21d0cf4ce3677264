"""`toybox status` against faults made by hand: each is red, the command under it is typed, and all is green again.

One fault after the other would take a while, so those that do not hide each other are made together.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.redis import APPEND_DIRECTORY
from tests.lab.test_security_groups import becomes
from tests.lab.toybox import Toybox, cloud
from tests.procedure import Procedures, Shell

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"


class Look:
    """`toybox status`, as programs read it."""

    def __init__(self, prod: Toybox) -> None:
        self.shell: Shell = prod.shell()

    def red(self) -> dict[str, str]:
        """{name of a red line: the command under it}."""
        code, printed = self.shell.run("toybox status --json")
        checks = json.loads(printed)["checks"]
        found = {check["name"]: check["command"] for check in checks if check["verdict"] == "bad"}
        assert code == bool(found), printed
        return found

    def type(self, command: str) -> None:
        """What an operator does with the command of a red line."""
        code, printed = self.shell.run(command)
        assert code == 0, f"{command}: ended with {code}\n{printed}"

    def becomes_green(self, seconds: float = 90) -> None:
        """Wait until nothing is red: a server boots, a container becomes healthy."""
        deadline = time.monotonic() + seconds
        while red := self.red():
            assert time.monotonic() < deadline, red
            time.sleep(2)


@pytest.fixture
def look(prod: Toybox) -> Iterator[Look]:
    """Nothing is red before: neither in what an earlier test left, nor in a crash that it caused."""
    found = Look(prod)
    found.becomes_green()
    yield found
    found.shell.close()


@pytest.mark.documented("docs/runbook.md#the-site-is-down")
def test_each_fault_inside_the_server_is_red_and_its_command_mends_it(
    look: Look, prod: Toybox, procedure: Procedures
) -> None:
    """All of it was green at once, and exit 0: the site answers for a while without worker, beat and Redis."""
    network = cloud().network
    group = network.find_security_group("toybox-prod", ignore_missing=False)
    opened = network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol="tcp",
        port_range_min=8080, port_range_max=8080, remote_ip_prefix="0.0.0.0/0",
    )  # fmt: skip
    prod.ssh("docker stop --time 30 worker beat redis; docker pause caddy; iptables -F; iptables -t nat -F")
    prod.ssh("fallocate --length $(df --output=avail --block-size=1 /srv/toybox | tail -n 1) /srv/toybox/filler")
    disk = prod.data_disk()
    try:
        printed = procedure(prod.shell()).run("toybox status", ends=[1])
        assert "!! packet filter" in printed
        red = look.red()
        assert {"worker", "beat", "redis", "caddy", "packet filter", "disk space", "security group"} <= set(red)
        assert red["security group"].endswith(f"/security-group-rules/{opened.id} --stack prod")
        for command in dict.fromkeys([red["disk space"], red["security group"], red["caddy"], red["packet filter"]]):
            look.type(command)
        look.type(red["worker"])
        look.becomes_green()
    finally:
        prod.ssh(f"rm -f /srv/toybox/filler; tune2fs -m 5 {disk}")


def test_ssh_that_is_closed_for_the_operator_leaves_nothing_inside_green(look: Look, prod: Toybox) -> None:
    """What cannot be looked at is not known. The command under the line opens the door and needs no SSH."""
    address = prod.server()[1]
    with prod.changed_settings(operators=["198.51.100.77/32"]):
        prod.up("--target", "**::server-ingress-ssh-*")
    assert becomes(False, address, 22)
    printed = json.loads(look.shell.run("toybox status --json")[1])
    verdicts = {check["name"]: check["verdict"] for check in printed["checks"]}
    assert verdicts["inside"] == "unknown"
    assert not {"containers", "data disk", "docker", "packet filter"} & set(verdicts)
    look.type(look.red()["security group"])
    look.becomes_green()


@pytest.mark.documented("docs/runbook.md#the-server-shows-another-host-key")
def test_a_server_that_shows_another_host_key_is_red(
    look: Look, prod: Toybox, procedure: Procedures, tmp_path: Path
) -> None:
    """And nothing is sent to it: with the key back, all is as it was."""
    prod.ssh(f"cp -a {HOST_KEY} /root/host-key; rm {HOST_KEY}; ssh-keygen -q -t ed25519 -N '' -f {HOST_KEY}")
    known = tmp_path / "known_hosts"
    known.write_text(f"toybox-prod {prod.ssh(f'cat {HOST_KEY}.pub')}")
    prod.ssh("systemctl restart ssh")
    to_server = f".toybox/prod/ssh/config {prod.server()[1]}"
    look.type(f"ssh -O exit -F {to_server} || true")  # a shared connection has been shown the right key
    steps = procedure(prod.shell())
    try:
        steps.run("pulumi preview")
        assert "!! ssh            it shows another host key than ours" in steps.run("toybox status", ends=[1])
    finally:
        back = f"ssh-keygen -y -f /root/host-key >{HOST_KEY}.pub; mv /root/host-key {HOST_KEY}; systemctl restart ssh"
        look.type(f"ssh -o UserKnownHostsFile={known} -o ControlPath=none -F {to_server} '{back}'")
    look.becomes_green()


@pytest.mark.documented("docs/runbook.md#the-server-is-off")
def test_a_server_that_is_off_or_lets_nobody_in_is_red_and_its_command_brings_it_back(
    look: Look, prod: Toybox, procedure: Procedures
) -> None:
    prod.stop_server()
    steps = procedure(prod.shell())
    red = look.red()
    assert red["server"].endswith("os-start:=null")
    assert red["site"] == red["server"], "a consequence has the command of its cause"
    steps.run("toybox api")
    prod.wait_for_ssh()
    look.becomes_green()
    steps.run("toybox status")
    prod.ssh("sync; systemd-run --quiet --on-active=1 iptables -P INPUT DROP")
    assert becomes(False, prod.server()[1], 22)
    red = look.red()
    assert red["ssh"].endswith("reboot.type=HARD")
    look.type(red["ssh"])
    time.sleep(3)  # the reset comes after the answer
    prod.wait_for_ssh()
    look.becomes_green()


@pytest.fixture
def broken_redis(prod: Toybox) -> Iterator[Callable[[], str]]:
    """Redis in a crash loop: it cannot read its own log. Says what Docker thinks of it."""
    log = f"/srv/toybox/redis/{APPEND_DIRECTORY}"
    prod.ssh(f"docker stop redis; cp -a {log} /root/redis-log; echo nonsense >{log}/appendonly.aof.manifest")
    prod.ssh("docker start redis")
    yield lambda: prod.ssh("docker inspect --format '{{.State.Status}} {{.RestartCount}}' redis")
    prod.ssh(f"docker stop redis; rm -rf {log}; cp -a /root/redis-log {log}; rm -rf /root/redis-log")
    prod.ssh("docker start redis")


@pytest.mark.documented("docs/runbook.md#a-container-is-in-a-crash-loop")
def test_a_crash_loop_is_red_and_fails_an_update(
    look: Look, prod: Toybox, broken_redis: Callable[[], str], procedure: Procedures
) -> None:
    """The container's id is the same, and a gate that waits for new ones alone would let it pass."""
    deadline = time.monotonic() + 30
    while int(broken_redis().split()[1]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    red = look.red()
    assert red["redis"].endswith("docker logs --tail 50 redis")
    steps = procedure(prod.shell())
    assert "manifest" in steps.run("on_server docker logs", values={"<container>": "redis"}).lower()
    assert steps.run("on_server", values={"<container>": "redis"}).split()[1] == "1"
    said = prod.failing_up()
    assert "container redis does not stay up" in said
    assert prod.pulumi("preview", "--expect-no-changes").returncode != 0, "the nightly look is red"


def test_a_container_that_is_restarted_in_place_is_waited_for(look: Look, prod: Toybox) -> None:
    """`pulumi up --refresh` starts it again under its id, and ended while it was still starting."""
    before = prod.ssh("docker inspect --format '{{.Id}}' redis")
    prod.ssh("docker stop redis")
    said = prod.up("--refresh")
    assert prod.ssh("docker inspect --format '{{.Id}}' redis") == before
    assert "redis-healthy" in said, "its gate was passed again"
    look.becomes_green()


@pytest.mark.documented("docs/runbook.md#docker-does-not-start")
def test_docker_that_does_not_start_gets_its_own_files_back(look: Look, prod: Toybox, procedure: Procedures) -> None:
    """A broken daemon.json, a script and the mount unit deleted: an update said "unchanged"."""
    prod.ssh("echo '{' >/etc/docker/daemon.json; rm /usr/local/lib/toybox/tidy /etc/systemd/system/srv-toybox.mount")
    prod.ssh("systemctl daemon-reload; systemctl restart docker", check=False)
    red = look.red()
    assert {red["docker"], red["host files"]} == {"pulumi up --stack prod"}
    steps = procedure(prod.shell())
    assert "daemon.json" in steps.run("on_server")
    steps.rest()
    look.becomes_green()
