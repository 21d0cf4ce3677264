"""The faults of 2026-01-22 on a real server that an update does not mend: each stops it, or cannot be made.

Those that it mends are in test_status.py.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.deploy import revive
from tests.lab.toybox import Toybox
from tests.procedure import Procedures

SECOND = """
mkdir -p /var/lib/docker/second /run/second
cat >/run/second/daemon.json <<'END'
{"data-root": "/var/lib/docker/second", "pidfile": "/run/second/pid", "exec-root": "/run/second", "bridge": "none",
 "hosts": ["unix:///run/second/sock"], "iptables": false}
END
"""
"""The configuration file of a second daemon, as a snap's Docker has one: nothing of it is on the command line."""


@contextmanager
def second_daemon(prod: Toybox) -> Iterator[None]:
    prod.ssh(SECOND)
    prod.ssh("systemd-run --quiet --unit second --property Type=notify dockerd --config-file /run/second/daemon.json")
    try:
        yield
    finally:
        # without a bridge, a daemon takes docker0 away: Docker itself makes it again
        prod.ssh("systemctl stop second; rm -rf /run/second /var/lib/docker/second; systemctl restart docker")


@pytest.mark.documented("docs/runbook.md#a-container-that-is-not-ours-uses-the-data-disk")
def test_an_update_stops_at_a_second_daemon_and_at_a_stranger_on_the_disk(prod: Toybox, procedure: Procedures) -> None:
    """A change of the Caddyfile alone went on beside both."""
    before = prod.ssh("docker ps --quiet --no-trunc | sort")
    caddyfile = "components/caddy/build/Caddyfile"
    changed = (prod.workspace.program / caddyfile).read_text() + "\n# changed\n"
    image = prod.ssh("docker inspect --format '{{.Config.Image}}' postgres").strip()
    prod.ssh(f"docker run --detach --name stranger --volume postgres:/x --entrypoint sleep {image} 600")
    with second_daemon(prod), prod.changed_file(caddyfile, changed):
        said = prod.failing_up()
    assert "data root /var/lib/docker/second" in said
    assert "container stranger (running" in said
    assert said.count("not fit") == 1
    assert prod.ssh("docker ps --quiet --no-trunc --filter label=toybox.name | sort") == before
    steps = procedure(prod.shell())
    assert "stranger" not in steps.run()
    steps.run(values={"<container>": "stranger"})
    steps.rest()
    prod.up("--expect-no-changes")


def test_a_second_docker_does_not_start(prod: Toybox) -> None:
    """By the unit that snapd writes; as a user's service; and as a unit of its own beside docker.service."""
    unit = "/etc/systemd/system/snap.docker.dockerd.service"
    prod.ssh(f"{SECOND} printf '[Service]\\nExecStart=dockerd --config-file /run/second/daemon.json\\n' >{unit}")
    try:
        assert "Assertion failed" in prod.ssh(
            "systemctl daemon-reload; systemctl start snap.docker.dockerd", check=False
        )
    finally:
        prod.ssh(f"rm -r {unit} /run/second; systemctl daemon-reload")
    assert prod.ssh("systemctl --global is-enabled docker.service", check=False) == "masked\n"
    for flags in ("--data-root /var/lib/docker/second", "--pidfile /run/second.pid", "--host unix:///run/second.sock"):
        said = prod.ssh(f"timeout 20 dockerd {flags} 2>&1; echo status $?", check=False)
        assert said.endswith("status 1\n"), said
    assert prod.ssh("pgrep --count --exact dockerd") == "1\n"


def test_make_up_resets_a_server_that_is_dead_while_the_cloud_says_it_runs(prod: Toybox) -> None:
    """Its container was killed: "No route to host" was the end of it."""
    label = f"label=toybox.lab.server={prod.server()[0]}"
    containers = subprocess.run(["docker", "ps", "-q", "--filter", label], capture_output=True, text=True, check=True)
    subprocess.run(["docker", "kill", containers.stdout.strip()], capture_output=True, check=True)
    revive(prod.workspace, prod.stack)
    prod.up()
    assert prod.browser().get("/").status_code == 200
    prod.up("--expect-no-changes")
