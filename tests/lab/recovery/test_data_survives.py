"""The incident, step by step: each of these lost the data on 2026-01-22 or could have, and none may again."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from components.data.data_volume import data_device
from components.data_disk import DataDisk
from components.host.bundle import DISK_CHECK, host_bundle, render_disk_check_unit, render_mount_unit
from inventory.volumes import MOUNT_POINT
from tests.lab.toybox import Toybox, cloud, stock_cloud
from tests.procedure import Procedures


@pytest.fixture
def unharmed(prod: Toybox) -> Callable[[], None]:
    """Compares the site with what it was before the test: every row and every media file."""
    before = prod.fingerprint()
    assert before["tables"]["accounts_user"] >= 50
    assert before["tables"]["posts_post"] >= 500
    assert before["media"]["files"] > 0

    def check() -> None:
        assert prod.fingerprint() == before
        assert prod.browser().get("/healthz").status_code == 200

    return check


def container_ids(prod: Toybox) -> dict[str, str]:
    """{name: id} of the running containers."""
    lines = prod.ssh("docker ps --no-trunc --format '{{.Names}} {{.ID}}'").splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


@pytest.mark.documented("docs/runbook.md#containers-or-volumes-are-gone")
def test_all_containers_removed_by_hand_come_back_with_the_data(
    prod: Toybox, procedure: Procedures, unharmed: Callable[[], None]
) -> None:
    before = container_ids(prod)
    assert set(before) == {"postgres", "redis", "cache", "web", "worker", "beat", "caddy"}
    prod.ssh("docker rm -f $(docker ps -aq)")
    procedure(prod.shell()).rest()
    after = container_ids(prod)
    assert set(after) == set(before)
    assert not set(after.values()) & set(before.values())
    unharmed()


@pytest.mark.documented("docs/runbook.md#dockers-folder-was-wiped")
def test_removing_dockers_containers_folder_loses_nothing(
    prod: Toybox, procedure: Procedures, unharmed: Callable[[], None]
) -> None:
    """`rm -rf /var/lib/docker/containers/*` orphaned the database volume. The processes of the lost containers must
    end too: a second PostgreSQL on the same files would destroy them."""
    prod.ssh("rm -rf /var/lib/docker/containers/*")
    steps = procedure(prod.shell())
    steps.run("on_server systemctl restart docker")
    assert prod.ssh("pgrep -x postgres || true") == "", "a database that Docker does not know still runs"
    assert "Docker does not know it" in steps.run("on_server")
    assert "/srv/toybox/postgres" in steps.run("on_server")
    steps.rest()
    assert (
        len(
            prod.ssh(
                "pgrep -x -P $(docker inspect -f '{{.State.Pid}}' postgres | head -1) postgres || pgrep -x postgres"
            ).split()
        )
        > 1
    )
    unharmed()


def test_no_container_is_ended_because_docker_does_not_answer(prod: Toybox) -> None:
    """To a script that takes no answer for an empty one, all of them are containers that Docker does not know."""
    before = container_ids(prod)
    said = prod.ssh("DOCKER_HOST=unix:///nowhere /usr/local/lib/toybox/stop-orphans 2>&1 || echo status $?")
    assert said.splitlines()[-1] == "status 1"
    assert container_ids(prod) == before


@pytest.mark.documented("docs/runbook.md#containers-or-volumes-are-gone")
def test_removing_every_docker_volume_loses_nothing(
    prod: Toybox, procedure: Procedures, unharmed: Callable[[], None]
) -> None:
    prod.ssh("docker rm -f $(docker ps -aq) && docker volume rm -f $(docker volume ls -q)")
    assert prod.ssh("docker volume ls -q") == ""
    procedure(prod.shell()).rest()
    volumes = prod.ssh("docker volume ls --format '{{.Name}}'").split()
    assert sorted(volumes) == ["beat", "caddy-config", "caddy-data", "media", "postgres", "redis", "static"]
    unharmed()


def test_a_root_disk_that_comes_from_another_server_brings_no_old_containers(
    prod: Toybox, unharmed: Callable[[], None]
) -> None:
    """On a real cloud a replaced server boots from the boot volume of its predecessor; the lab's root disks are new
    each time, so here the disk is told that it belonged to another."""
    prod.ssh("echo another-server > /etc/toybox/server-id")
    said = prod.failing_up("--replace", prod.urn("host-bundle"))
    assert "shows no container postgres. Make it again: pulumi up --refresh" in said, (
        "an update without its containers ends well"
    )
    assert prod.ssh("docker ps -aq") == ""
    assert prod.ssh("cat /etc/toybox/server-id").strip() == prod.outputs()["serverId"]
    prod.up("--refresh")
    unharmed()


@pytest.mark.documented("docs/runbook.md#the-data-disk-is-not-mounted")
def test_without_the_data_disk_nothing_starts_and_nothing_is_written(
    prod: Toybox, procedure: Procedures, unharmed: Callable[[], None]
) -> None:
    """A container on an unmounted disk starts with an empty directory and exit code 0, and the next backup of it is
    perfect and empty."""
    link = prod.data_disk()
    device = prod.ssh(f"readlink -f {link}").strip()
    prod.ssh(
        "docker stop -t 60 $(docker ps -q) && systemctl stop docker.socket docker && systemctl stop srv-toybox.mount"
    )
    prod.ssh(f"mv {link} {link}.away")
    try:
        assert "failed" in prod.ssh("systemctl start docker 2>&1 || echo failed")
        assert prod.ssh("pgrep -x dockerd || true") == ""
        assert "Operation not permitted" in prod.ssh("touch /srv/toybox/x 2>&1 || true")
        assert "Operation not permitted" in prod.ssh("mkdir /srv/toybox/postgres 2>&1 || true")
        assert prod.ssh("ls -A /srv/toybox") == ""
        steps = procedure(prod.shell())
        assert "srv-toybox.mount" in steps.run("on_server")
    finally:
        prod.ssh(f"mv {link}.away {link}; test -b {device}")
    steps.rest()
    unharmed()


ELSEWHERE = "/srv/elsewhere"
ELSEWHERE_CHECK = "elsewhere-check.service"


@pytest.fixture
def spare_disk(prod: Toybox) -> Iterator[DataDisk]:
    """One more volume on prod's server, which ConoHa would not attach (it runs, and it has one): blank, prod's,
    with a mount unit for ELSEWHERE, and the check of its file system that a mount waits for."""
    connection, server = stock_cloud(), prod.outputs()["serverId"]
    volume = connection.block_storage.create_volume(name="spare", size=200, volume_type="c3j1-ds02-add")
    connection.block_storage.wait_for_status(volume, "available", interval=0.3, wait=60)
    connection.compute.create_volume_attachment(server, volume_id=volume.id)
    volume = connection.block_storage.get_volume(volume.id)
    connection.block_storage.wait_for_status(volume, "in-use", interval=0.3, wait=60)
    disk = DataDisk("prod", True, volume.id, data_device(volume.id), origin="blank", copy=False, blank=True)
    mount = render_mount_unit(disk.device).replace(MOUNT_POINT, ELSEWHERE).replace(DISK_CHECK, ELSEWHERE_CHECK)
    prod.ssh(f"cat >/etc/systemd/system/{ELSEWHERE_CHECK}", render_disk_check_unit(disk.device))
    prod.ssh("cat >/etc/systemd/system/srv-elsewhere.mount && systemctl daemon-reload", mount)
    yield disk
    prod.ssh(f"umount {ELSEWHERE}; chattr -i {ELSEWHERE}; rmdir {ELSEWHERE}", check=False)
    prod.ssh("systemctl disable --now srv-elsewhere.mount", check=False)
    prod.ssh(f"cd /etc/systemd/system && rm -f srv-elsewhere.mount {ELSEWHERE_CHECK}; systemctl daemon-reload")
    connection.compute.delete_volume_attachment(server, volume.id)
    volume = connection.block_storage.get_volume(volume.id)
    connection.block_storage.wait_for_status(volume, "available", interval=0.3, wait=60)
    connection.block_storage.delete_volume(volume.id)


def prepare(prod: Toybox, disk: DataDisk) -> str:
    """What the host's script says to the disk, as in an update that has it for the stack's."""
    files = host_bundle(disk, [])
    parameters = files["parameters"].text.replace(MOUNT_POINT, ELSEWHERE)
    prod.ssh("mkdir -p /run/spare && cat >/run/spare/parameters", parameters)
    prod.ssh("cat >/run/spare/disk.json", files["disk.json"].text)
    return prod.ssh("/usr/local/lib/toybox/data-disk prepare /run/spare 2>&1 || echo status $?")


def mounted(prod: Toybox) -> bool:
    """Whether ELSEWHERE is."""
    return ELSEWHERE in prod.ssh("cat /proc/mounts")


def refused(prod: Toybox, disk: DataDisk) -> str:
    """Why the disk is refused, which must not change a byte of it."""
    read = f"head -c 16M {disk.device} | sha256sum"
    before = prod.ssh(read)
    said = prepare(prod, disk)
    assert "status 1" in said, said
    assert not mounted(prod)
    assert prod.ssh(read) == before, said
    return said


@pytest.mark.documented("docs/runbook.md#the-data-disk-is-empty")
def test_only_a_disk_that_was_made_from_nothing_is_ever_formatted(
    prod: Toybox, spare_disk: DataDisk, procedure: Procedures
) -> None:
    """Had ConoHa ignored `backup_id`, an empty database would have answered under a green site. And mkfs itself may be
    killed: what it left has no signature, and is not blank."""
    device = spare_disk.device
    from_a_backup = replace(spare_disk, origin="backup 7b59c87d", blank=False)
    assert f"{device} is empty" in refused(prod, from_a_backup)
    procedure(prod.shell()).rest()
    prod.ssh(f"dd if=/dev/urandom of={device} bs=1M count=1 seek=64 conv=notrunc status=none")
    assert "no file-system signature but is not blank" in refused(prod, spare_disk)
    prod.ssh("echo another-volume >/etc/toybox/formatting")
    assert "no file-system signature but is not blank" in refused(prod, spare_disk)
    prod.ssh(f"echo {spare_disk.volume} >/etc/toybox/formatting")
    assert "formatting it as ext4" in prepare(prod, spare_disk)
    assert mounted(prod)
    assert prod.ssh(f"e2label {device}").strip() == spare_disk.label
    assert "gone" in prod.ssh("test -e /etc/toybox/formatting || echo gone")
    assert prepare(prod, spare_disk) == ""


def test_a_disk_is_opened_by_the_stack_whose_it_is_and_by_no_other(prod: Toybox, spare_disk: DataDisk) -> None:
    """What is refused is left untouched and not mounted; what staging may scrub keeps prod's label until it does."""
    device, volume = spare_disk.device, spare_disk.volume
    adopted = replace(spare_disk, stack="staging", production=False, origin=f"adopted {volume}", blank=False)
    copied = replace(adopted, origin="backup 7b59c87d", copy=True)

    def labelled(label: str, record: str = "") -> None:
        """Give the disk this label, and the record of a scrub for the volume `record`."""
        prod.ssh(f"umount {ELSEWHERE}", check=False)
        prod.ssh(f"mkdir -p /run/look && e2label {device} {label} && mount {device} /run/look")
        prod.ssh("rm -f /run/look/.staging-scrub.json")
        if record:
            prod.ssh("cat >/run/look/.staging-scrub.json", json.dumps({"volume": record}))
        prod.ssh("umount /run/look")

    prod.ssh(f"mkfs.ext4 -q -L precious {device}")
    assert "labelled 'precious'" in refused(prod, spare_disk)
    labelled(spare_disk.label)
    for staging in (adopted, copied):
        assert "is the disk of stack prod itself" in refused(prod, staging)
    labelled("prod:00000")
    assert "does not confirm" in refused(prod, adopted)
    assert prepare(prod, copied) == ""
    assert mounted(prod)
    assert prod.ssh(f"e2label {device}").strip() == "prod:00000"
    assert "becomes" in prepare(prod, spare_disk), "prod's data, put back on a restore point"
    assert prod.ssh(f"e2label {device}").strip() == spare_disk.label
    labelled("toybox-data")
    assert "only copy" in refused(prod, copied)
    labelled("toybox-data", record="another-volume")
    assert "was scrubbed" in refused(prod, spare_disk)
    assert "only copy" in refused(prod, copied)
    labelled("toybox-data", record=volume)
    assert "becomes staging:" in prepare(prod, copied)
    prod.ssh(f"umount {ELSEWHERE}")
    assert "is the disk of stack 'staging'" in refused(prod, spare_disk)


def test_destroying_production_stops_before_the_data_volume(prod: Toybox, unharmed: Callable[[], None]) -> None:
    """`protect` does not keep what depends on the volume: the server goes, and the data stays in the cloud."""
    volume = prod.outputs()["dataVolumeId"]
    done = prod.pulumi("destroy", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert "data-volume" in done.stdout
    assert "protected" in done.stdout
    assert cloud().block_storage.get_volume(volume).status == "available"
    prod.up()
    assert prod.outputs()["dataVolumeId"] == volume
    unharmed()
