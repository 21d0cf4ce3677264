"""Check the doors that would open: firewall rules, security groups and published ports, old against new.

Ports 80 and 443 are declared to be open to everybody, and nothing else is. An operator's address is an opening, too: it
is one line in the settings, and whoever reviews it should see what that line does.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inventory import ports
from ops.guard import declared
from ops.guard.finding import Finding, Rule
from ops.guard.preview import UNKNOWN, Change, Preview, State

PUBLISH = Rule(
    "publish",
    "A container answers on a port of the server where none did, or to more addresses. Caddy's 80 and 443 are "
    "declared.",
    "A database that answers from outside can be read and emptied.",
)
OPEN = Rule(
    "open",
    "The firewall lets in more than before, an operator's own address included. Or somebody else may log in as "
    "the keeper. Or the server gets a security group that is not the stack's own. 80 and 443 for everybody are "
    "declared.",
    "Somebody else can reach the server, or read the whole database and every upload.",
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
EVERYWHERE = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}
ANY = (1, 65535)


@dataclass(frozen=True)
class Reach:
    """Who reaches what: a protocol ("" is all), ports, and a network, or a group of servers, or what nobody knows."""

    protocol: str
    ports: tuple[int, int]
    network: Network | None
    group: str = ""

    def covers(self, other: "Reach") -> bool:
        """Return whether this alone lets in all that `other` lets in."""
        if self.protocol not in ("", other.protocol):
            return False
        if not (self.ports[0] <= other.ports[0] and other.ports[1] <= self.ports[1]):
            return False
        if self.network is None or other.network is None:
            return self.network is other.network and self.group == other.group != UNKNOWN
        ours, theirs = self.network, other.network
        if isinstance(ours, ipaddress.IPv4Network) and isinstance(theirs, ipaddress.IPv4Network):
            return theirs.subnet_of(ours)
        if isinstance(ours, ipaddress.IPv6Network) and isinstance(theirs, ipaddress.IPv6Network):
            return theirs.subnet_of(ours)
        return False

    def __str__(self) -> str:
        ports = "every port" if self.ports == ANY else f"port {self.ports[0]}"
        if self.ports[0] != self.ports[1] and self.ports != ANY:
            ports = f"ports {self.ports[0]} to {self.ports[1]}"
        protocol = f" ({self.protocol})" if self.protocol else " of every protocol"
        who = "addresses that are not known yet" if self.network is None else f"{self.network}"
        if self.network is not None and self.network.prefixlen == 0:
            who = f"everybody ({self.network})"
        if self.group:
            who = "the servers of a security group"
        return f"{ports}{protocol} for {who}"


def reach(inputs: Mapping[str, Any]) -> Reach | None:
    """Return the reach of a firewall rule; None if it is one for the way out."""
    if inputs.get("direction") == "egress":
        return None
    protocol = str(inputs.get("protocol") or "")
    low, high = _number(inputs.get("portRangeMin")), _number(inputs.get("portRangeMax"))
    ports = (low, high) if low is not None and high is not None else ANY
    group = str(inputs.get("remoteGroupId") or "")
    network = None if group else _network(inputs)
    return Reach("" if protocol.lower() in ("any", "0") else protocol.lower(), ports, network, group)


def _number(value: object) -> int | None:
    """A port as Pulumi prints it; 0, as Neutron's other word for "not said", and what is not known yet are None."""
    return int(value) if isinstance(value, int | float) and value > 0 else None


def _network(inputs: Mapping[str, Any]) -> Network | None:
    prefix = inputs.get("remoteIpPrefix") or EVERYWHERE.get(str(inputs.get("ethertype") or "IPv4"))
    try:
        return ipaddress.ip_network(str(prefix), strict=False)
    except ValueError:
        return None


def is_web(reached: Reach) -> bool:
    """Return whether this is one of the two ports that are declared to be open to everybody."""
    first, last = reached.ports
    return reached.protocol == "tcp" and first == last and first in ports.WEB and reached.network is not None


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for every opening: of firewall rules, of security groups, of containers' ports."""
    yield from _firewall_findings(preview)
    yield from _group_findings(preview)
    yield from _port_findings(preview)


def _firewall_findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for a rule that lets in more than the rules before. A rule with another name or id and the same
    effect has none."""
    for change, new in _new_reaches(preview):
        if not _is_first_operator(preview, new):
            yield _opened(change, new, change.old, keeper=_is_keepers(preview, new))


def _new_reaches(preview: Preview) -> Iterator[tuple[Change, Reach]]:
    rules = list(preview.of_type(declared.SECURITY_GROUP_RULE))
    before = [found for change in rules if change.old and (found := reach(change.old.inputs))]
    for change in rules:
        new = reach(change.new.inputs) if change.new else None
        if new and not is_web(new) and not any(old.covers(new) for old in before):
            yield change, new


def _is_first_operator(preview: Preview, new: Reach) -> bool:
    """A new stack's rule for an operator, or the keeper, of the settings: there is no server yet that it would open."""
    ssh = (ports.SSH, ports.SSH)
    operators = preview.settings.get("operators") or ()
    declared_there = str(new.network) in operators or _is_keepers(preview, new)
    return preview.is_new and new.protocol == "tcp" and new.ports == ssh and declared_there


def _is_keepers(preview: Preview, new: Reach) -> bool:
    """Return whether a network is the keeper's own address, and no operator's."""
    keeper = preview.settings.get("keeper")
    address = keeper.get("address") if isinstance(keeper, dict) else None
    operators = preview.settings.get("operators") or ()
    return address is not None and str(new.network) == f"{address}/32" not in operators


