"""The lab refuses what ConoHa refuses, and its nights pass: over the real services, as a client sees them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from openstack import exceptions
from openstack.connection import Connection

from conoha import volumes
from lab import paths
from lab.cloud import IMAGES, administrator
from lab.conoha_rules import PREFIXES, book_path
from lab.conoha_rules.book import Book
from lab.conoha_rules.cloud import Administrator, Services
from lab.conoha_rules.nights import pass_nights
from lab.control_plane import SERVICES
from lab.credentials import credentials, stock
from tests.lab.toybox import PROJECT, cloud

pytestmark = pytest.mark.skipif(
    paths.CREDENTIALS.exists() and stock(credentials()), reason="the lab is up as stock OpenStack (--cloud openstack)"
)
BOOK = Book(book_path(paths.LAB_DIR))


@dataclass(frozen=True)
class Server:
    """A server of the tests' project, with a boot and a data volume."""

    cloud: Connection
    id: str
    boot: str
    data: str

    def ask(self, service: str, method: str, path: str, body: Any = None) -> requests.Response:
        """What the cloud answers."""
        names = {"{server}": self.id, "{boot}": self.boot, "{data}": self.data}
        text = path
        for name, value in names.items():
            text = text.replace(name, value)
            body = filled(body, name, value)
        adapter = getattr(self.cloud, service)
        answer: requests.Response = adapter.request(text, method, json=body)
        return answer

    def act(self, action: str, status: str) -> None:
        """Stop or start it, and wait for that."""
        assert self.ask("compute", "POST", "/servers/{server}/action", {action: None}).status_code == 202
        self.cloud.compute.wait_for_server(self.cloud.compute.get_server(self.id), status=status, interval=0.2, wait=90)

    @property
    def disk(self) -> Path:
        """The data volume's bytes."""
        return file_of(self.data)


def filled(body: Any, name: str, value: str) -> Any:
    """A JSON body with a value in a name's place."""
    if isinstance(body, dict):
        return {key: filled(one, name, value) for key, one in body.items()}
    if isinstance(body, list):
        return [filled(one, name, value) for one in body]
    return value if body == name else body


def file_of(volume: str) -> Path:
    """Where the lab keeps a volume's bytes."""
    return paths.VOLUMES / f"volume-{volume}"


def write(disk: Path, text: str) -> None:
    """Put a text at a disk's beginning."""
    with disk.open("r+b") as file:
        file.write(text.encode().ljust(64, b"\0"))


def read(disk: Path) -> str:
    """The text at a disk's beginning."""
    with disk.open("rb") as file:
        return file.read(64).rstrip(b"\0").decode()


def volume(connection: Connection, **wanted: Any) -> str:
    """A new volume's id."""
    made = connection.block_storage.create_volume(**wanted)
    connection.block_storage.wait_for_status(made, "available", ["error"], 0.2, 60)
    return str(made.id)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server, asked for as briefly as ConoHa's documentation does."""
    connection = cloud()
    image = connection.image.find_image(IMAGES[0], ignore_missing=False)
    flavor = connection.compute.find_flavor("g2l-t-c2m1", ignore_missing=False)
    boot = volume(connection, name="rules-boot", size=100, image_id=image.id, volume_type=volumes.BOOT.name)
    data = volume(connection, name="rules-data", size=200, volume_type=volumes.DATA.name)
    body = {
        "flavorRef": flavor.id,
        "block_device_mapping_v2": [{"uuid": boot}, {"uuid": data}],
        "metadata": {"instance_name_tag": "rules"},
    }
    made = connection.compute.post("/servers", json={"server": body})
    exceptions.raise_from_response(made)
    ours = Server(connection, made.json()["server"]["id"], boot, data)
    try:
        connection.compute.wait_for_server(connection.compute.get_server(ours.id), interval=0.2, wait=90)
        yield ours
    finally:
        connection.compute.delete_server(ours.id)
        connection.compute.wait_for_delete(connection.compute.get_server(ours.id), interval=0.2, wait=60)
        for one in (boot, data):
            connection.block_storage.wait_for_status(
                connection.block_storage.get_volume(one), "available", ["error"], 0.2, 60
            )
            connection.block_storage.delete_volume(one)


