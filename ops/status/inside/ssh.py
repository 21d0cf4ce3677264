"""Report whether the server lets this machine in over SSH, and if not, the reason."""

import ipaddress
import socket
from collections.abc import Collection

from ops.status.cloud.server import ServerSeen, new_server, reboot
from ops.status.line import Line

NAME = "ssh"

TRANSLATED = [ipaddress.ip_network(each) for each in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")]
"""Addresses behind a router that replaces them with its own (RFC 1918, RFC 6598)."""

SECONDS = 60
"""Seconds for the whole look: a disk that hangs also hangs the process that reads it."""


def ssh_line(error: str, server: ServerSeen | None, source: str | None, operators: Collection[str], stack: str) -> Line:
    """Return a line that says whether SSH lets this machine in. `error` is empty if it does. `source` is the address
    from which this machine reaches the server."""
    if not error:
        return Line(NAME, "good", "it lets this machine in")
    if "No such file" in error:
        text = f"there is no .toybox/{stack}/ssh/config in this checkout yet"
        return Line(NAME, "bad", text, f"pulumi preview --stack {stack}")
    if "verification failed" in error or "IDENTIFICATION HAS CHANGED" in error:
        text = "it shows another host key than ours: another machine has the address, or the server was rebuilt by hand"
        return Line(NAME, "bad", text, new_server(stack))
    said = error.strip().splitlines()[-1]
    if source is not None and not allowed(source, operators):
        text = f"{said}. This machine, {source}, is none of toybox:operators ({', '.join(operators)}): add it there"
        return Line(NAME, "bad", text, open_to_operators(stack))
    if server is None or server.word != "ACTIVE":
        return Line(NAME, "bad", said, f"pulumi stack output address --stack {stack}")
    if "ermission denied" in error:
        return Line(NAME, "bad", f"{said}: it does not take our key", new_server(stack))
    if "no answer within" in error:
        text = f"{said}: a disk that hangs, or too high a load"
        return Line(NAME, "bad", text, f'{on_server(stack, server.address or "")} "uptime; dmesg | tail -n 40"')
    text = f"{said}, and the server is said to run: its packet filter, its sshd or its kernel"
    return Line(NAME, "bad", text, reboot(server, stack))


def on_server(stack: str, address: str) -> str:
    """Return the ssh command to which another one is appended, as typed in the checkout."""
    return f"ssh -F .toybox/{stack}/ssh/config {address}"


def open_to_operators(stack: str) -> str:
    """Return the command that opens port 22 to the operators. It needs no SSH."""
    return f"pulumi up --stack {stack} --target '**::server-ingress-ssh-*'"


def allowed(source: str, operators: Collection[str]) -> bool:
    """Return whether the address is one of the operators'. One behind a router may be: the server sees the router's."""
    address = ipaddress.ip_address(source)
    if any(address in ipaddress.ip_network(each, strict=False) for each in operators):
        return True
    return any(address in network for network in TRANSLATED)


def source_towards(address: str) -> str | None:
    """Return the address of this machine on its way to `address`. It sends nothing."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.connect((address, 22))
            return str(way.getsockname()[0])
    except OSError:
        return None