def _opened(change: Change, new: Reach, old: State | None, *, keeper: bool) -> Finding:
    was = reach(old.inputs) if old else None
    before = f" It lets in {was} now." if was and change.old else ""
    one = new.network is not None and new.network.num_addresses == 1
    ssh = new.ports == (ports.SSH, ports.SSH) and new.protocol == "tcp"
    remedy = "Take the rule back, or narrow it to who must come in. The database and Redis need no rule at all."
    if ssh:
        remedy = (
            "If it is an operator's own address, confirm it in an exception; if not, take it out of `toybox:operators`."
        )
    if ssh and keeper:
        means = "Whoever has this address and the keeper's key reads the whole database and every upload."
        remedy = "If it is the keeper's own address, confirm it in an exception; if not, mend `toybox:keeper`."
    elif ssh and one:
        means = "Whoever has this address and the SSH key is root on the server, and can read and destroy all data."
    elif ssh:
        means = "Everybody in that network can try to log in as root; only the key stands between them and all data."
    else:
        means = "Whatever listens there, now or later, answers from outside; only 80 and 443 are meant to."
    return Finding(
        OPEN,
        change.urn,
        f"The firewall would let in {new}.{before}",
        means,
        remedy,
    )


def _group_findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for a security group on the server that is not the stack's own: its rules are not in this
    preview."""
    own = {
        value
        for change in preview.of_type(declared.SECURITY_GROUP)
        for state in (change.old, change.new)
        if state
        for value in (state.id, state.inputs.get("name"))
    } | {UNKNOWN}
    for change in preview.of_type(declared.SERVER, declared.PORT_SECURITY_GROUPS):
        before, after = _groups(change.old), _groups(change.new)
        for group in sorted(after - before - own):
            yield Finding(
                OPEN,
                change.urn,
                f"The server would get the security group {group}, which is not the stack's own.",
                "What that group lets in is decided elsewhere, and can change without a pull request.",
                "Put the rule that is needed into the stack's own security group.",
            )


def _groups(state: State | None) -> set[str]:
    if state is None:
        return set()
    return {
        str(group) for key in ("securityGroups", "securityGroupIds") for group in state.inputs.get(key) or () if group
    }


@dataclass(frozen=True)
class HostPort:
    """A port of the host on which a container answers. `number` is None if Docker chooses it, or before
    it is known."""

    number: int | None
    protocol: str
    address: str

    @property
    def is_local(self) -> bool:
        """Return whether only the server itself reaches it."""
        try:
            return ipaddress.ip_address(self.address).is_loopback
        except ValueError:
            return False

    def covers(self, other: "HostPort") -> bool:
        """Return whether all who reach `other` reach this."""
        same = self.number == other.number is not None and self.protocol == other.protocol
        return same and self.address in ("0.0.0.0", "::", other.address)  # noqa: S104 - compared, not bound


def ports_of(inputs: Mapping[str, Any]) -> list[HostPort]:
    """Return the ports that a container with these inputs publishes."""
    return [
        HostPort(
            _number(port.get("external")),
            str(port.get("protocol") or "tcp"),
            str(port.get("ip") or "0.0.0.0"),  # noqa: S104 - Docker's meaning of nothing said
        )
        for port in inputs.get("ports") or ()
        if isinstance(port, dict)
    ]


def _port_findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for a container that would answer on a port of the host where none did, or to more than
    before."""
    containers = list(preview.of_type(declared.CONTAINER))
    before = [port for change in containers if change.old for port in ports_of(change.old.inputs)]
    for change in containers:
        if change.new is None:
            continue
        name, old = change.new.inputs.get("name"), change.old.inputs if change.old else {}
        for port in ports_of(change.new.inputs):
            declared_port = name == declared.WEB_CONTAINER and port.protocol == "tcp" and port.number in ports.WEB
            if not declared_port and not port.is_local and not any(each.covers(port) for each in before):
                which = f"port {port.number}" if port.number else "a port that Docker chooses"
                yield _publishes(change, f"The container {name} would publish {which} ({port.protocol}).")
        if change.new.inputs.get("networkMode") == "host" != old.get("networkMode"):
            yield _publishes(
                change, f"The container {name} would use the server's own network: it publishes every port."
            )
        if change.new.inputs.get("publishAllPorts") is True is not old.get("publishAllPorts"):
            yield _publishes(change, f"The container {name} would publish every port that its image names.")


def _publishes(change: Change, happens: str) -> Finding:
    return Finding(
        PUBLISH,
        change.urn,
        happens,
        "Docker opens published ports past the server's own packet filter; only the security group may still stand in "
        "front. A database that answers from outside can be read and emptied.",
        "Let containers talk over the networks `edge` and `backend`; only Caddy publishes, 80 and 443. To look into a "
        "container, use `docker exec` over SSH.",
    )


def notes(preview: Preview) -> Iterator[str]:
    """Yield a note for a rule that closes, and for one that a new stack opens to its operators or its keeper."""
    rules = list(preview.of_type(declared.SECURITY_GROUP_RULE))
    after = [found for change in rules if change.new and (found := reach(change.new.inputs))]
    for change in rules:
        old = reach(change.old.inputs) if change.old else None
        if old and change.touched and not any(new.covers(old) for new in after):
            yield f"The firewall would no longer let in {old}."
    for _, new in _new_reaches(preview):
        if _is_first_operator(preview, new):
            said = "keeper" if _is_keepers(preview, new) else "operators"
            yield f"The new server's firewall would let in {new}, as `toybox:{said}` says."