def test_a_client_stays_inside(server: Server) -> None:
    """Every address that it is given is under the rules."""
    inside = urlsplit(credentials()["auth_url"]).netloc
    for service in ("compute", "block_storage", "network", "image"):
        assert urlsplit(getattr(server.cloud, service).get_endpoint()).netloc == inside
    links = server.ask("compute", "GET", "/servers/{server}").json()["server"]["links"]
    assert {urlsplit(link["href"]).netloc for link in links} == {inside}


def test_a_server_has_conohas_name_one_public_port_and_two_volumes(server: Server) -> None:
    found = server.cloud.compute.get_server(server.id)
    assert found.name.startswith("vm-")
    assert found.metadata == {"instance_name_tag": "rules"}
    (port,) = server.cloud.network.ports(device_id=server.id)
    assert port.name.startswith("ext-198-51-100-")
    assert [one["id"] for one in found.attached_volumes] == [server.boot, server.data]


REFUSED: list[tuple[str, str, str, Any, str]] = [
    ("compute", "PUT", "/servers/{server}", {"server": {"name": "mine"}}, "keep their name"),
    ("compute", "POST", "/servers/{server}/metadata", {"metadata": {"instance_name_tag": "a b"}}, "instance_name_tag"),
    ("compute", "POST", "/servers/{server}/metadata", {"metadata": {"backup_status": "x"}}, "own metadata"),
    ("compute", "POST", "/servers/{server}/action", {"addSecurityGroup": {"name": "default"}}, "no server action"),
    ("compute", "POST", "/servers/{server}/action", {"changePassword": {"adminPass": "x"}}, "no server action"),
    ("compute", "POST", "/servers/{server}/action", {"createImage": {"name": "x"}}, "no server action"),
    ("compute", "POST", "/servers/{server}/action", {"resize": {"flavorRef": "x"}}, "resizes stopped servers only"),
    ("compute", "DELETE", "/servers/{server}/os-volume_attachments/{data}", None, "stopped servers only"),
    ("compute", "DELETE", "/servers/{server}/os-volume_attachments/{boot}", None, "boot volumes"),
    ("compute", "POST", "/servers", {"server": {"imageRef": "x", "flavorRef": "x"}}, "no server from an image"),
    ("compute", "POST", "/os-keypairs", {"keypair": {"name": "my key"}}, "key pair name"),
    ("block_storage", "POST", "/volumes", {"volume": {"size": 10, "volume_type": "c3j1-ds02-add"}}, "200, 500, 1000"),
    ("block_storage", "POST", "/volumes", {"volume": {"size": 200, "volume_type": "c3j1-ds02"}}, "no volume type"),
    ("block_storage", "POST", "/volumes", {"volume": {"size": 200, "snapshot_id": "x"}}, "no volume from a snapshot"),
    ("block_storage", "POST", "/volumes/{data}/action", {"os-extend": {"new_size": 500}}, "no volume action"),
    ("block_storage", "POST", "/volumes/{data}/action", {"os-retype": {"new_type": "x"}}, "no volume action"),
    ("block_storage", "PUT", "/volumes/{data}", {"volume": {"metadata": {"a": "b"}}}, "name and description"),
    ("block_storage", "POST", "/snapshots", {"snapshot": {"volume_id": "{data}"}}, "stopped servers only"),
    ("block_storage", "POST", "/backups", {"backup": {"volume_id": "{data}"}}, "no backup on demand"),
    ("block_storage", "POST", "/backups", {"backup": {"instance_uuid": "{server}", "retention": 7}}, "14 to 30"),
    ("block_storage", "DELETE", "/backups/{server}", None, "no automatic backup"),
    ("network", "GET", "/routers", None, "no 'routers'"),
    ("network", "POST", "/floatingips", {"floatingip": {}}, "no 'floatingips'"),
    ("network", "POST", "/security-groups", {"security_group": {"name": "default"}}, "unique"),
    ("network", "POST", "/networks", {"network": {"name": "mine"}}, "no settings for a local network"),
    ("image", "POST", "/images", {"name": "x", "disk_format": "qcow2"}, "`iso` only"),
    ("identity", "GET", "/projects", None, "no GET /v3/projects"),
]


@pytest.mark.parametrize(("service", "method", "path", "body", "words"), REFUSED)
def test_the_lab_refuses_what_conoha_refuses(
    server: Server, service: str, method: str, path: str, body: Any, words: str
) -> None:
    answer = server.ask(service, method, path, body)
    assert 400 <= answer.status_code < 500, answer.text
    assert words in answer.text
    assert "ConoHa" in answer.text


