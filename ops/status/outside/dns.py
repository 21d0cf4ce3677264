"""Report whether visitors who ask for the domain reach this site."""

import socket
from collections.abc import Sequence

from ops.status.line import Line
from ops.status.outside.site import Answer, untrusted
from settings import Declared

NAME = "dns"


def dns_line(
    settings: Declared, address: str | None, resolved: Sequence[str], ours: Answer, visitors: Answer, stack: str
) -> Line:
    """Return a line that says whether the domain leads to this site. `ours` is the site's answer at the server's own
    `address`, `visitors` the answer at the domain's address (`resolved`).

    Another address is right only with a proxy in between. Then both have a certificate for the name that browsers
    trust, which only the name's owner gets. A typo, or the address of a deleted server, has none.
    """
    points = f"{settings.domain} points to {', '.join(resolved) or 'nothing'}"
    command = f"pulumi stack output address --stack {stack}"
    if not resolved:
        if untrusted(settings):
            return Line(NAME, "off", f"{points}: right for a rehearsal (tls.issuer internal)")
        text = f"{points}. Is toybox:domain spelled right? Its A record needs the server's address"
        return Line(NAME, "bad", text, command)
    if address is None:
        return Line(NAME, "unknown", f"{points}; the server's address is not known")
    if address in resolved:
        return Line(NAME, "good", points)
    elsewhere = f"{points}, and the server is {address}"
    if visitors.status is None:
        return Line(NAME, "bad", f"{elsewhere}: visitors get no answer ({visitors.reason})", command)
    if visitors.certificate == ours.certificate:
        return Line(NAME, "good", f"{elsewhere}, and the same site answers there")
    if ours.status is None or untrusted(settings):
        return Line(NAME, "bad", f"{elsewhere}: another site answers there", command)
    return Line(NAME, "unknown", f"{elsewhere}: right only with a proxy in between")


def resolve(domain: str) -> list[str]:
    """Return the addresses of the domain, as this machine resolves them."""
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(domain, 443, type=socket.SOCK_STREAM)})
    except OSError:
        return []
