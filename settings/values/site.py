"""Check the site's name, and who may reach it."""

import ipaddress

from settings.problems import shown
from settings.values.refusal import refused

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = rf"^(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?$"
"""The last label begins with a letter, as all top-level domains do: an address is no domain."""

_WIDEST = 8
"""The shortest prefix that can still be called an operator's own network."""


def operator(value: str) -> str:
    """One network that may reach port 22, spelt as OpenStack spells it."""
    example = "Write your own address, such as 203.0.113.7/32, or your network's, such as 203.0.113.0/24."
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise refused(
            f"is {shown(value)}, which is not a network in CIDR notation.",
            "These networks may reach port 22. The security group drops all others before SSH answers.",
            example,
        ) from None
    if network.version != 4:
        raise refused(
            f"is {value}, a network of IPv6.",
            "Pulumi reaches the server by its IPv4 address, and the security group lets nothing in by IPv6.",
            example,
        )
    if network.prefixlen < _WIDEST:
        whom = "the whole world" if network.prefixlen == 0 else f"{network.num_addresses:,} addresses"
        raise refused(
            f"is {value}, which opens port 22 to {whom}.",
            "A login there is the key to all data. Only operators should be able to try.",
            f"{example} With a changing address, name your provider's network (/{_WIDEST} or smaller).",
        )
    if value != str(network):
        address = value.split("/")[0]
        single = f", or {address}/{network.max_prefixlen} for that one address" if "/" in value else ""
        raise refused(
            f"is {shown(value)}; as a network it is written {network}.",
            "OpenStack stores the network's own spelling, and every later preview would show a difference.",
            f"Write {network}{single}.",
        )
    return value


def operators(value: tuple[str, ...]) -> tuple[str, ...]:
    """At least one network, none twice."""
    if not value:
        raise refused(
            "is empty.",
            "No machine could reach the server over SSH, Pulumi included, so nothing could be set up on it.",
            "Name at least the address from which `pulumi up` runs, such as 203.0.113.7/32.",
        )
    twice = sorted({each for each in value if value.count(each) > 1})
    if twice:
        raise refused(
            f"names {', '.join(twice)} more than once.",
            "Each entry becomes a security group rule, and OpenStack refuses the second of two equal ones.",
            "Keep one of them.",
        )
    return value