def test_a_third_spare_boot_volume_is_refused(server: Server) -> None:
    image = server.cloud.image.find_image(IMAGES[0], ignore_missing=False)
    wanted = {"size": 100, "image_id": image.id, "volume_type": volumes.BOOT.name}
    spare = [volume(server.cloud, **wanted) for _ in range(2)]
    with pytest.raises(exceptions.BadRequestException, match="2 unattached boot volumes"):
        volume(server.cloud, **wanted)
    for one in spare:
        server.cloud.block_storage.delete_volume(one)


def log_in(**changes: Any) -> requests.Response:
    """A login at the lab's keystone with a part of it changed."""
    accounts = credentials()
    account, domain = accounts["projects"][PROJECT], {"domain": {"name": accounts["domain"]}}
    user = {"name": account["user"], "password": account["password"], **domain}
    identity = {"methods": ["password"], "password": {"user": user}}
    auth = {"identity": identity, "scope": {"project": {"name": account["tenant"], **domain}}, **changes}
    return requests.post(f"{accounts['auth_url']}/auth/tokens", json={"auth": auth}, timeout=30)


def test_a_password_and_a_project_are_all_that_logs_in() -> None:
    done = log_in()
    assert done.status_code == 201
    token = done.headers["X-Subject-Token"]
    for refused in (
        log_in(scope=None),
        log_in(scope="unscoped"),
        log_in(identity={"methods": ["token"], "token": {"id": token}}),
        log_in(scope={"project": {"name": "admin", "domain": {"name": "Default"}}}),
    ):
        assert refused.status_code == 401
        assert "ConoHa" in refused.json()["error"]["message"]


def backups(server: Server, of: str) -> list[dict[str, Any]]:
    """A volume's backups, newest first."""
    answer = server.ask("block_storage", "GET", "/backups/detail")
    found = [one for one in answer.json()["backups"] if one["volume_id"] == of]
    return sorted(found, key=lambda one: str(one["created_at"]), reverse=True)


def age(backup: dict[str, Any]) -> timedelta:
    """How old a backup shows itself."""
    return datetime.now(UTC) - datetime.fromisoformat(backup["created_at"]).replace(tzinfo=UTC)


def test_nights_pass(server: Server) -> None:
    """Subscribed, backed up in three nights, pruned, restored, and cancelled."""
    wanted = {"backup": {"instance_uuid": "{server}", "retention": 14}}
    assert server.ask("block_storage", "POST", "/backups", wanted).status_code == 201
    assert server.ask("block_storage", "POST", "/backups", wanted).status_code == 409
    assert server.cloud.compute.get_server(server.id).metadata["backup_status"] == "active"

    for night in ("first", "second", "third"):
        write(server.disk, f"as of the {night} night")
        pass_nights(PROJECT, 1)
    write(server.disk, "damaged")
    generations = backups(server, server.data)
    assert len(generations) == len(backups(server, server.boot)) == 3
    for number, one in enumerate(generations):
        assert timedelta(0) <= age(one) - timedelta(days=number) < timedelta(minutes=10)
        assert one["data_timestamp"] == one["created_at"]
        assert one["metadata"] == {"instance_uuid": server.id, "is_boot_volume": "false"}
        assert one["status"] == "available"

    oldest = generations[-1]["id"]
    restore = {"restore": {"volume_id": "{data}"}}
    running = server.ask("block_storage", "POST", f"/backups/{oldest}/restore", restore)
    assert running.status_code == 409
    assert "stopped servers only" in running.text
    assert server.ask("block_storage", "DELETE", f"/backups/{oldest}").status_code == 404
    server.act("os-stop", "SHUTOFF")
    assert server.ask("block_storage", "POST", f"/backups/{oldest}/restore", restore).status_code == 202
    assert read(server.disk) == "as of the first night"
    assert server.cloud.block_storage.get_volume(server.data).status == "in-use"
    server.act("os-start", "ACTIVE")

    copy = volume(server.cloud, name="rules-copy", size=200, volume_type=volumes.DATA.name, backup_id=oldest)
    assert read(file_of(copy)) == "as of the first night"
    server.cloud.block_storage.delete_volume(copy)

    assert server.ask("block_storage", "PUT", "/backups/{server}", {"backup": {"retention": 15}}).status_code == 200
    with BOOK.changing() as state:  # 14 nights more would take their time
        assert state.subscriptions[server.id].retention == 15
        state.subscriptions[server.id].retention = 3
    (last,) = pass_nights(PROJECT, 1)
    assert oldest in last.pruned
    assert len(backups(server, server.data)) == 3

    assert server.ask("block_storage", "DELETE", "/backups/{server}").status_code == 204
    assert "backup_status" not in server.cloud.compute.get_server(server.id).metadata
    pass_nights(PROJECT, 1)
    kept = backups(server, server.data)
    assert len(kept) == 3
    assert timedelta(days=1) <= age(kept[0]) < timedelta(days=1, minutes=10)


