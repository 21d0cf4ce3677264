"""The servers' packet filter as text. That it holds is shown on the lab, in tests/lab/test_security_groups.py."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from lab.openstack.firewall import WITH_PORTS, Port, Rule, match, render

EVERYWHERE = ("0.0.0.0/0",)


def test_a_servers_chain_lets_in_what_its_groups_have_and_drops_the_rest() -> None:
    port = Port(
        "198.51.100.11",
        (
            Rule("tcp", (22, 22), ("198.51.100.1/32",)),
            Rule("tcp", (80, 80), EVERYWHERE),
            Rule("tcp", (80, 80), EVERYWHERE),  # two groups with the same rule
            Rule(None, (None, None), ("198.51.100.12", "198.51.100.13")),
        ),
    )
    text = render([port])
    assert text[text.index("    chain to-") : text.index("    chain judge")] == (
        "    chain to-198-51-100-11 {\n"
        "        ip saddr { 198.51.100.1/32 } tcp dport 22-22 accept\n"
        "        ip saddr { 198.51.100.12/31 } accept\n"
        "        tcp dport 80-80 accept\n"
        "        drop\n"
        "    }\n"
    )
    assert "ip daddr vmap { 198.51.100.11 : jump to-198-51-100-11 }" in text


def test_a_server_without_rules_gets_nothing_and_without_servers_nothing_is_judged() -> None:
    assert "chain to-198-51-100-11 {\n        drop\n    }" in render([Port("198.51.100.11", ())])
    assert "vmap" not in render([])


def test_the_table_is_replaced_whole_and_no_other_is_named() -> None:
    text = render([Port("198.51.100.11", ())])
    assert text.startswith("table bridge toybox-lab\ndelete table bridge toybox-lab\ntable bridge toybox-lab {\n")
    assert text.count("table") == 3
    assert "flush" not in text


def test_a_rule_for_the_members_of_an_empty_group_matches_nobody_and_not_everybody() -> None:
    assert match(Rule("tcp", (22, 22), ())) is None


def test_protocols() -> None:
    assert match(Rule("icmp", (8, None), EVERYWHERE)) == "icmp type 8 accept"
    assert match(Rule("icmp", (3, 1), EVERYWHERE)) == "icmp type 3 icmp code 1 accept"
    assert match(Rule("icmp", (None, None), EVERYWHERE)) == "ip protocol icmp accept"
    assert match(Rule("112", (None, None), EVERYWHERE)) == "ip protocol 112 accept"
    assert match(Rule("udp", (53, None), EVERYWHERE)) == "udp dport 53-53 accept"
    assert match(Rule("tcp", (None, None), EVERYWHERE)) == "ip protocol tcp accept"
    assert match(Rule(None, (None, None), EVERYWHERE)) == "accept"


@given(
    st.sampled_from([None, *WITH_PORTS]),
    st.lists(st.ip_addresses(v=4, network="198.51.100.0/24").map(str), min_size=1),
)
def test_no_source_outside_of_the_rule_is_let_in(protocol: str | None, sources: list[str]) -> None:
    text = match(Rule(protocol, (None, None), tuple(sources)))
    assert text
    named = text[text.index("{") + 1 : text.index("}")].split(",")
    let_in = {address for network in named for address in ipaddress.IPv4Network(network.strip())}
    assert let_in == {ipaddress.IPv4Address(source) for source in sources}
