"""Report the server's ports that let this machine in."""

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from ops.status.line import Line

NAME = "ports"

SSH, SITE = 22, (80, 443)
CLOSED = (2375, 2376, 5432, 6379, 8000)
"""Ports that must never answer: Docker's API, PostgreSQL, Redis, Gunicorn."""

Refusals = Mapping[int, str]
"""{port: the reason why it does not let this machine in; empty if it does}."""

TIMEOUT = 3
"""Seconds for a port to answer. A port whose packets are dropped takes all of them."""


def ports_line(refusals: Refusals, address: str, stack: str, command: str) -> Line:
    """Return a line that says whether the site's ports answer, and no forbidden one. `command` is the command to type
    if the site's do not."""
    closed = [port for port in SITE if refusals[port]]
    opened = [port for port in CLOSED if not refusals[port]]
    if opened:
        text = f"{', '.join(map(str, opened))} answer on {address}, and must not"
        return Line(NAME, "bad", text, f"toybox api GET network /security-groups --stack {stack}")
    if closed:
        return Line(NAME, "bad", f"{' and '.join(map(str, closed))} of {address} do not answer", command)
    return Line(NAME, "good", "80 and 443 answer; Docker, PostgreSQL, Redis and Gunicorn do not")


def knock(address: str) -> Refusals:
    """Try every port at once. Return the refusals."""

    def refusal(port: int) -> str:
        try:
            socket.create_connection((address, port), TIMEOUT).close()
        except OSError as error:
            return error.strerror or str(error)
        return ""

    ports = (SSH, *SITE, *CLOSED)
    with ThreadPoolExecutor(len(ports)) as pool:
        return dict(zip(ports, pool.map(refusal, ports), strict=True))
