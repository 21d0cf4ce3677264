"""A door that opens is seen, whatever the rule is called; one that closes, or stays, is not stopped."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.guard import rules
from ops.guard.open_ports import ANY, HostPort, Network, Reach, ports_of, reach
from ops.guard.preview import UNKNOWN, Preview
from tests.unit.ops.guard.recordings import altered, found, step

SSH_RULE = "server-ingress-ssh-198.51.100.1-32"
NETWORKS: st.SearchStrategy[Network] = st.one_of(
    st.builds(
        lambda address, length: ipaddress.ip_network((int(address), length), strict=False),
        st.ip_addresses(v=4),
        st.integers(0, 32),
    ),
    st.builds(
        lambda address, length: ipaddress.IPv6Network((int(address), length), strict=False),
        st.ip_addresses(v=6),
        st.integers(0, 128),
    ),
)
PORTS = st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(lambda pair: (min(pair), max(pair)))
REACHES = st.builds(Reach, st.sampled_from(["", "tcp", "udp", "icmp"]), PORTS, NETWORKS)


def with_rule(**inputs: object) -> Preview:
    """Production with its SSH rule replaced by one with other inputs; None takes one away."""

    def change(document: dict[str, Any]) -> None:
        rule = step(document, SSH_RULE)
        rule["op"] = "replace"
        new = {**rule["newState"]["inputs"], **inputs}
        rule["newState"]["inputs"] = {key: value for key, value in new.items() if value is not None}

    return altered("no-change", change)


@given(REACHES)
def test_a_rule_covers_itself(one: Reach) -> None:
    assert one.covers(one)


@given(REACHES, REACHES, st.data())
def test_what_is_covered_lets_nobody_in_who_was_not_let_in(wide: Reach, narrow: Reach, data: st.DataObject) -> None:
    """By sampling: each port and address of the covered rule is one of the covering rule."""
    if not wide.covers(narrow):
        return
    assert wide.network is not None
    assert narrow.network is not None
    port = data.draw(st.integers(*narrow.ports))
    offset = data.draw(st.integers(0, narrow.network.num_addresses - 1))
    assert wide.ports[0] <= port <= wide.ports[1]
    assert narrow.network[offset] in wide.network
    assert wide.protocol in ("", narrow.protocol)


@given(REACHES, REACHES)
def test_two_rules_that_cover_each_other_are_the_same(one: Reach, other: Reach) -> None:
    if one.covers(other) and other.covers(one):
        assert one == other


@pytest.mark.parametrize(
    "inputs",
    [
        {"remoteIpPrefix": "198.51.100.0/31"},
        {"remoteIpPrefix": "0.0.0.0/0"},
        {"remoteIpPrefix": None},
        {"remoteIpPrefix": UNKNOWN},
        {"remoteIpPrefix": "198.51.100.2/32"},
        {"ethertype": "IPv6", "remoteIpPrefix": "2001:db8::1/128"},
        {"portRangeMin": 21},
        {"portRangeMax": 23},
        {"portRangeMin": 5432, "portRangeMax": 5432},
        {"portRangeMin": None, "portRangeMax": None},
        {"portRangeMin": 0, "portRangeMax": 0},
        {"portRangeMin": UNKNOWN, "portRangeMax": UNKNOWN},
        {"protocol": None},
        {"protocol": "any"},
        {"protocol": "udp"},
        {"protocol": UNKNOWN},
        {"remoteIpPrefix": None, "remoteGroupId": "7e3ff2d4-0000-4000-8000-000000000000"},
        {"remoteIpPrefix": None, "remoteGroupId": UNKNOWN},
        {"protocol": "tcp", "portRangeMin": 80, "portRangeMax": 443, "remoteIpPrefix": "0.0.0.0/0"},
        {"protocol": "udp", "portRangeMin": 443, "portRangeMax": 443, "remoteIpPrefix": "0.0.0.0/0"},
    ],
    ids=str,
)
def test_a_rule_that_lets_more_in_is_stopped(inputs: dict[str, object]) -> None:
    assert found(with_rule(**inputs)) == {("open", SSH_RULE)}


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"securityGroupId": UNKNOWN},
        {"description": "another"},
        {"direction": "egress", "remoteIpPrefix": "0.0.0.0/0"},
        {"portRangeMin": 443, "portRangeMax": 443, "remoteIpPrefix": "0.0.0.0/0"},
        {"ethertype": "IPv6", "portRangeMin": 80, "portRangeMax": 80, "remoteIpPrefix": "::/0"},
    ],
    ids=str,
)
def test_a_rule_that_lets_nothing_more_in_passes(inputs: dict[str, object]) -> None:
    assert found(with_rule(**inputs)) == set()


def test_an_operators_network_may_become_smaller() -> None:
    def change(document: dict[str, Any]) -> None:
        rule = step(document, SSH_RULE)
        rule["op"] = "replace"
        rule["oldState"]["inputs"]["remoteIpPrefix"] = "198.51.100.0/24"

    preview = altered("no-change", change)
    assert found(preview) == set()
    assert "The firewall would no longer let in port 22 (tcp) for 198.51.100.0/24." in rules.notes(preview)


def test_a_new_stack_lets_its_operators_in_and_nobody_else() -> None:
    """There is no server yet that the rule would open. It is told, and only the declared addresses count."""
    preview = altered("state-lost", lambda _: None)
    assert ("open", SSH_RULE) not in found(preview)
    assert any("198.51.100.1/32" in note for note in rules.notes(preview))

    def undeclared(document: dict[str, Any]) -> None:
        document["config"]["toybox:operators"] = '["192.0.2.9/32"]'

    assert ("open", SSH_RULE) in found(altered("state-lost", undeclared))


def test_a_finding_says_who_would_come_in() -> None:
    (finding,) = rules.findings(with_rule(remoteIpPrefix="0.0.0.0/0"))
    assert finding.happens == (
        "The firewall would let in port 22 (tcp) for everybody (0.0.0.0/0). "
        "It lets in port 22 (tcp) for 198.51.100.1/32 now."
    )


def test_every_port_is_what_neutron_takes_nothing_for() -> None:
    nothing_said = reach({"direction": "ingress", "ethertype": "IPv4"})
    assert nothing_said == Reach("", ANY, ipaddress.ip_network("0.0.0.0/0"))
    assert str(nothing_said) == "every port of every protocol for everybody (0.0.0.0/0)"


def with_group(group: str) -> Preview:
    def change(document: dict[str, Any]) -> None:
        server = step(document, "server-instance")
        server["op"] = "update"
        server["newState"]["inputs"]["securityGroups"] = ["toybox-prod", group]

    return altered("no-change", change)


def test_a_security_group_of_somebody_else_is_stopped() -> None:
    assert found(with_group("IPv4v6-Web")) == {("open", "server-instance")}
    assert found(with_group("toybox-prod")) == set()


# Containers


def with_ports(name: str, ports: list[dict[str, object]], **inputs: object) -> Preview:
    def change(document: dict[str, Any]) -> None:
        container = step(document, f"{name}-container")
        container["op"] = "replace"
        container["newState"]["inputs"] |= {"ports": ports, **inputs}

    return altered("no-change", change)


def port(external: object, ip: str | None = "0.0.0.0", protocol: str = "tcp") -> dict[str, object]:  # noqa: S104
    return {"internal": 80, "external": external, "ip": ip, "protocol": protocol}


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("postgres", [port(5432)]),
        ("postgres", [port(5432, ip=None)]),
        ("postgres", [port(5432, ip="192.0.2.7")]),
        ("postgres", [port(80)]),
        ("postgres", [port(None)]),
        ("postgres", [port(UNKNOWN)]),
        ("caddy", [port(80), port(443), port(2019)]),
        ("caddy", [port(80), port(443), port(443, protocol="udp")]),
    ],
    ids=str,
)
def test_a_port_that_was_not_published_is_stopped(name: str, ports: list[dict[str, object]]) -> None:
    expected = set() if name == "postgres" and ports == [port(80)] else {("publish", f"{name}-container")}
    assert found(with_ports(name, ports)) == expected


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("caddy", [port(80), port(443)]),
        ("caddy", [port(443)]),
        ("caddy", []),
        ("caddy", [port(80, ip="127.0.0.1")]),
        ("postgres", [port(5432, ip="127.0.0.1")]),
        ("postgres", [port(5432, ip="::1")]),
    ],
    ids=str,
)
def test_a_port_that_opens_nothing_passes(name: str, ports: list[dict[str, object]]) -> None:
    assert found(with_ports(name, ports)) == set()


@pytest.mark.parametrize("inputs", [{"networkMode": "host"}, {"publishAllPorts": True}], ids=str)
def test_a_container_that_publishes_all_it_has_is_stopped(inputs: dict[str, object]) -> None:
    assert found(with_ports("postgres", [], **inputs)) == {("publish", "postgres-container")}


def test_a_container_made_for_the_first_time_counts_as_an_opening_too() -> None:
    def change(document: dict[str, Any]) -> None:
        container = step(document, "postgres-container")
        container["newState"]["inputs"]["ports"] = [port(5432)]

    assert ("publish", "postgres-container") in found(altered("state-lost", change))


@given(st.lists(st.builds(port, st.integers(1, 65535), st.sampled_from(["0.0.0.0", "127.0.0.1", "192.0.2.7"]))))  # noqa: S104
def test_published_ports_cover_themselves(ports: list[dict[str, object]]) -> None:
    for one in ports_of({"ports": ports}):
        assert one.covers(one)
        assert HostPort(one.number, one.protocol, "0.0.0.0").covers(one)  # noqa: S104
