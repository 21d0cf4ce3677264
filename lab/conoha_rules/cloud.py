"""What the lab's OpenStack says: the facts that rules ask for, and the two things that only an administrator may do."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3

from conoha import volumes as conoha_volumes
from lab.conoha_rules.book import FREE_CAPACITY, Book
from lab.conoha_rules.rule import Backup, Group, Port, Server, Volume

POOL = urllib3.PoolManager(maxsize=32, timeout=urllib3.Timeout(connect=10, read=600), retries=False)


class ServiceError(Exception):
    """A service did not do what it was asked for."""


@dataclass(frozen=True)
class Services:
    """Where the services are, by prefix of the proxy's paths: {"compute": "http://127.0.0.1:8774", ...}."""

    urls: Mapping[str, str]

    def ask(
        self, method: str, service: str, path: str, token: str, body: Any = None, version: str = ""
    ) -> tuple[int, Any]:
        """Status and JSON of a call."""
        headers = {"X-Auth-Token": token, "Content-Type": "application/json", "Connection": "close"}
        if version:
            headers["OpenStack-API-Version"] = version
        data = None if body is None else json.dumps(body)
        answer = POOL.request(method, self.urls[service] + path, body=data, headers=headers)
        try:
            return answer.status, json.loads(answer.data or b"{}")
        except ValueError:
            return answer.status, {}


@dataclass(frozen=True)
class Cloud:
    """The facts, asked with the caller's own token: nobody learns of another tenant's things."""

    services: Services
    token: str
    book: Book

    def get(self, service: str, path: str, key: str, version: str = "") -> Any:
        """What a GET has under `key`; None if it is not there or not the caller's."""
        status, found = self.services.ask("GET", service, path, self.token, version=version)
        if status in (400, 403, 404):
            return None
        if status >= 300:
            raise ServiceError(f"{service} answers {status} to GET {path}")
        return found.get(key)

    def server(self, server: str) -> Server | None:
        """A server by id."""
        found = server and self.get("compute", f"/v2.1/servers/{quote(server)}", "server", "compute 2.47")
        if not found:
            return None
        attached = tuple(one["id"] for one in found.get("os-extended-volumes:volumes_attached", []))
        return Server(found["id"], found["status"], found["flavor"]["original_name"], attached, found["tenant_id"])

    def flavor(self, flavor: str) -> str | None:
        """A flavor's name by its id."""
        found = flavor and self.get("compute", f"/v2.1/flavors/{quote(flavor)}", "flavor")
        return found["name"] if found else None

    def volume_type(self, kind: str) -> str | None:
        """A volume type's name by its id or name."""
        found = self.get("volume", "/v3/types?is_public=None", "volume_types", "volume 3.67") or []
        return next((str(one["name"]) for one in found if kind in (one["id"], one["name"])), None)

    def volume(self, volume: str) -> Volume | None:
        """A volume by id."""
        found = volume and self.get("volume", f"/v3/volumes/{quote(volume)}", "volume", "volume 3.67")
        return as_volume(found) if found else None

    def volumes(self) -> Sequence[Volume]:
        """All volumes."""
        return [as_volume(one) for one in self.get("volume", "/v3/volumes/detail", "volumes", "volume 3.67") or []]

    def snapshots(self) -> Sequence[str]:
        """The ids of all snapshots of volumes."""
        return [one["id"] for one in self.get("volume", "/v3/snapshots", "snapshots", "volume 3.67") or []]

    def backup(self, backup: str) -> Backup | None:
        """A backup by id."""
        found = backup and self.get("volume", f"/v3/backups/{quote(backup)}", "backup", "volume 3.67")
        if not found:
            return None
        boot = (found.get("metadata") or {}).get("is_boot_volume") == "true"
        kind = conoha_volumes.BOOT if boot else conoha_volumes.DATA
        return Backup(found["id"], kind.name, found["size"], found["status"])

    def subscribed(self, server: str) -> bool:
        """Whether the automatic backup of a server is subscribed."""
        return server in self.book.read().subscriptions and self.server(server) is not None

    def project(self) -> str:
        """Return the id of the token's project."""
        headers = {"X-Auth-Token": self.token, "X-Subject-Token": self.token, "Connection": "close"}
        answer = POOL.request("GET", self.services.urls["identity"] + "/v3/auth/tokens?nocatalog", headers=headers)
        if answer.status != 200:
            raise ServiceError(f"keystone answers {answer.status} to a token's own question")
        return str(json.loads(answer.data)["token"]["project"]["id"])

    def ec2_credentials(self, user: str) -> Sequence[str]:
        """Return the access keys of a user's EC2 credentials."""
        found = self.get("identity", f"/v3/users/{quote(user)}/credentials/OS-EC2", "credentials") or []
        return [one["access"] for one in found]

    def image_capacity(self) -> int:
        """Return the image-save capacity in GB: 50 are free."""
        return self.book.read().image_capacity.get(self.project(), FREE_CAPACITY)

    def saved_bytes(self) -> int:
        """Return its used bytes: images of the project's own, and snapshots."""
        images = self.get("image", f"/v2/images?limit=200&owner={self.project()}", "images") or []
        snapshots = self.get("volume", "/v3/snapshots", "snapshots", "volume 3.67") or []
        return sum(int(one["size"] or 0) for one in images) + sum(int(one["size"]) << 30 for one in snapshots)

    def groups(self) -> Sequence[Group]:
        """All security groups."""
        found = self.get("network", "/v2.0/security-groups?fields=id&fields=name", "security_groups") or []
        return [Group(one["id"], one["name"]) for one in found]

    def group_of_rule(self, rule: str) -> str | None:
        """The id of the security group that a rule is in."""
        found = self.get("network", f"/v2.0/security-group-rules/{quote(rule)}", "security_group_rule")
        return found["security_group_id"] if found else None

    def port(self, port: str) -> Port | None:
        """A port by id."""
        found = self.get("network", f"/v2.0/ports/{quote(port)}", "port")
        return Port(found["id"], found["network_id"]) if found else None

    def external_network(self) -> str:
        """The id of the shared network that every server has its address on."""
        found = self.get("network", "/v2.0/networks?router:external=true", "networks") or []
        if not found:
            raise ServiceError("the lab has no external network")
        return str(found[0]["id"])

    def local_networks(self) -> Sequence[str]:
        """The ids of the tenant's own networks."""
        found = self.get("network", "/v2.0/networks?router:external=false", "networks") or []
        return [one["id"] for one in found]


