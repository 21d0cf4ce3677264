"""The look before an update, and the one thing that it removes."""

from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.cloud.leftovers import EqualRules, equal_rules, exported_state

RULE = {
    "securityGroupId": "group",
    "direction": "ingress",
    "ethertype": "IPv4",
    "protocol": "tcp",
    "portRangeMin": 22.0,
    "portRangeMax": 22.0,
    "remoteIpPrefix": "198.51.100.1/32",
}


def rule(id_: str, port: int) -> Any:
    """A rule as the SDK shows it."""
    return SimpleNamespace(
        id=id_,
        direction="ingress",
        ether_type="IPv4",
        protocol="tcp",
        port_range_min=port,
        port_range_max=port,
        remote_ip_prefix="198.51.100.1/32",
    )


def test_a_rule_is_the_one_that_says_the_same() -> None:
    assert equal_rules(RULE, [rule("http", 80), rule("ssh", 22)]) == ["ssh"]


def test_only_the_equal_rule_of_our_own_group_is_removed() -> None:
    asked: list[str] = []
    removed: list[str] = []

    def rules(security_group_id: str) -> list[Any]:
        asked.append(security_group_id)
        return [rule("http", 80), rule("ssh", 22)]

    network = SimpleNamespace(security_group_rules=rules, delete_security_group_rule=removed.append)
    connection: Any = SimpleNamespace(network=network)
    assert EqualRules(lambda: connection).clear(RULE) == ["ssh"]
    assert (asked, removed) == (["group"], ["ssh"])


def test_an_update_that_cannot_read_its_state_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    done = SimpleNamespace(returncode=255, stdout="", stderr="error: no such bucket")
    monkeypatch.setattr("components.cloud.leftovers.subprocess.run", lambda *_, **__: done)
    with pytest.raises(pulumi.RunError, match=r"Nothing was changed(.|\n)*no such bucket"):
        exported_state("prod")
