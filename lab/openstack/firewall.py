"""The servers' packet filter: what a port's security groups do not let in does not arrive.

Neutron keeps the groups and leaves it to agents to enforce them; the lab has no agents. One nftables table of the
bridge family, `toybox-lab`, judges what this machine and other servers send to a server. No other table is read or
touched. Not every kernel tracks connections on a bridge, so it is the beginning of a TCP connection that is judged (SYN
without ACK): what belongs to one that was let in, or that the server has opened itself, passes by that, and so do
ICMP's answers. Answers over UDP do not: there is nobody whom a server of the lab could ask.

Standard library only: neutron's driver runs this in OpenStack's environment, `lab down` in the project's.
"""

import ipaddress
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

TABLE = "toybox-lab"
FAMILY = "bridge"
WITH_PORTS = ("tcp", "udp", "sctp", "dccp", "udplite")


@dataclass(frozen=True)
class Rule:
    """An ingress rule of a security group, for IPv4.

    Attributes:
        protocol: None for all.
        ports: the first and the last, or None for all; of ICMP, type and code.
        sources: networks, or the addresses of the ports in a remote group.
    """

    protocol: str | None
    ports: tuple[int | None, int | None]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Port:
    """A server's port: its IPv4 address and all rules of all its groups."""

    address: str
    rules: tuple[Rule, ...]


def match(rule: Rule) -> str | None:
    """The rule as nftables has it; None if nothing can match it."""
    networks = [str(one) for one in ipaddress.collapse_addresses(map(ipaddress.IPv4Network, rule.sources))]
    if not networks:
        return None
    parts = [] if networks == ["0.0.0.0/0"] else [f"ip saddr {{ {', '.join(networks)} }}"]
    first, last = rule.ports
    if rule.protocol in WITH_PORTS and first is not None:
        parts.append(f"{rule.protocol} dport {first}-{first if last is None else last}")
    elif rule.protocol == "icmp" and first is not None:
        parts.append(f"icmp type {first}" + ("" if last is None else f" icmp code {last}"))
    elif rule.protocol is not None:
        parts.append(f"ip protocol {rule.protocol}")
    return " ".join([*parts, "accept"])


def render(ports: Iterable[Port]) -> str:
    """The whole table, as one transaction that replaces the one that is there."""
    ports = sorted(ports, key=lambda port: ipaddress.IPv4Address(port.address))
    chains = {port.address: f"to-{port.address.replace('.', '-')}" for port in ports}
    judge = [
        "tcp flags & (syn | ack) != syn accept",
        "icmp type { echo-reply, destination-unreachable, time-exceeded } accept",
    ]
    if chains:
        judge.append(f"ip daddr vmap {{ {', '.join(f'{address} : jump {name}' for address, name in chains.items())} }}")
    hook = "type filter hook {} priority 0; policy accept;"
    return "\n".join([
        f"table {FAMILY} {TABLE}",  # made if it is not there, so that it can be deleted
        f"delete table {FAMILY} {TABLE}",
        f"table {FAMILY} {TABLE} {{",
        *(line for port in ports for line in chain(chains[port.address], [*sorted(accepted(port)), "drop"])),
        *chain("judge", judge),
        *chain("from-this-machine", [hook.format("output"), "ether type ip jump judge"]),
        *chain("from-other-servers", [hook.format("forward"), "ether type ip jump judge"]),
        "}\n",
    ])  # fmt: skip


def accepted(port: Port) -> set[str]:
    """What reaches a server, each rule once."""
    return {text for rule in port.rules if (text := match(rule))}


def chain(name: str, lines: list[str]) -> list[str]:
    """A chain's text."""
    return [f"    chain {name} {{", *(f"        {line}" for line in lines), "    }"]


def load(text: str) -> None:
    """Put a rendered table in place, all at once.

    Raises:
        RuntimeError: nftables refuses it; what was there still holds.
    """
    done = subprocess.run(["nft", "--file", "-"], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"nft: {done.stderr.strip()}")


def remove() -> None:
    """Remove the table, if it is there."""
    if shutil.which("nft"):
        load(f"table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n")
