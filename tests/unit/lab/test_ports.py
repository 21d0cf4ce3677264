"""A taken port is found in the kernel's tables, and its owner named."""

import os
import socket
from ipaddress import ip_address

import pytest

from lab.ports import Listener, in_the_way, parse_listeners, require_free
from lab.steps import LabError

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1389 0100007F:9000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:1389 00000000000000000000000000000000:0000 0A 0:0 0:0 0     0        0 4713 1
   1: 0000000000000000FFFF00000100007F:138A 00000000000000000000000000000000:0000 0A 0:0 0:0 0     0        0 4714 1
"""


def test_listening_sockets_are_read_and_connections_are_not() -> None:
    assert parse_listeners(TCP) == [Listener(ip_address("127.0.0.1"), 5000, 4711)]
    assert [one.address for one in parse_listeners(TCP6)] == [ip_address("::"), ip_address("::ffff:127.0.0.1")]


@pytest.mark.parametrize(
    ("address", "port", "inode"),
    [
        ("127.0.0.1", 5000, 4711),
        ("198.51.100.1", 5000, None),
        ("198.51.100.1", 5001, 4713),  # every address is taken
        ("127.0.0.1", 5002, 4714),  # IPv4, through an IPv6 socket
        ("127.0.0.1", 5003, None),
    ],
)
def test_what_is_in_the_way_of_a_listener(address: str, port: int, inode: int | None) -> None:
    found = in_the_way(parse_listeners(TCP) + parse_listeners(TCP6), address, port)
    assert (found.inode if found else None) == inode


def test_a_taken_port_is_told_with_its_owner_unless_it_is_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        wanted = {"glance": ("127.0.0.1", port)}
        require_free(wanted, {os.getpid()})
        with pytest.raises(LabError) as caught:
            require_free(wanted, set())
    for word in ("glance", str(port), f"pid {os.getpid()}", "python", "Nothing was started"):
        assert word in caught.value.reason
    require_free(wanted, set())
