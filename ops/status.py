"""`toybox status`: what an operator wants to know first at three in the morning, each on a line, red where it is wrong.

Every line is found out by itself: a cloud that does not answer hides nothing about the site, and the other way round.
"""

import http.client
import json
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from ops import OpsError
from ops.cloud import cloud_errors, connect, declared, opened
from ops.restore_points import schedule
from ops.restore_points.drivers import driver_for, find_data_volume
from ops.restore_points.model import RestorePoint, Volume
from settings import Declared

if TYPE_CHECKING:
    from openstack.connection import Connection

Verdict = Literal["good", "bad", "unknown", "off"]
STYLES = {"good": "green", "bad": "red", "unknown": "yellow", "off": "dim"}
MARKS = {"good": "ok", "bad": "!!", "unknown": "??", "off": "--"}

PATIENCE = 10
"""Seconds for the site to answer."""


@dataclass(frozen=True)
class Line:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    text: str


@dataclass(frozen=True)
class ServerSeen:
    """A server as the cloud tells of it."""

    id: str
    word: str
    address: str | None


def server_line(server: ServerSeen | None, stack: str) -> Line:
    """Whether the server runs."""
    if server is None:
        return Line("server", "bad", f"there is none: `pulumi up --stack {stack}` makes one; the data volume stays")
    text = f"{server.word}, {server.address or 'without an address'} ({server.id})"
    return Line("server", "good" if server.word == "ACTIVE" and server.address else "bad", text)


def volume_line(volume: Volume | None, server: ServerSeen | None) -> Line:
    """Whether the data volume is there, and attached to this server."""
    if volume is None:
        return Line(
            "data volume", "bad", "it is not in the cloud: `toybox restore-points list --all` shows what is left"
        )
    text = f"{volume.name or volume.id}, {volume.size} GB, {volume.word} ({volume.id})"
    if volume.server_id is None:
        return Line("data volume", "bad", f"{text}: attached to no server")
    if server is None or volume.server_id != server.id:
        return Line("data volume", "bad", f"{text}: attached to another server, {volume.server_id}")
    return Line("data volume", "good" if volume.word == "in-use" else "bad", text)


def restore_point_line(
    settings: Declared, volume: Volume | None, points: Sequence[RestorePoint], now: datetime
) -> Line:
    """How old the newest good restore point is; bad past 26 hours."""
    newest = schedule.newest_good(points, now)
    text = "there is none" if newest is None else f"{schedule.in_words(newest.age(now))} old ({newest.id})"
    if settings.snapshot_policy.schedule == "off":
        return Line("restore point", "off", f"the policy is off; {text}")
    if schedule.fresh(points, now):
        return Line("restore point", "good", text)
    if newest is None and volume is not None and now - volume.created_at <= schedule.RED:
        return Line("restore point", "unknown", "none yet: the volume is new, and its first night is still to come")
    return Line("restore point", "bad", f"{text}, and {schedule.in_words(schedule.RED)} are the limit")


def site_line(settings: Declared, status: int | None, reason: str) -> Line:
    """Whether the site answers. One behind a password answers when it asks for it."""
    url = f"https://{settings.domain}/"
    unchecked = ", by a certificate that no browser trusts (tls.issuer internal)" if untrusted(settings) else ""
    if status is None:
        return Line("site", "bad", f"{url} does not answer: {reason}")
    expected = status == 401 if settings.access == "password" else status < 400
    asks = ": it asks for the password" if status == 401 and expected else ""
    opened_up = ": it should ask for a password, and does not" if settings.access == "password" and status < 400 else ""
    return Line("site", "good" if expected else "bad", f"{url} answers {status}{asks}{opened_up}{unchecked}")


def dns_line(settings: Declared, server: ServerSeen | None, addresses: Sequence[str]) -> Line:
    """Whether the domain points to the server. A new server may have a new address; but a proxy in front of the site is
    no mistake, so that another address alone is not red."""
    points = f"{settings.domain} points to {', '.join(addresses) or 'nothing'}"
    if not addresses:
        return Line("dns", "bad", points)
    if server is None or server.address is None:
        return Line("dns", "unknown", f"{points}; the server's address is not known")
    if server.address in addresses:
        return Line("dns", "good", points)
    return Line("dns", "unknown", f"{points}, and the server is {server.address}: right only with a proxy in between")


def untrusted(settings: Declared) -> bool:
    """Whether the site's certificate is signed by Caddy's own CA, which this machine does not know."""
    return settings.tls.issuer == "internal"


# The edge: what the cloud and the site say.


