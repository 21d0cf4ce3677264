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

CONTAINERS = "docker ps --quiet --no-trunc | sort"


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

    def type(self, command: str) -> str:
        """What an operator does with the command of a red line; what it printed."""
        code, printed = self.shell.run(command)
        assert code == 0, f"{command}: ended with {code}\n{printed}"
        return printed

    def becomes_green(self, seconds: float = 90) -> None:
        """Wait until nothing is red: a server boots, a container becomes healthy."""
        deadline = time.monotonic() + seconds
        while red := self.red():
            assert time.monotonic() < deadline, red
            time.sleep(2)


@pytest.fixture(scope="module")
def look(prod: Toybox) -> Iterator[Look]:
    """Nothing is red at first: neither in what an earlier test left, nor in a crash that it caused. And each test ends
    when all is green."""
    found = Look(prod)
    found.becomes_green()
    yield found
    found.shell.close()


@pytest.mark.documented("docs/runbook.md#the-site-is-down")
def test_each_fault_inside_the_server_is_red_and_its_command_mends_it(
    look: Look, prod: Toybox, procedure: Procedures
) -> None:
    """All of it was green at once, and exit 0: the site answers for a while without worker, beat and Redis. And an
    update with --refresh, which starts them again in place, ended while they were still starting."""
    before = prod.ssh(CONTAINERS)
    network = cloud().network
    group = network.find_security_group("toybox-prod", ignore_missing=False)
    opened = network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol="tcp",
        port_range_min=8080, port_range_max=8080, remote_ip_prefix="0.0.0.0/0",
    )  # fmt: skip
    disk = prod.data_disk()
    left = "$(($(df --output=avail --block-size=1M /srv/toybox | tail -n 1) - 500))M"
    try:
        # the worker ends at once while it still has its Redis
        prod.ssh("docker stop worker beat; docker stop redis; docker pause caddy; iptables -F; iptables -t nat -F")
        prod.ssh(f"fallocate --length {left} /srv/toybox/filler")
        printed = procedure(prod.shell()).run("toybox status", ends=[1])
        assert "!! packet filter" in printed
        red = look.red()
        assert {"worker", "beat", "redis", "caddy", "packet filter", "disk space", "security group"} <= set(red)
        assert red["security group"].endswith(f"/security-group-rules/{opened.id} --stack prod")
        for command in (red["disk space"], red["security group"], red["caddy"]):
            look.type(command)
        assert "redis-healthy" in look.type(red["worker"]), "its gate was passed again"
        assert prod.ssh(CONTAINERS) == before
        look.becomes_green()
    finally:
        # a container that is still paused would outlive the server: the kernel ends no frozen process
        prod.ssh(f"rm -f /srv/toybox/filler; tune2fs -m 5 {disk}; docker unpause caddy 2>/dev/null || true")


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
def test_a_server_that_is_off_is_red_and_its_command_or_an_update_starts_it(
    look: Look, prod: Toybox, procedure: Procedures
) -> None:
    """Its declared power state is active, and the state knows of no other: an update said "67 unchanged"."""
    prod.stop_server()
    steps = procedure(prod.shell())
    red = look.red()
    assert red["server"].endswith("os-start:=null")
    assert red["site"] == red["server"], "a consequence has the command of its cause"
    steps.run("toybox api")
    prod.wait_for_ssh()
    look.becomes_green()
    steps.run("toybox status")
    prod.stop_server()
    assert "is off. It is started" in prod.up()
    assert prod.browser().get("/").status_code == 200
    prod.up("--expect-no-changes")


@pytest.mark.documented("docs/runbook.md#the-packet-filter-was-flushed")
def test_a_packet_filter_that_shuts_ssh_out_is_red_and_a_reboot_brings_back_all_of_it(
    look: Look, prod: Toybox, procedure: Procedures
) -> None:
    """The server and its address stay, and the containers get their time to end."""
    before, steps = prod.server(), procedure(prod.shell())
    began = prod.ssh("date +%s").strip()
    prod.ssh("iptables -F; iptables -t nat -F")
    steps.run("pulumi up")
    assert "MASQUERADE" in prod.ssh("iptables -t nat -S POSTROUTING")
    soon = "systemd-run --quiet --on-active=1 --timer-property=AccuracySec=100ms"  # a minute, if not told
    prod.ssh(f"{soon} sh -c 'iptables -P INPUT DROP; iptables -F; iptables -t nat -F'")
    assert becomes(False, before[1], 22)
    assert look.red()["ssh"].endswith("reboot.type=HARD")
    steps.rest()
    assert prod.server() == before
    look.becomes_green()
    assert "was not properly shut down" not in prod.ssh(f"docker logs --since {began} postgres 2>&1")
    # systemd breaks a cycle by leaving out a unit of its choice: most boots say nothing, and one has no Docker
    assert "ordering cycle" not in prod.ssh("systemd-analyze verify default.target 2>&1", check=False)
    assert prod.browser().get("/").status_code == 200
    prod.up("--expect-no-changes")


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


@pytest.mark.documented("docs/runbook.md#docker-does-not-start")
def test_what_differs_on_the_host_is_red_and_an_update_puts_it_back(
    look: Look, prod: Toybox, procedure: Procedures
) -> None:
    """Until now "67 unchanged": scripts and mount unit deleted, Docker down by a broken daemon.json, `iptables -F`."""
    look.becomes_green()  # after the crash loop
    before = prod.ssh(CONTAINERS)
    prod.ssh("rm /usr/local/lib/toybox/release /etc/systemd/system/srv-toybox.mount; systemctl disable --quiet docker")
    prod.ssh("iptables -F; iptables -t nat -F; rm -r /etc/toybox/secrets/postgres_password.d")
    prod.ssh("echo '{' >/etc/docker/daemon.json; systemctl daemon-reload; systemctl restart docker", check=False)
    red = look.red()
    assert {red["docker"], red["host files"]} == {"pulumi up --stack prod"}
    warned = prod.pulumi("preview").stdout
    assert "no Docker daemon runs" in warned
    assert "/usr/local/lib/toybox/release (gone)" in warned
    steps = procedure(prod.shell())
    assert "daemon.json" in steps.run("on_server")
    steps.rest()
    assert prod.ssh(CONTAINERS) == before, "they ran on"
    assert "MASQUERADE" in prod.ssh("iptables -t nat -S POSTROUTING")
    assert prod.ssh("systemctl is-enabled docker; ls /etc/toybox/secrets/postgres_password.d").startswith("enabled\n")
    restarted = prod.ssh("date --utc +%FT%T").strip()
    look.becomes_green()
    checks = "docker inspect --format '{{json .State.Health.Log}}' postgres"
    deadline = time.monotonic() + 60
    while json.loads(prod.ssh(checks))[-1]["Start"] < restarted:
        assert time.monotonic() < deadline, "Docker checks no health any more"
        time.sleep(1)
    prod.up("--expect-no-changes")
