"""`toybox status`: each thing that can be wrong is red on a line of its own, and hides no other."""

import http.server
import socket
import ssl
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.certificates import new_authority
from ops import OpsError, status
from ops.restore_points.model import Volume
from ops.status import Line, ServerSeen
from tests.unit.ops.restore_points.cloud import NOW, point, volume
from tests.unit.test_settings import parse

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SERVER = ServerSeen("s", "ACTIVE", "198.51.100.7")


@pytest.mark.parametrize(
    ("server", "verdict", "words"),
    [
        (SERVER, "good", "ACTIVE, 198.51.100.7 (s)"),
        (ServerSeen("s", "SHUTOFF", "198.51.100.7"), "bad", "SHUTOFF"),
        (ServerSeen("s", "ACTIVE", None), "bad", "without an address"),
        (None, "bad", "`pulumi up --stack prod` makes one; the data volume stays"),
    ],
)
def test_the_server_runs_or_is_red(server: ServerSeen | None, verdict: str, words: str) -> None:
    line = status.server_line(server, "prod")
    assert line.verdict == verdict
    assert words in line.text


@pytest.mark.parametrize(
    ("found", "server", "verdict", "words"),
    [
        (volume(), SERVER, "good", "toybox-prod-data, 200 GB, in-use (v)"),
        (volume(server=None, word="available"), SERVER, "bad", "attached to no server"),
        (volume(server="other"), SERVER, "bad", "attached to another server, other"),
        (volume(), None, "bad", "attached to another server, s"),
        (volume(word="error"), SERVER, "bad", "error"),
        (None, SERVER, "bad", "not in the cloud"),
    ],
)
def test_the_data_volume_is_attached_to_the_server_or_red(
    found: Volume | None, server: ServerSeen | None, verdict: str, words: str
) -> None:
    line = status.volume_line(found, server)
    assert line.verdict == verdict
    assert words in line.text


@pytest.mark.parametrize(
    ("age", "volume_age", "verdict", "words"),
    [
        (HOUR, 90 * DAY, "good", "60 min old (a)"),
        (26 * HOUR, 90 * DAY, "good", "26 h old (a)"),
        (26 * HOUR + timedelta(minutes=1), 90 * DAY, "bad", "26 h old (a), and 26 h are the limit"),
        (9 * DAY, 90 * DAY, "bad", "9 days old (a), and 26 h are the limit"),
        (None, 90 * DAY, "bad", "there is none"),
        (None, HOUR, "unknown", "its first night is still to come"),
        (-9 * DAY, 90 * DAY, "bad", "there is none"),
    ],
)
def test_the_newest_restore_point_turns_red_past_26_hours(
    age: timedelta | None, volume_age: timedelta, verdict: str, words: str
) -> None:
    points = [] if age is None else [point(age, source="backup")]
    line = status.restore_point_line(parse(), volume(age=volume_age), points, NOW)
    assert line.verdict == verdict
    assert words in line.text


def test_a_policy_that_is_off_is_never_red() -> None:
    off = parse({"snapshotPolicy": {"driver": "conoha", "schedule": "off"}})
    assert status.restore_point_line(off, volume(), [], NOW) == Line(
        "restore point", "off", "the policy is off; there is none"
    )


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
    line = status.site_line(parse({"access": access}), code, "timed out")
    assert line.verdict == verdict
    assert words in line.text


def test_a_site_that_fails_is_not_said_to_be_open() -> None:
    assert "password" not in status.site_line(parse({"access": "password"}), 502, "").text


@pytest.mark.parametrize(
    ("server", "addresses", "verdict", "words"),
    [
        (SERVER, ["198.51.100.7"], "good", "toybox.jp points to 198.51.100.7"),
        (SERVER, ["198.51.100.9"], "unknown", "and the server is 198.51.100.7"),
        (SERVER, [], "bad", "points to nothing"),
        (None, ["198.51.100.9"], "unknown", "the server's address is not known"),
    ],
)
def test_a_domain_that_points_elsewhere_is_told(
    server: ServerSeen | None, addresses: list[str], verdict: str, words: str
) -> None:
    """A new server may have a new address."""
    line = status.dns_line(parse(), server, addresses)
    assert line.verdict == verdict
    assert words in line.text


@pytest.mark.parametrize(
    ("verdicts", "well"), [(["good", "off", "unknown"], True), (["good", "bad"], False), ([], True)]
)
def test_only_red_is_not_well(verdicts: list[Any], well: bool) -> None:
    assert status.well([Line("", verdict, "") for verdict in verdicts]) is well


def test_the_json_says_the_same() -> None:
    lines = [Line("server", "good", "ACTIVE"), Line("site", "bad", "does not answer")]
    assert status.status_json("prod", lines, point(HOUR, source="backup"), NOW) == {
        "stack": "prod",
        "ok": False,
        "newestRestorePoint": {"id": "a", "source": "backup", "ageSeconds": 3600},
        "checks": [
            {"name": "server", "verdict": "good", "text": "ACTIVE"},
            {"name": "site", "verdict": "bad", "text": "does not answer"},
        ],
    }


def test_what_the_cloud_does_not_answer_is_a_line_and_no_end() -> None:
    lines: list[Line] = []

    def refuse() -> str:
        raise OpsError("503 maintenance")

    assert status.answered(lines, "server", refuse) == (None, False)
    assert status.answered(lines, "volume", lambda: "v") == ("v", True)
    assert lines == [Line("server", "bad", "503 maintenance")]


def test_a_site_that_is_down_is_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert status.ask_site(parse(), "198.51.100.7") == (None, "[Errno 111] Connection refused")


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
        code, reason = status.ask_site(parse({"tls": {"issuer": issuer, "email": "a@toybox.jp"}}), "198.51.100.7")
    finally:
        site.shutdown()
        site.server_close()
        thread.join()
    assert asked == [("198.51.100.7", 443)]
    assert (code == 200) is answered
    assert ("certificate" in reason) is not answered
