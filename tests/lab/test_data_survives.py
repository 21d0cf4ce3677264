"""The incident, step by step: each of these lost the data on 2026-01-22 or could have, and none may again."""

from collections.abc import Callable, Iterator

import pytest

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
    assert set(before) == {"postgres", "redis", "web", "worker", "beat", "caddy"}
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
    assert sorted(volumes) == ["caddy-config", "caddy-data", "media", "postgres", "redis", "static"]
    unharmed()


@pytest.mark.documented("docs/runbook.md#the-server-is-gone-or-broken")
def test_replacing_the_server_keeps_the_data_volume(
    prod: Toybox, procedure: Procedures, unharmed: Callable[[], None]
) -> None:
    before = prod.outputs()
    certificate = prod.site().certificate_authority.read_text()
    steps = procedure(prod.shell())
    assert "data-volume" not in steps.run("pulumi preview")
    steps.run("pulumi up")
    after = prod.outputs()
    assert steps.run("pulumi stack output").strip() == after["address"]
    assert after["serverId"] != before["serverId"]
    assert after["dataVolumeId"] == before["dataVolumeId"]
    assert prod.site().certificate_authority.read_text() == certificate, "Caddy's keys live on the data disk, too"
    unharmed()


def test_a_root_disk_that_comes_from_another_server_brings_no_old_containers(
    prod: Toybox, unharmed: Callable[[], None]
) -> None:
    """On a real cloud a replaced server boots from the boot volume of its predecessor; the lab's root disks are new
    each time, so here the disk is told that it belonged to another."""
    prod.ssh("echo another-server > /etc/toybox/server-id")
    prod.up("--replace", prod.urn("host-bundle"))
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


@pytest.fixture
def spare_disk(prod: Toybox) -> Iterator[str]:
    """One more volume on prod's server, which ConoHa would not attach (it runs, and it has one): its device."""
    connection, server = stock_cloud(), prod.outputs()["serverId"]
    volume = connection.block_storage.create_volume(name="spare", size=200, volume_type="c3j1-ds02-add")
    connection.block_storage.wait_for_status(volume, "available", interval=0.3, wait=60)
    connection.compute.create_volume_attachment(server, volume_id=volume.id)
    volume = connection.block_storage.get_volume(volume.id)
    connection.block_storage.wait_for_status(volume, "in-use", interval=0.3, wait=60)
    yield f"/dev/disk/by-id/virtio-{volume.id[:20]}"
    connection.compute.delete_volume_attachment(server, volume.id)
    volume = connection.block_storage.get_volume(volume.id)
    connection.block_storage.wait_for_status(volume, "available", interval=0.3, wait=60)
    connection.block_storage.delete_volume(volume.id)


def test_a_data_disk_with_a_foreign_file_system_is_never_formatted(prod: Toybox, spare_disk: str) -> None:
    prod.ssh(f"mkfs.ext4 -q -L precious {spare_disk}")
    before = prod.ssh(f"head -c 16M {spare_disk} | sha256sum")
    said = prod.ssh(
        f"/usr/local/lib/toybox/data-disk prepare {spare_disk} toybox-data /srv/elsewhere 2>&1 || echo status $?"
    )
    assert "status 1" in said
    assert "is not TOYBOX's" in said
    assert "ext4 precious" in said
    assert prod.ssh(f"head -c 16M {spare_disk} | sha256sum") == before
    assert "/srv/elsewhere" not in prod.ssh("cat /proc/mounts")


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