def find_server(connection: "Connection", stack: str) -> ServerSeen | None:
    """The stack's server. ConoHa names servers itself; what we call one is its instance_name_tag."""
    wanted = f"toybox-{stack}"
    with cloud_errors("the list of servers"):
        found = [
            each
            for each in connection.compute.servers(details=True)
            if (each.metadata or {}).get("instance_name_tag", each.name) == wanted
        ]
    if len(found) > 1:
        raise OpsError(f"{len(found)} servers are called {wanted}: {', '.join(each.id for each in found)}")
    if not found:
        return None
    addresses = [
        address["addr"]
        for network in (found[0].addresses or {}).values()
        for address in network
        if address["version"] == 4
    ]
    return ServerSeen(found[0].id, found[0].status, found[0].access_ipv4 or next(iter(addresses), None))


def ask_site(settings: Declared, address: str | None) -> tuple[int | None, str]:
    """The status of the site's front page, or None and the reason. Asked at the server's own address, if that is
    known: a wrong DNS record is another matter than a site that is down."""
    context = ssl.create_default_context()
    if untrusted(settings):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(settings.domain, timeout=PATIENCE, context=context)
    try:
        plain = socket.create_connection((address or settings.domain, 443), PATIENCE)
        connection.sock = context.wrap_socket(plain, server_hostname=settings.domain)
        connection.request("GET", "/", headers={"User-Agent": "toybox-status"})
        return connection.getresponse().status, ""
    except (OSError, http.client.HTTPException) as error:
        return None, str(error) or type(error).__name__
    finally:
        connection.close()


def resolved(domain: str) -> list[str]:
    """The addresses that the domain points to, as this machine sees it."""
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(domain, 443, type=socket.SOCK_STREAM)})
    except OSError:
        return []


def look(stack: str, now: Callable[[], datetime]) -> tuple[list[Line], RestorePoint | None]:
    """Everything, in the order in which one looks; and the newest good restore point.

    Raises:
        OpsError, SettingsError: the stack's settings cannot be used, so nothing is known about it.
    """
    chosen = opened(stack)
    settings = declared(chosen)
    lines: list[Line] = []
    server: ServerSeen | None = None
    newest: RestorePoint | None = None
    try:
        connection = connect(chosen)
    except OpsError as error:
        lines.append(Line("cloud", "bad", str(error)))
    else:
        server, asked = answered(lines, "server", lambda: find_server(connection, stack))
        if asked:
            lines.append(server_line(server, stack))
        driver = driver_for(settings, connection)
        volume, asked = answered(lines, "data volume", lambda: find_data_volume(settings, stack, driver.volumes()))
        if asked:
            lines.append(volume_line(volume, server))
        points, asked = answered(lines, "restore point", lambda: driver.list(volume.id) if volume else [])
        if asked:
            newest = schedule.newest_good(points or [], now())
            lines.append(restore_point_line(settings, volume, points or [], now()))
    status, reason = ask_site(settings, server.address if server else None)
    lines.append(site_line(settings, status, reason))
    if not untrusted(settings):  # a rehearsal's domain is nobody's, and stands in no DNS
        lines.append(dns_line(settings, server, resolved(settings.domain)))
    return lines, newest


T = TypeVar("T")


def answered(lines: list[Line], name: str, ask: Callable[[], T]) -> tuple[T | None, bool]:
    """What the cloud answers, and whether it does; if not, that is a line of its own."""
    try:
        return ask(), True
    except OpsError as error:
        lines.append(Line(name, "bad", str(error)))
        return None, False


def status_json(stack: str, lines: Sequence[Line], newest: RestorePoint | None, now: datetime) -> dict[str, Any]:
    """The status for programs. The keys are an interface: none is renamed."""
    return {
        "stack": stack,
        "ok": well(lines),
        "newestRestorePoint": None
        if newest is None
        else {"id": newest.id, "source": newest.source, "ageSeconds": round(newest.age(now).total_seconds())},
        "checks": [{"name": line.name, "verdict": line.verdict, "text": line.text} for line in lines],
    }


def well(lines: Sequence[Line]) -> bool:
    """Whether nothing is bad."""
    return not any(line.verdict == "bad" for line in lines)


def status_command(
    stack: Annotated[str, typer.Option("--stack", "-s", envvar="PULUMI_STACK", help="The stack: prod, staging ...")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say at a glance how the stack is: server, data volume, newest restore point, site. Ends with 1 if one is red.

    The newest restore point is red when it is older than 26 hours: a night was missed.
    """
    lines, newest = look(stack, lambda: datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(status_json(stack, lines, newest, datetime.now(UTC)), indent=2))
    else:
        out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 220)
        for line in lines:
            mark = Text(f"{MARKS[line.verdict]} {line.name:<14}", STYLES[line.verdict])
            out.print(mark.append(line.text, "red" if line.verdict == "bad" else ""))
    if not well(lines):
        raise typer.Exit(1)