def as_volume(found: Mapping[str, Any]) -> Volume:
    """A volume, from Cinder's description."""
    servers = tuple(one["server_id"] for one in found["attachments"])
    return Volume(found["id"], found["volume_type"], found["size"], found["status"], servers)


class Administrator:
    """The administrator, for what Cinder lets nobody else do."""

    def __init__(self, services: Services, password: str) -> None:
        self.services = services
        self.password = password

    def token(self) -> str:
        """A new token of the administrator's project."""
        domain = {"name": "Default"}
        auth = {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": "admin", "domain": domain, "password": self.password}},
            },
            "scope": {"project": {"name": "admin", "domain": domain}},
        }
        url = self.services.urls["identity"] + "/v3/auth/tokens?nocatalog"
        headers = {"Content-Type": "application/json", "Connection": "close"}
        answer = POOL.request("POST", url, body=json.dumps({"auth": auth}), headers=headers)
        if answer.status != 201:
            raise ServiceError(f"keystone refuses the administrator: {answer.status}")
        return answer.headers["X-Subject-Token"]

    def set_status(self, volume: str, status: str) -> None:
        """Say that a volume has another status."""
        path, body = f"/v3/volumes/{volume}/action", {"os-reset_status": {"status": status}}
        code, answer = self.services.ask("POST", "volume", path, self.token(), body, "volume 3.67")
        if code != 202:
            raise ServiceError(f"cinder answers {code} to os-reset_status: {answer}")

    def give_back(self, book: Book) -> None:
        """Mark as in use again what was lent out when the proxy was killed."""
        with book.changing() as state:
            for volume in state.borrowed:
                with contextlib.suppress(ServiceError):  # gone meanwhile
                    self.set_status(volume, "in-use")
            state.borrowed.clear()


@contextlib.contextmanager
def lent(volume: Volume, cloud: Cloud, administrator: Administrator) -> Iterator[None]:
    """Show a stopped server's volume to Cinder as available. Cinder writes only into volumes that are in nobody's use;
    ConoHa also into those of stopped servers."""
    if not volume.servers:
        yield
        return
    with cloud.book.changing() as state:
        if volume.id in state.borrowed:
            raise ServiceError(f"the volume {volume.id} is being written to")
        state.borrowed.append(volume.id)
    try:
        administrator.set_status(volume.id, "available")
        yield
    finally:
        administrator.set_status(volume.id, "in-use")
        with cloud.book.changing() as state:
            state.borrowed.remove(volume.id)


def settled(cloud: Cloud, volume: str, seconds: float = 300) -> None:
    """Wait until Cinder is through with a volume.

    Raises ServiceError if it ends in error or not at all.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = cloud.volume(volume)
        status = found.status if found else "gone"
        if status in ("available", "in-use"):
            return
        if status not in ("restoring-backup", "reverting"):
            raise ServiceError(f"the volume {volume} is {status}")
        if time.monotonic() > deadline:
            raise ServiceError(f"the volume {volume} is {status} after {seconds:.0f} s")
        time.sleep(0.1)