def test_a_snapshot_takes_its_volume_back_for_a_day(server: Server) -> None:
    connection = server.cloud
    server.act("os-stop", "SHUTOFF")
    write(server.disk, "before")
    full = server.ask("block_storage", "POST", "/snapshots", {"snapshot": {"volume_id": "{data}", "name": "one"}})
    assert "image-save capacity of 50 GB" in full.text
    assert server.ask("image", "PUT", "/quota", {"quota": {"image_size": "550GB"}}).status_code == 200
    assert server.ask("image", "GET", "/quota").json() == {"quota": {"image_size": "550GB"}}
    made = server.ask("block_storage", "POST", "/snapshots", {"snapshot": {"volume_id": "{data}", "name": "one"}})
    assert made.status_code == 202, made.text
    snapshot = connection.block_storage.get_snapshot(made.json()["snapshot"]["id"])
    connection.block_storage.wait_for_status(snapshot, "available", ["error"], 0.2, 60)
    again = server.ask("block_storage", "POST", "/snapshots", {"snapshot": {"volume_id": "{data}"}})
    assert "one snapshot at a time" in again.text
    write(server.disk, "after")
    back = {"revert": {"snapshot_id": snapshot.id}}
    assert server.ask("block_storage", "POST", "/volumes/{data}/action", back).status_code == 202
    assert read(server.disk) == "before"
    assert connection.block_storage.get_volume(server.data).status == "in-use"
    attachment = "/servers/{server}/os-volume_attachments"
    assert server.ask("compute", "DELETE", f"{attachment}/{{data}}").status_code == 202
    found = connection.block_storage.get_volume(server.data)
    connection.block_storage.wait_for_status(found, "available", ["error"], 0.2, 60)
    held = server.ask("block_storage", "DELETE", "/volumes/{data}")
    assert held.status_code == 400
    assert "snapshot" in held.text
    (night,) = pass_nights(PROJECT, 1)
    assert night.expired == [snapshot.id]
    attach = {"volumeAttachment": {"volumeId": "{data}"}}
    assert server.ask("compute", "POST", attachment, attach).status_code == 200
    connection.block_storage.wait_for_status(found, "in-use", ["error"], 0.2, 60)
    refused = server.ask("compute", "POST", attachment, attach)
    assert "one additional volume" in refused.text
    assert server.ask("image", "PUT", "/quota", {"quota": {"image_size": "50GB"}}).status_code == 200
    save = {"os-volume_upload_image": {"image_name": "saved"}}
    saved = server.ask("block_storage", "POST", "/volumes/{data}/action", save)
    assert saved.status_code == 202, saved.text
    image = connection.image.get_image(saved.json()["os-volume_upload_image"]["image_id"])
    assert image.status == "queued", "it does not fit, and is never completed"
    connection.image.delete_image(image.id)
    server.act("os-start", "ACTIVE")


def test_a_volume_that_was_lent_when_the_proxy_was_killed_is_given_back(server: Server, tmp_path: Path) -> None:
    accounts = credentials()
    administrator(accounts).block_storage.post(
        f"/volumes/{server.data}/action", json={"os-reset_status": {"status": "available"}}
    )
    time.sleep(0.2)
    assert server.cloud.block_storage.get_volume(server.data).status == "available"
    book = Book(tmp_path / "conoha.json")
    with book.changing() as state:
        state.borrowed += [server.data, "00000000-0000-4000-8000-000000000000"]
    urls = {prefix: one.port for prefix, name in PREFIXES.items() for one in SERVICES if one.name == name}
    services = Services({prefix: f"http://127.0.0.1:{port}" for prefix, port in urls.items()})
    Administrator(services, accounts["administrator"]["password"]).give_back(book)
    assert server.cloud.block_storage.get_volume(server.data).status == "in-use"
    assert book.read().borrowed == []
