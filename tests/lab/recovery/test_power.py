"""A server that goes: shut down, it loses nothing at all; without power, nothing that was acknowledged."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.test_staging_refresh import sql
from tests.lab.toybox import Toybox, cloud
from tests.procedure import Procedures


@contextmanager
def acknowledged(prod: Toybox, command: str) -> Iterator[list[str]]:
    """What a command on the server printed, again and again until the server is gone; {} in it is the number."""
    printed: list[str] = []
    ended = threading.Event()

    def go_on() -> None:
        number, address = 0, prod.server()[1]
        while not ended.is_set():
            said = prod.ssh(command.format(number) + " && echo done", check=False, address=address)
            if not said.endswith("done\n"):
                return
            printed.append(said.removesuffix("done\n").strip())
            number += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield printed
    finally:
        ended.set()
        thread.join()


@pytest.mark.documented("docs/runbook.md#the-server-is-gone-or-broken")
def test_uploads_until_a_planned_replacement_are_there_with_their_bytes(prod: Toybox, procedure: Procedures) -> None:
    """Nobody synced them. The containers get their time to end, and the disk is unmounted."""
    before, former, certificate = prod.fingerprint(), prod.outputs(), prod.site().certificate_authority.read_text()
    steps = procedure(prod.shell())
    assert "data-volume" not in steps.run("pulumi preview")
    upload = "docker exec web sh -c 'head -c 50000 /dev/urandom | tee /srv/media/upload-{0} | sha256sum'"
    with acknowledged(prod, upload) as sums:
        steps.run("pulumi up")
    assert len(sums) > 5
    paths = " ".join(f"/srv/toybox/media/upload-{number}" for number in range(len(sums)))
    assert [line.split()[0] for line in prod.ssh(f"sha256sum {paths}").splitlines()] == [
        line.split()[0] for line in sums
    ]
    assert "was not properly shut down" not in prod.ssh("docker logs postgres 2>&1")
    assert "recovering journal" not in prod.ssh("journalctl --no-pager --unit toybox-disk-check")
    prod.ssh("rm /srv/toybox/media/upload-*")

    after = prod.outputs()
    assert steps.run("pulumi stack output").strip() == after["address"]
    assert after["serverId"] != former["serverId"]
    assert after["dataVolumeId"] == former["dataVolumeId"]
    assert prod.site().certificate_authority.read_text() == certificate, "Caddy's keys live on the data disk, too"
    assert prod.fingerprint() == before


def test_after_a_power_cut_every_acknowledged_commit_is_there_and_the_disk_was_checked(prod: Toybox) -> None:
    prod.ssh("sync")
    before = prod.fingerprint()
    sql(prod, "CREATE TABLE power (number int)")
    # a file each time: a test of the other process may sync all disks of this machine, and the last file is after it
    commit = (
        "echo lost >/srv/toybox/not-synced-{0};"
        " docker exec postgres psql -qAt -U postgres toybox -c 'INSERT INTO power VALUES ({0}) RETURNING number'"
    )
    compute = cloud().compute
    with acknowledged(prod, commit) as numbers:
        deadline = time.monotonic() + 120
        while len(numbers) < 20:
            assert time.monotonic() < deadline, f"{len(numbers)} commits within 120 s"
            time.sleep(0.2)
        server = prod.server()[0]
        compute.reboot_server(server, "HARD")
        compute.wait_for_server(compute.get_server(server), "ACTIVE", interval=0.5, wait=120)
    prod.wait_for_ssh()
    last = f"/srv/toybox/not-synced-{numbers[-1]}"
    assert prod.ssh(f"cat {last} 2>&1", check=False) != "lost\n", "the lab is kinder than a power cut"
    prod.ssh(
        "rm -f /srv/toybox/not-synced-*; timeout 60 sh -c 'until systemctl is-active --quiet docker; do sleep 1; done'"
    )
    assert "recovering journal" in prod.ssh("journalctl --no-pager --boot --unit toybox-disk-check")
    prod.ssh("timeout 60 /usr/local/lib/toybox/await-healthy postgres 60")
    there = sql(prod, "SELECT number FROM power ORDER BY number").split()
    assert set(numbers) <= set(there)
    sql(prod, "DROP TABLE power")
    prod.up("--refresh")
    assert prod.fingerprint() == before


def test_a_container_does_not_reach_the_metadata_service_and_the_host_does(prod: Toybox) -> None:
    """user_data has the server's SSH host key. Here the service is on the host itself; elsewhere behind it."""
    ask = "import urllib.request as r; print(r.urlopen('http://169.254.169.254:8169/', timeout=3).status)"
    prod.ssh(
        "ip address add 169.254.169.254/32 dev lo; cd /var/tmp;"
        " setsid python3 -m http.server --bind 169.254.169.254 8169 </dev/null >/dev/null 2>&1 & sleep 1"
    )
    try:
        assert prod.ssh(f'python3 -c "{ask}"') == "200\n"
        prod.ssh("systemctl restart docker; iptables --flush DOCKER-USER")
        for container in ("web", "worker"):
            said = prod.ssh(f'docker exec {container} python -c "{ask}" 2>&1', check=False)
            assert "timed out" in said or "unreachable" in said, said
    finally:
        prod.ssh("pkill -f '[h]ttp.server --bind 169.254.169.254'; ip address delete 169.254.169.254/32 dev lo")
