"""The lab's servers let in what their security groups let in, and nothing else: as on a real cloud, and unlike a lab in
which a forgotten rule would go unnoticed."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.lab.toybox import Toybox, cloud

PORT = 8080
"""Nothing of TOYBOX's, and in no group."""


def answers(address: str, port: int, seconds: float = 1.5) -> bool:
    """Whether a connection from this machine is let in."""
    with socket.socket() as knock:
        knock.settimeout(seconds)
        return knock.connect_ex((address, port)) == 0


def becomes(expected: bool, address: str, port: int) -> bool:
    """Whether it is so within some seconds: the cloud has put the rule in place when it answers, this only gives a busy
    machine time."""
    deadline = time.monotonic() + 10
    while answers(address, port) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    return answers(address, port) == expected


@pytest.fixture
def listener(prod: Toybox) -> Iterator[str]:
    """Something that listens on prod's server, on all of its addresses."""
    prod.ssh(f"systemd-run --quiet --unit listener python3 -m http.server {PORT}")
    prod.ssh(f"for i in $(seq 50); do (: </dev/tcp/127.0.0.1/{PORT}) 2>/dev/null && exit; sleep 0.1; done; exit 1")
    yield prod.outputs()["address"]
    prod.ssh("systemctl stop listener")


def test_a_port_that_listens_answers_only_while_it_is_in_the_group(listener: str) -> None:
    network = cloud().network
    assert not answers(listener, PORT)
    assert answers(listener, 443)
    group = network.find_security_group("toybox-prod", ignore_missing=False)
    rule = network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol="tcp",
        port_range_min=PORT, port_range_max=PORT, remote_ip_prefix="198.51.100.1/32",
    )  # fmt: skip
    try:
        assert becomes(True, listener, PORT)
    finally:
        network.delete_security_group_rule(rule)
    assert becomes(False, listener, PORT)


def test_a_rule_for_others_lets_nobody_else_in(listener: str) -> None:
    network = cloud().network
    group = network.find_security_group("toybox-prod", ignore_missing=False)
    rule = network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol="tcp",
        port_range_min=PORT, port_range_max=PORT, remote_ip_prefix="198.51.100.77/32",
    )  # fmt: skip
    try:
        assert not answers(listener, PORT)
    finally:
        network.delete_security_group_rule(rule)


def test_a_server_opens_connections_to_others_whatever_its_group_lets_in(prod: Toybox) -> None:
    """Groups filter what comes in; answers belong to what went out."""
    assert prod.ssh("(: </dev/tcp/198.51.100.1/5001) && echo reached").strip() == "reached"
