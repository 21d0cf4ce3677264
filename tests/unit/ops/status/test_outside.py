"""What visitors see, and what this machine sees in their place."""

import http.server
import socket
import ssl
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.certificates import new_authority
from ops.status.outside.certificate import certificate_line
from ops.status.outside.dns import dns_line
from ops.status.outside.ports import CLOSED, SITE, SSH, ports_line
from ops.status.outside.site import Answer, ask_site, site_line
from tests.unit.ops.restore_points.cloud import NOW
from tests.unit.ops.status.world import DAY
from tests.unit.test_settings import parse

LOGS = "ssh -F config 198.51.100.7 docker logs --tail 50 web"


@pytest.mark.parametrize(
    ("access", "code", "verdict", "words"),
    [
        ("public", 200, "good", "https://toybox.jp/ answers 200"),
        ("public", 302, "good", "answers 302"),
        ("public", 401, "bad", "answers 401"),
        ("public", 502, "bad", "answers 502"),
        ("public", None, "bad", "does not answer: timed out"),
        ("password", 401, "good", "answers 401: it asks for the password"),
        ("password", 200, "bad", "it should ask for a password, and does not"),
        ("password", 502, "bad", "answers 502"),
    ],
)
def test_the_site_answers_as_it_should_or_is_red(access: str, code: int | None, verdict: str, words: str) -> None:
    line = site_line(parse({"access": access}), Answer(code, "timed out"), LOGS)
    assert (line.verdict, line.command) == (verdict, LOGS if verdict == "bad" else "")
    assert words in line.text


def test_a_site_that_fails_is_not_said_to_be_open() -> None:
    assert "password" not in site_line(parse({"access": "password"}), Answer(502), LOGS).text


# the certificate


def certificate(*names: str, begins: datetime, ends: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
    )
    return built.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("name", "left", "verdict", "words"),
    [
        ("toybox.jp", 60 * DAY, "good", "for toybox.jp, 60 days left"),
        ("toybox.jp", 10 * DAY, "bad", "it lapses in 10 days, and was not renewed"),
        ("toybox.jp", -DAY, "bad", "it lapsed on 2026-11-23 03:00 UTC"),
        ("toybux.jp", 60 * DAY, "bad", "serves one for toybux.jp, and not for toybox.jp"),
    ],
)
def test_a_certificate_that_lapses_or_is_for_another_name_is_red(
    name: str, left: timedelta, verdict: str, words: str
) -> None:
    served = certificate(name, begins=NOW + left - 90 * DAY, ends=NOW + left)
    line = certificate_line("toybox.jp", served, NOW, LOGS)
    assert line.verdict == verdict
    assert words in line.text


def test_a_certificate_of_half_a_day_is_good_for_most_of_it() -> None:
    """Caddy's own CA signs for 12 hours, and signs again after 8."""
    served = certificate("toybox.jp", begins=NOW - timedelta(hours=8), ends=NOW + timedelta(hours=4))
    assert certificate_line("toybox.jp", served, NOW, LOGS).verdict == "good"


def test_no_certificate_is_not_green() -> None:
    assert certificate_line("toybox.jp", b"", NOW, LOGS).verdict == "unknown"


# ports


@pytest.mark.parametrize(
    ("answering", "verdict", "words"),
    [
        ({22, 80, 443}, "good", "80 and 443 answer"),
        ({80, 443}, "good", "80 and 443 answer"),
        ({22}, "bad", "80 and 443 of 198.51.100.7 do not answer"),
        ({22, 80, 443, 5432}, "bad", "5432 answer on 198.51.100.7, and must not"),
    ],
)
def test_the_sites_ports_answer_and_no_other(answering: set[int], verdict: str, words: str) -> None:
    refusals = {port: "" if port in answering else "timed out" for port in (SSH, *SITE, *CLOSED)}
    line = ports_line(refusals, "198.51.100.7", "prod", LOGS)
    assert line.verdict == verdict
    assert words in line.text


# DNS

OURS, OTHERS, NONE = Answer(200, "", b"ours"), Answer(200, "", b"others"), Answer(None, "certificate verify failed")


@pytest.mark.parametrize(
    ("address", "resolved", "ours", "visitors", "verdict", "words"),
    [
        ("198.51.100.7", ["198.51.100.7"], OURS, OURS, "good", "toybox.jp points to 198.51.100.7"),
        ("198.51.100.7", ["198.51.100.9"], OURS, OTHERS, "unknown", "right only with a proxy in between"),
        ("198.51.100.7", ["198.51.100.9"], OURS, OURS, "good", "the same site answers there"),
        ("198.51.100.7", ["198.51.100.9"], OURS, NONE, "bad", "visitors get no answer (certificate verify failed)"),
        ("198.51.100.7", ["198.51.100.9"], NONE, OTHERS, "bad", "another site answers there"),
        ("198.51.100.7", [], OURS, OURS, "bad", "points to nothing. Is toybox:domain spelled right?"),
        (None, ["198.51.100.9"], NONE, NONE, "unknown", "the server's address is not known"),
    ],
    ids=["right", "proxy", "same site", "a server that is gone", "a typo that somebody owns", "a typo", "unknown"],
)
def test_the_served_name_leads_visitors_to_this_site_or_is_red(
    address: str | None, resolved: Sequence[str], ours: Answer, visitors: Answer, verdict: str, words: str
) -> None:
    """A typo in the domain is applied like any other: the server answers to the wrong name, and nobody comes."""
    line = dns_line(parse(), address, resolved, ours, visitors, "prod")
    assert line.verdict == verdict
    assert words in line.text


def test_a_rehearsals_domain_may_stand_in_no_dns_but_may_not_lead_elsewhere() -> None:
    rehearsal = parse({"tls": {"issuer": "internal"}})
    assert dns_line(rehearsal, "198.51.100.7", [], OURS, OURS, "prod").verdict == "off"
    assert dns_line(rehearsal, "198.51.100.7", ["198.51.100.9"], OURS, OTHERS, "prod").verdict == "bad"


# the way there


def test_a_site_that_is_down_is_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert ask_site(parse(), "198.51.100.7") == Answer(None, "[Errno 111] Connection refused")


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.parametrize(
    ("issuer", "answered"), [("internal", True), ("acme", False)], ids=["rehearsal", "certificate of nobody"]
)
def test_a_certificate_that_no_browser_trusts_is_no_answer(
    issuer: str, answered: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = new_authority("toybox.jp")
    pem = certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "server.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    site.socket = context.wrap_socket(site.socket, server_side=True)
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    real = socket.create_connection
    asked: list[Any] = []

    def connect(address: Any, timeout: float) -> socket.socket:
        asked.append(address)
        return real(("127.0.0.1", site.server_port), timeout)

    monkeypatch.setattr(socket, "create_connection", connect)
    try:
        answer = ask_site(parse({"tls": {"issuer": issuer, "email": "a@toybox.jp"}}), "198.51.100.7")
    finally:
        site.shutdown()
        site.server_close()
        thread.join()
    assert asked == [("198.51.100.7", 443)]
    assert (answer.status == 200) is answered
    assert ("certificate" in answer.reason) is not answered
    assert bool(answer.certificate) is answered
