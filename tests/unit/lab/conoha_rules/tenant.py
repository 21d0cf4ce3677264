"""What the cloud says, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conoha import flavors, volumes
from lab.conoha_rules.proxy import RULES
from lab.conoha_rules.rule import Backup, Call, Group, Port, Refusal, Server, Volume, judge

BOOT, DATA = volumes.BOOT.name, volumes.DATA.name
PLAN = "g2l-t-c4m4"


@dataclass
class Tenant:
    """Facts for rules. A flavor's id and a volume type's id are their names with `id-` before."""

    has_servers: Sequence[Server] = ()
    has_volumes: Sequence[Volume] = ()
    has_snapshots: Sequence[str] = ()
    has_backups: Sequence[Backup] = ()
    has_groups: Sequence[Group] = ()
    has_ports: Sequence[Port] = ()
    has_networks: Sequence[str] = ()
    has_subscribed: Sequence[str] = ()
    has_ec2_credentials: Sequence[str] = ()
    has_image_capacity: int = 50
    has_saved_bytes: int = 0
    rules: Mapping[str, str] = field(default_factory=dict)

    def server(self, server: str) -> Server | None:
        return next((one for one in self.has_servers if one.id == server), None)

    def flavor(self, flavor: str) -> str | None:
        name = flavor.removeprefix("id-")
        return name if name in flavors.FLAVORS else None

    def volume_type(self, kind: str) -> str | None:
        name = kind.removeprefix("id-")
        return name if name in (BOOT, DATA, "other") else None

    def volume(self, volume: str) -> Volume | None:
        return next((one for one in self.has_volumes if one.id == volume), None)

    def volumes(self) -> Sequence[Volume]:
        return self.has_volumes

    def snapshots(self) -> Sequence[str]:
        return self.has_snapshots

    def backup(self, backup: str) -> Backup | None:
        return next((one for one in self.has_backups if one.id == backup), None)

    def subscribed(self, server: str) -> bool:
        return server in self.has_subscribed

    def ec2_credentials(self, user: str) -> Sequence[str]:
        return self.has_ec2_credentials

    def image_capacity(self) -> int:
        return self.has_image_capacity

    def saved_bytes(self) -> int:
        return self.has_saved_bytes

    def groups(self) -> Sequence[Group]:
        return self.has_groups

    def group_of_rule(self, rule: str) -> str | None:
        return self.rules.get(rule)

    def port(self, port: str) -> Port | None:
        return next((one for one in self.has_ports if one.id == port), None)

    def external_network(self) -> str:
        return "external"

    def local_networks(self) -> Sequence[str]:
        return self.has_networks


def outcome(service: str, method: str, path: str, body: Mapping[str, Any], tenant: Tenant) -> Refusal | Call:
    """What the rules of a service make of a call."""
    return judge(RULES[service], Call(method, path, body), tenant)


def refusal(
    service: str, method: str, path: str, body: Mapping[str, Any] | None = None, tenant: Tenant | None = None
) -> str:
    """The message of a refusal; empty if the call passes."""
    found = outcome(service, method, path, body or {}, tenant or Tenant())
    return found.message if isinstance(found, Refusal) else ""


def passed(service: str, method: str, path: str, body: Mapping[str, Any], tenant: Tenant) -> Call:
    """The call as it is passed on; it must not be refused."""
    found = outcome(service, method, path, body, tenant)
    assert isinstance(found, Call), found
    return found
