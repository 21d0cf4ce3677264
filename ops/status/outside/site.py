"""Report whether the site answers, and with which certificate."""

import http.client
import socket
import ssl
from dataclasses import dataclass

from ops.status.line import Line
from settings import Declared

TIMEOUT = 10
"""Seconds for the site to answer."""


def untrusted(settings: Declared) -> bool:
    """Return whether the site's certificate is signed by Caddy's own CA, which this machine does not know."""
    return settings.tls.issuer == "internal"


@dataclass(frozen=True)
class Answer:
    """The site's answer: a status with the certificate that came before it (DER), or the reason for none."""

    status: int | None
    reason: str = ""
    certificate: bytes = b""


def site_line(settings: Declared, answer: Answer, command: str) -> Line:
    """Return a line that says whether the site answers. One behind a password answers when it asks for the password.
    `command` is the command to type if the site is down: its answer does not tell the reason."""
    url, status = f"https://{settings.domain}/", answer.status
    unchecked = ", by a certificate that no browser trusts (tls.issuer internal)" if untrusted(settings) else ""
    if status is None:
        return Line("site", "bad", f"{url} does not answer: {answer.reason}", command)
    expected = status == 401 if settings.access == "password" else status < 400
    asks = ": it asks for the password" if status == 401 and expected else ""
    opened_up = ": it should ask for a password, and does not" if settings.access == "password" and status < 400 else ""
    text = f"{url} answers {status}{asks}{opened_up}{unchecked}"
    return Line("site", "good", text) if expected else Line("site", "bad", text, command)


def ask_site(settings: Declared, address: str | None) -> Answer:
    """Return the answer of the site's front page, at `address` if it is given: a wrong DNS record is another fault than
    a site that is down."""
    context = ssl.create_default_context()
    if untrusted(settings):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(settings.domain, timeout=TIMEOUT, context=context)
    certificate = b""
    try:
        plain = socket.create_connection((address or settings.domain, 443), TIMEOUT)
        connection.sock = secured = context.wrap_socket(plain, server_hostname=settings.domain)
        certificate = secured.getpeercert(binary_form=True) or b""
        connection.request("GET", "/", headers={"User-Agent": "toybox-status"})
        return Answer(connection.getresponse().status, "", certificate)
    except (OSError, http.client.HTTPException) as error:
        return Answer(None, str(error) or type(error).__name__, certificate)
    finally:
        connection.close()
