"""What a rule is: a pure function of a call and of what the cloud says."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol


@dataclass(frozen=True)
class Call:
    """A request to one service, without the service's and the version's part of the path: POST /servers."""

    method: str
    path: str
    body: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    """What the rule's path found: {"server": "..."} for /servers/{server}."""

    def part(self, name: str) -> dict[str, Any]:
        """A copy of the object `name` of the body; empty if there is none."""
        found = self.body.get(name)
        return dict(found) if isinstance(found, Mapping) else {}

    def with_part(self, name: str, changes: Mapping[str, Any]) -> "Call":
        """This call with some values of the body's object `name` set."""
        return replace(self, body={**self.body, name: {**self.part(name), **changes}})

    def with_volume_api(self, least: int) -> "Call":
        """This call asking Cinder for at least microversion 3.<least>."""
        asked = re.search(r"volume 3\.(\d+)", self.headers.get("Openstack-Api-Version", ""))
        version = max(least, int(asked[1]) if asked else 0)
        return replace(self, headers={**self.headers, "Openstack-Api-Version": f"volume 3.{version}"})


@dataclass(frozen=True)
class Refusal:
    """What ConoHa would say no to, and why. It is answered in OpenStack's words with this HTTP status."""

    message: str
    status: int = 400


@dataclass(frozen=True)
class Server:
    """A server, as Nova describes it. `volumes` are ids of all attached volumes."""

    id: str
    status: str
    flavor: str
    volumes: tuple[str, ...] = ()
    project: str = ""

    @property
    def stopped(self) -> bool:
        """Whether it is shut off."""
        return self.status == "SHUTOFF"


@dataclass(frozen=True)
class Volume:
    """A volume, as Cinder describes it. `servers` are ids of those that it is attached to."""

    id: str
    type: str
    size: int
    status: str = "available"
    servers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backup:
    """A backup of the automatic backup."""

    id: str
    type: str
    """The type of the volume that it is of."""
    size: int
    status: str = "available"


@dataclass(frozen=True)
class Group:
    """A security group."""

    id: str
    name: str


@dataclass(frozen=True)
class Port:
    """A network port."""

    id: str
    network: str


class Facts(Protocol):
    """What the cloud says, as the caller sees it: only its tenant's own things. Nothing found is None."""

    def server(self, server: str) -> Server | None:
        """A server by id."""

    def flavor(self, flavor: str) -> str | None:
        """A flavor's name by its id."""

    def volume_type(self, kind: str) -> str | None:
        """A volume type's name by its id or name."""

    def volume(self, volume: str) -> Volume | None:
        """A volume by id."""

    def volumes(self) -> Sequence[Volume]:
        """All volumes."""

    def snapshots(self) -> Sequence[str]:
        """The ids of all snapshots of volumes."""

    def backup(self, backup: str) -> Backup | None:
        """A backup by id."""

    def subscribed(self, server: str) -> bool:
        """Whether the automatic backup of a server is subscribed."""

    def ec2_credentials(self, user: str) -> Sequence[str]:
        """Return the access keys of a user's EC2 credentials."""

    def image_capacity(self) -> int:
        """Return the image-save capacity in GB."""

    def saved_bytes(self) -> int:
        """Return its used bytes."""

    def groups(self) -> Sequence[Group]:
        """All security groups."""

    def group_of_rule(self, rule: str) -> str | None:
        """The id of the security group that a rule is in."""

    def port(self, port: str) -> Port | None:
        """A port by id."""

    def external_network(self) -> str:
        """The id of the shared network that every server has its address on."""

    def local_networks(self) -> Sequence[str]:
        """The ids of the tenant's own networks."""


Outcome = Refusal | Call | None
Decide = Callable[[Call, Facts], Outcome]


def match(methods: str, path: str, call: Call) -> Mapping[str, str] | None:
    """The path's ids if a call has one of these methods ("POST PUT"; "*" is any) and this path, else None.

    The path is "/servers/{server}/action", or "/routers/**" for /routers and all below.
    """
    if methods != "*" and call.method not in methods.split():
        return None
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path.removesuffix("/**"))
    found = re.fullmatch(pattern + ("(/.*)?" if path.endswith("/**") else ""), call.path)
    return found.groupdict() if found else None


@dataclass(frozen=True)
class Rule:
    """What decides about the calls with these methods and this path."""

    methods: str
    path: str
    decide: Decide


def judge(rules: Sequence[Rule], call: Call, facts: Facts) -> Refusal | Call:
    """The first refusal, or the call with all that the rules change in it."""
    for rule in rules:
        ids = match(rule.methods, rule.path, call)
        if ids is None:
            continue
        outcome = rule.decide(replace(call, ids=ids), facts)
        if isinstance(outcome, Refusal):
            return outcome
        if outcome is not None:
            call = outcome
    return call
