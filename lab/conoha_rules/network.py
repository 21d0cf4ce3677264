"""Networks: one public port for each server, security groups on it, and private local networks.

Source: OpenAPI (`/v2.0/...`), where not said otherwise.

UNCONFIRMED (live-group-rules): that a new rule reaches a server that runs (135yshr/orenovpn said it does not and blamed
the image later; crowdy/conoha-cli is built on it). Here: it does.
"""

from collections.abc import Mapping
from typing import Any

from lab.conoha_rules.rule import Call, Facts, Group, Refusal, Rule

RESOURCES = ("networks", "subnets", "ports", "security-groups", "security-group-rules", "qos", "extensions")
"""What the network API has. (Also `allocateips`, additional addresses, which the lab does not sell.)"""

PORT_CHANGES = {"security_groups", "fixed_ips", "qos_policy_id", "allowed_address_pairs"}
MOST_LOCAL_NETWORKS = 10

READY_MADE = ("default", "IPv4v6-SSH", "IPv4v6-Web", "IPv4v6-ICMP", "IPv4v6-PostgreSQL")
"""ConoHa's own groups that were seen (crowdy/conoha-cli `cmd/server/preset.go`, 135yshr/orenovpn `main.tf`)."""


def in_the_api(call: Call, facts: Facts) -> Refusal | None:
    """No routers, no floating IPs, no subnet pools: a server's public address is on its own port."""
    resource = call.path.split("/")[1]
    if resource in RESOURCES:
        return None
    return Refusal(f"ConoHa's network API has no {resource!r}: a server has its address on its own `ext-` port", 404)


def unique_group_names(call: Call, facts: Facts) -> Refusal | None:
    """Two security groups of one name are refused. (Stock Neutron allows them.)"""
    name = call.part("security_group").get("name")
    same = [group for group in facts.groups() if group.name == name and group.id != call.ids.get("group")]
    if not same:
        return None
    return Refusal(f"ConoHa refuses a second security group named {name!r}: names of groups are unique", 409)


def ready_made(facts: Facts, group: str | None) -> Group | None:
    """The ready-made group with this id, if it is one."""
    return next((one for one in facts.groups() if one.id == group and one.name in READY_MADE), None)


def ready_made_groups_stay(call: Call, facts: Facts) -> Refusal | None:
    """ConoHa's own groups cannot be edited (doc.conoha.jp/products/vps-v3/security-v3/security-group-v3/)."""
    group = call.ids.get("group") or call.part("security_group_rule").get("security_group_id")
    if "rule" in call.ids:
        group = facts.group_of_rule(call.ids["rule"])
    found = ready_made(facts, group)
    return Refusal(f"ConoHa's ready-made security group {found.name!r} cannot be changed", 403) if found else None


def ethertype_said(call: Call, facts: Facts) -> Refusal | None:
    """A rule says whether it is of IPv4 or IPv6: the server has no default (GMO's skill).

    UNCONFIRMED (rule-ethertype): that a rule without it is refused.
    """
    if call.part("security_group_rule").get("ethertype"):
        return None
    return Refusal("ConoHa wants `ethertype` (IPv4 or IPv6) in every security group rule: it has no default")


def no_public_ports(call: Call, facts: Facts) -> Refusal | None:
    """External ports come and go with their server, and additional addresses are bought: neither is made here."""
    if call.part("port").get("network_id") != facts.external_network():
        return None
    return Refusal("ConoHa makes a server's public port itself: no port can be made on the external network")


def public_ports_stay(call: Call, facts: Facts) -> Refusal | None:
    """The external port cannot be deleted; it goes with its server."""
    port = facts.port(call.ids["port"])
    if port is None or port.network != facts.external_network():
        return None
    return Refusal("ConoHa does not delete a server's public port: it goes with its server")


def port_changes(call: Call, facts: Facts) -> Refusal | None:
    """Security groups are set on the port; the port's name is fixed."""
    others = sorted(set(call.part("port")) - PORT_CHANGES)
    if not others:
        return None
    return Refusal(f"ConoHa changes only {', '.join(sorted(PORT_CHANGES))} of a port, not {', '.join(others)}")


def bare_local_network(call: Call, facts: Facts) -> Refusal | Call:
    """A local network is asked for without a body, at most ten of them; Neutron wants an empty one."""
    given = sorted(call.part("network"))
    if given:
        return Refusal(f"ConoHa takes no settings for a local network, and was given {', '.join(given)}")
    if len(facts.local_networks()) >= MOST_LOCAL_NETWORKS:
        return Refusal(f"ConoHa allows {MOST_LOCAL_NETWORKS} local networks for an account", 409)
    return call.with_part("network", {})


SUBNET_FIELDS = {"network_id", "cidr"}
SUBNET_TOLERATED = {"ip_version", "enable_dhcp"}


def bare_subnet(call: Call, facts: Facts) -> Refusal | Call:
    """A subnet is a network and a range of addresses. The OpenStack provider sends `ip_version` and `enable_dhcp`, too
    (a published example: skworks33/terraform-conoha-v3-api `create_local_network_and_interface_attach`)."""
    subnet = call.part("subnet")
    others = sorted(set(subnet) - SUBNET_FIELDS - SUBNET_TOLERATED)
    if others:
        return Refusal(f"ConoHa takes only network_id and cidr of a subnet, and was given {', '.join(others)}")
    return call.with_part("subnet", {"ip_version": 4})


def port_name(addresses: list[Mapping[str, Any]]) -> str:
    """What an external port is called: `ext-` (GMO's provider, `network.go`) and something.

    UNCONFIRMED (port-name): what follows `ext-`. Here: its IPv4 address.
    """
    address = next((str(one["ip_address"]) for one in addresses if "." in str(one["ip_address"])), "0")
    return f"ext-{address.replace('.', '-')}"


RULES = (
    Rule("*", "/**", in_the_api),
    Rule("POST", "/security-groups", unique_group_names),
    Rule("PUT", "/security-groups/{group}", unique_group_names),
    Rule("PUT DELETE", "/security-groups/{group}", ready_made_groups_stay),
    Rule("POST", "/security-group-rules", ready_made_groups_stay),
    Rule("POST", "/security-group-rules", ethertype_said),
    Rule("PUT DELETE", "/security-group-rules/{rule}", ready_made_groups_stay),
    Rule("POST", "/ports", no_public_ports),
    Rule("PUT", "/ports/{port}", port_changes),
    Rule("DELETE", "/ports/{port}", public_ports_stay),
    Rule("POST", "/networks", bare_local_network),
    Rule("POST", "/subnets", bare_subnet),
)
