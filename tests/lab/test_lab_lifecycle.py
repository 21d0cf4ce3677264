"""The lab itself: up from a damaged state, small in memory, and servers that behave like a VPS.

Nothing here takes the lab down, for all tests share it and a TOYBOX of somebody's may run on it.
"""

import base64
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from openstack.connection import Connection

from lab import lifecycle, paths, processes, registry, volume_store
from tests.lab.toybox import cloud

CHECKOUT = paths.CHECKOUT
USER_DATA = """\
#cloud-config
disable_root: false
ssh_keys:
  ed25519_private: |
{private}
  ed25519_public: {public}
write_files:
- path: /etc/systemd/system/srv-data.mount
  content: |
    [Mount]
    What={device}
    Where=/srv/data
    Type=ext4
    [Install]
    WantedBy=multi-user.target
runcmd:
- [sh, -ec, "blkid -p {device} || mkfs.ext4 -q {device}"]
- [sh, -ec, "systemctl enable --now srv-data.mount; echo kept > /srv/data/file"]
"""


def lab(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """`python -m lab ...`, as a user runs it."""
    command = [str(CHECKOUT / ".venv" / "bin" / "python"), "-m", "lab", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)


def docker(*arguments: str) -> str:
    """What this machine's Docker says: its containers are the servers."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def pids() -> dict[str, int | None]:
    return {name: processes.alive(name) for name in lifecycle.services()}


def leaders() -> set[int]:
    """All processes of the lab that lead a session: the services, and what they lead themselves (containerd)."""
    return {stray.pid for stray in processes.strays() if stray.leader}


def processor_seconds() -> float:
    """What ended children of this process have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.alone
def test_up_when_it_is_up_changes_nothing_and_is_quick() -> None:
    lab("up")  # an image may have changed since
    before, led, used = pids(), leaders(), processor_seconds()
    done = lab("up")
    assert done.returncode == 0, done.stdout + done.stderr
    # of its own, and not by the clock: other tests take the cores meanwhile
    assert processor_seconds() - used < 4, done.stdout  # 0.6 s
    assert pids() == before
    assert leaders() == led


@pytest.mark.alone
def test_the_services_take_at_most_1536_mib() -> None:
    done = lab("status")
    assert done.returncode == 0, done.stdout
    assert sum(state.memory for state in lifecycle.service_states()) < 1536 << 20, done.stdout


@pytest.mark.alone
def test_a_killed_service_comes_back_alone() -> None:
    before = pids()
    victim = before[registry.SERVICE]
    assert victim
    os.kill(victim, signal.SIGKILL)
    while processes.identify(victim):
        time.sleep(0.05)
    down = lab("status")
    assert down.returncode == 1
    assert "down" in down.stdout
    assert lab("up").returncode == 0
    after = pids()
    assert after[registry.SERVICE] not in (None, victim)
    assert {**after, registry.SERVICE: victim} == before


def test_a_stack_that_is_not_there_is_one_message() -> None:
    done = lab("up", "nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


@dataclass
class Server:
    """A server of the tests' project with a boot and a data volume."""

    cloud: Connection
    id: str
    address: str
    data_volume: str
    folder: Path

    def ssh(self, command: str, seconds: float = 60) -> str:
        """What a command prints; waits until the server answers."""
        ssh = ["ssh", "-i", f"{self.folder}/key", "-o", f"UserKnownHostsFile={self.folder}/known_hosts"]
        ssh += ["-o", "BatchMode=yes", "-o", "ConnectTimeout=3", f"root@{self.address}", command]
        deadline = time.monotonic() + seconds
        while True:
            done = subprocess.run(ssh, capture_output=True, text=True, check=False)
            if done.returncode != 255:
                assert done.returncode == 0, done.stdout + done.stderr
                return str(done.stdout.strip())
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.3)

    def act(self, action: str, status: str) -> None:
        """Stop or start it, and wait for that."""
        self.cloud.compute.post(f"/servers/{self.id}/action", json={action: None})
        self.cloud.compute.wait_for_server(self.cloud.compute.get_server(self.id), status=status, interval=0.3, wait=90)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    for name in ("key", "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    connection = cloud()
    compute, volumes = connection.compute, connection.block_storage
    compute.delete_keypair("lifecycle")  # of a run that broke off
    key = compute.create_keypair(name="lifecycle", public_key=(folder / "key.pub").read_text())
    image = connection.image.find_image("vmi-docker-26.1-ubuntu-22.04-amd64", ignore_missing=False)
    flavor = compute.find_flavor("g2l-t-c2m1", ignore_missing=False)
    boot = volumes.create_volume(name="lifecycle-boot", size=100, image_id=image.id, volume_type="c3j1-ds02-boot")
    data = volumes.create_volume(name="lifecycle-data", size=200, volume_type="c3j1-ds02-add")
    for volume in (boot, data):
        volumes.wait_for_status(volume, "available", ["error"], 0.3, 60)
    public = (folder / "host.pub").read_text().strip()
    private = "".join(f"    {line}\n" for line in (folder / "host").read_text().splitlines()).rstrip("\n")
    device = f"/dev/disk/by-id/virtio-{data.id[:20]}"
    group = connection.network.create_security_group(name="toybox-lifecycle", description="SSH from this machine")
    connection.network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol="tcp",
        port_range_min=22, port_range_max=22, remote_ip_prefix="198.51.100.1/32",
    )  # fmt: skip
    user_data = USER_DATA.format(private=private, public=public, device=device)
    disks = [{"uuid": v.id, "source_type": "volume", "destination_type": "volume"} for v in (boot, data)]
    body = {
        "name": "lifecycle",
        "flavorRef": flavor.id,
        "key_name": key.name,
        "config_drive": True,
        "security_groups": [{"name": group.name}],
        "user_data": base64.b64encode(user_data.encode()).decode(),
        "metadata": {"instance_name_tag": "life_cycle"},
        "block_device_mapping_v2": [{**disks[0], "boot_index": 0}, {**disks[1], "boot_index": -1}],
    }
    made = compute.post("/servers", json={"server": body}, microversion="2.1").json()["server"]["id"]
    try:
        while (ready := compute.get_server(made)).status == "BUILD":
            time.sleep(0.3)
        assert ready.status == "ACTIVE", ready.fault
        (addresses,) = ready.addresses.values()  # one port, on the external network
        address = next(one["addr"] for one in addresses if one["version"] == 4)
        (folder / "known_hosts").write_text(f"{address} {public}\n")
        yield Server(connection, made, address, data.id, folder)
    finally:
        if there := compute.find_server(made):
            compute.delete_server(there)
            compute.wait_for_delete(there, interval=0.3, wait=60)
        for volume in (boot, data):
            volumes.wait_for_status(volumes.get_volume(volume.id), "available", ["error"], 0.3, 60)
            volumes.delete_volume(volume.id)
        compute.delete_keypair(key)
        connection.network.delete_security_group(group)


def check_health(server: Server) -> None:
    """It is up as a VPS is: everything started, the data disk mounted by its unit."""
    assert "status: done" in server.ssh("cloud-init status --wait")
    assert server.ssh("systemctl is-system-running --wait") == "running"
    assert server.ssh("findmnt --noheadings --output SOURCE /srv/data && cat /srv/data/file") == "/dev/vdb\nkept"


def test_a_server_is_healthy_and_knows_its_name(server: Server) -> None:
    check_health(server)
    assert server.ssh("hostname") == "life-cycle"
    assert server.ssh("sudo true 2>&1; getent hosts $(hostname) | awk '{print $1}'") == server.address
    assert server.ssh("docker info --format '{{.DockerRootDir}} {{.Driver}}'") == "/var/lib/docker overlay2"
    assert server.ssh(f"ls /etc/docker/certs.d/{registry.ADDRESS}") == "ca.crt"


def test_docker_in_a_server_starts_whether_or_not_this_machine_forwards(server: Server) -> None:
    """Seen on a machine with net.ipv4.ip_forward=0: `make up` ended with "Enabling IP forwarding failed"."""
    container = docker("ps", "--quiet", "--filter", f"label=toybox.lab.server={server.id}")
    sysctls = json.loads(docker("inspect", "--format", "{{json .HostConfig.Sysctls}}", container))
    assert sysctls == {"net.ipv4.ip_forward": "1"}
    assert server.ssh("cat /proc/sys/net/ipv4/ip_forward") == "1"


def test_a_boot_disk_is_not_blank(server: Server) -> None:
    assert 'PTTYPE="dos"' in server.ssh("blkid -p /dev/vda")


def test_disks_and_the_root_disk_are_there_again_after_stop_and_start(server: Server) -> None:
    server.ssh("echo kept > /var/tmp/file; sync")
    server.act("os-stop", "SHUTOFF")
    server.act("os-start", "ACTIVE")
    check_health(server)
    assert server.ssh("cat /var/tmp/file") == "kept"


def test_docker_survives_the_loss_of_its_containers_folder(server: Server) -> None:
    server.ssh("rm -rf /var/lib/docker/containers/*; systemctl restart docker")
    assert server.ssh("docker ps --all --quiet") == ""


def test_deleting_a_server_frees_its_disks_and_keeps_what_was_synced(server: Server, tmp_path: Path) -> None:
    """Nova cuts the power of a server that it deletes."""
    check_health(server)  # the disk is mounted
    server.ssh("echo last words > /srv/data/file; sync")
    server.cloud.compute.delete_server(server.id)
    server.cloud.compute.wait_for_delete(server.cloud.compute.get_server(server.id), interval=0.3, wait=60)
    volume = paths.VOLUMES / f"volume-{server.data_volume}"
    assert str(volume) not in [loop.backing for loop in volume_store.loop_devices()]
    assert not (paths.SERVERS / server.id).exists()
    subprocess.run(["mount", "-o", "loop", volume, tmp_path], check=True)
    try:
        assert (tmp_path / "file").read_text() == "last words\n"
    finally:
        subprocess.run(["umount", tmp_path], check=True)
