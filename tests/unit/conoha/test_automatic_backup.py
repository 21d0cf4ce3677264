"""ConoHa's calls that OpenStack does not have, as a program, against a small HTTP server that answers like ConoHa."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conoha.automatic_backup import AutomaticBackup, RefusedError, run
from conoha.login import log_in

CHECKOUT = Path(__file__).resolve().parents[3]
SERVER = "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"
PASSWORD = "Canary-password1"


class Cloud:
    """Identity, block storage and compute on one port, with the subscriptions in memory."""

    def __init__(self) -> None:
        self.subscribed: dict[str, int] = {}
        self.servers = {SERVER}
        self.new_subscription = 201
        self.second_subscription = 409
        self.unknown_subscription = 404
        self.down = False
        self.calls: list[tuple[str, str, Any]] = []
        self.restored: list[tuple[str, str]] = []
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer("GET")

            def do_POST(self) -> None:
                self.answer("POST")

            def do_PUT(self) -> None:
                self.answer("PUT")

            def do_DELETE(self) -> None:
                self.answer("DELETE")

            def answer(self, method: str) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                status, answer = cloud.answer(method, self.path.partition("?")[0], body)
                self.send_response(status)
                if self.path.endswith("/auth/tokens"):
                    self.send_header("X-Subject-Token", "token")
                text = b"" if answer is None else json.dumps(answer).encode()
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def requested(self, retention: int = 14, **changes: object) -> dict[str, Any]:
        return {
            "auth_url": f"{self.url}/v3",
            "region": "c3j1",
            "domain": "gnc",
            "tenant": "gnct00000001",
            "user": "gncu00000001",
            "password": PASSWORD,
            "server": SERVER,
            "retention": retention,
            **changes,
        }

    def automatic_backup(self) -> AutomaticBackup:
        account = {key: value for key, value in self.requested().items() if key not in ("server", "retention")}
        return AutomaticBackup(log_in(**account))

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if path in ("/v3", "/v3/"):
            return 200, {
                "version": {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": f"{self.url}/v3"}]}
            }
        if path == "/v3/auth/tokens":
            return self.login(body["auth"])
        self.calls.append((method, path, body))
        match method, path.strip("/").split("/"):
            case "GET", ["volume", "v3"] | ["volume", "v3", "project"]:
                links = [{"rel": "self", "href": f"{self.url}/volume/v3/"}]
                version = {"id": "v3.0", "status": "CURRENT", "version": "3.70", "min_version": "3.0", "links": links}
                return 200, {"versions": [version]}
            case "GET", ["compute", "v2.1"]:
                links = [{"rel": "self", "href": f"{self.url}/compute/v2.1/"}]
                version = {"id": "v2.1", "status": "CURRENT", "version": "2.90", "min_version": "2.1", "links": links}
                return 200, {"version": version}
            case "GET", ["compute", "v2.1", "servers", server]:
                known = server in self.servers
                return (200, {"server": {"id": server}}) if known else (404, {"itemNotFound": {"message": "no server"}})
        if self.down:
            return 503, {"error": "maintenance"}
        match method, path.strip("/").split("/")[3:]:
            case "POST", ["backups"]:
                server = body["backup"]["instance_uuid"]
                if server in self.subscribed:
                    return self.second_subscription, {"error": "subscribed already"}
                if server not in self.servers:
                    return 404, {"error": "no such server"}
                if self.new_subscription >= 300:
                    return self.new_subscription, {"error": "not for this plan"}
                self.subscribed[server] = body["backup"]["retention"]
                return 201, {"backup": {"instance_uuid": server}}
            case "PUT", ["backups", server]:
                if server not in self.subscribed:
                    return self.unknown_subscription, {"error": "not subscribed"}
                self.subscribed[server] = body["backup"]["retention"]
                return 200, {"backup": {"instance_uuid": server}}
            case "DELETE", ["backups", server]:
                if self.subscribed.pop(server, None) is None:
                    return self.unknown_subscription, {"error": "not subscribed"}
                return 204, None
            case "POST", ["backups", backup, "restore"]:
                if backup != "b":
                    return 404, {"error": f"no backup {backup}"}
                self.restored.append((backup, body["restore"]["volume_id"]))
                return 202, None
        raise AssertionError((method, path))

    def login(self, auth: Any) -> tuple[int, Any]:
        user = auth["identity"]["password"]["user"]
        if user["password"] != PASSWORD:
            return 401, {"error": {"message": "The request you have made requires authentication.", "code": 401}}
        assert user["domain"] == {"name": "gnc"}
        assert auth["scope"] == {"project": {"domain": {"name": "gnc"}, "name": "gnct00000001"}}
        catalog = [
            {
                "type": kind,
                "name": kind,
                "id": kind,
                "endpoints": [
                    {"id": kind, "interface": "public", "region": "c3j1", "region_id": "c3j1", "url": self.url + path}
                ],
            }
            for kind, path in (("volumev3", "/volume/v3/project"), ("compute", "/compute/v2.1"))
        ]
        project = {"id": "project", "name": "gnct00000001", "domain": {"id": "gnc", "name": "gnc"}}
        token = {"methods": ["password"], "expires_at": "2999-01-01T00:00:00Z", "project": project, "catalog": catalog}
        return 201, {
            "token": {**token, "user": {"id": "u", "name": "gncu00000001", "domain": {"id": "gnc", "name": "gnc"}}}
        }

    def changes(self) -> list[tuple[str, str]]:
        return [(method, path.removeprefix("/volume/v3/project")) for method, path, _ in self.calls if method != "GET"]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    thread = threading.Thread(target=cloud.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield cloud
    cloud.http.shutdown()
    cloud.http.server_close()
    thread.join()


def program(verb: str, requested: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "conoha.automatic_backup", verb],
        cwd=CHECKOUT,
        input=json.dumps(requested),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_server_is_subscribed_changed_and_cancelled(cloud: Cloud) -> None:
    """As the component runs it: three programs, each with everything on standard input."""
    made = program("create", cloud.requested(14))
    assert (made.returncode, made.stdout) == (0, f"server {SERVER} was subscribed, and 14 backups are kept\n"), (
        made.stderr
    )
    assert cloud.subscribed == {SERVER: 14}
    changed = program("update", cloud.requested(20))
    assert changed.stdout == f"server {SERVER} is subscribed, and 20 backups are kept\n"
    assert cloud.subscribed == {SERVER: 20}
    cancelled = program("delete", cloud.requested(20))
    assert cancelled.stdout == f"the subscription of server {SERVER} was cancelled; its backups stay\n"
    assert cloud.subscribed == {}


@pytest.mark.parametrize("code", [400, 404, 409])
def test_a_server_that_is_subscribed_already_is_no_error(cloud: Cloud, code: int) -> None:
    cloud.subscribed = {SERVER: 30}
    cloud.second_subscription = code
    cloud.automatic_backup().subscribe(SERVER, 14)
    assert cloud.subscribed == {SERVER: 14}


@pytest.mark.parametrize("code", [400, 404, 409])
def test_a_server_that_is_not_subscribed_any_more_is_subscribed_again(cloud: Cloud, code: int) -> None:
    """Somebody cancelled it in the control panel."""
    cloud.unknown_subscription = code
    cloud.automatic_backup().subscribe(SERVER, 20)
    assert cloud.subscribed == {SERVER: 20}


@pytest.mark.parametrize("code", [400, 404])
def test_a_server_that_is_gone_needs_no_cancellation(cloud: Cloud, code: int) -> None:
    cloud.servers, cloud.unknown_subscription = set(), code
    assert cloud.automatic_backup().cancel(SERVER) == f"server {SERVER} has no subscription"


def test_a_server_that_is_not_subscribed_needs_no_cancellation(cloud: Cloud) -> None:
    assert cloud.automatic_backup().cancel(SERVER) == f"server {SERVER} has no subscription"


def test_a_cancellation_that_is_refused_is_an_error_while_the_server_is_there(cloud: Cloud) -> None:
    """It costs money."""
    cloud.unknown_subscription = 409
    with pytest.raises(RefusedError, match=r"did not cancel .* 409 .*not subscribed"):
        cloud.automatic_backup().cancel(SERVER)


def test_a_subscription_that_is_refused_is_told_in_conohas_words(cloud: Cloud) -> None:
    cloud.new_subscription = 400
    with pytest.raises(RefusedError, match=r"did not subscribe server .*not for this plan.*not subscribed"):
        cloud.automatic_backup().subscribe(SERVER, 14)


def test_a_server_that_is_gone_is_to_be_made_anew(cloud: Cloud) -> None:
    """An update was killed while it replaced the server; the state still has the old one."""
    cloud.servers = set()
    done = program("create", cloud.requested())
    assert done.returncode == 1
    assert f"ConoHa has no server {SERVER}" in done.stderr
    assert "Way out: let the server be made anew: `pulumi up --replace '**::server-boot-volume'`" in done.stderr


def test_more_than_conoha_keeps_is_not_even_asked_for(cloud: Cloud) -> None:
    with pytest.raises(ValueError, match="30 backups at most"):
        cloud.automatic_backup().subscribe(SERVER, 31)
    assert not cloud.calls


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_an_outage_is_told_in_conohas_words(cloud: Cloud, verb: str) -> None:
    cloud.down = True
    with pytest.raises(RefusedError, match=r"503 .*maintenance"):
        run(verb, cloud.requested())


def test_a_wrong_password_is_told_and_not_shown(cloud: Cloud) -> None:
    done = program("create", cloud.requested(password="Canary-wrong1"))
    assert done.returncode == 1
    assert "requires authentication" in done.stderr
    assert "Way out: check toybox:openstack and openstackPassword" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Canary" not in done.stdout + done.stderr
    assert not cloud.calls


def test_an_endpoint_that_does_not_answer_is_told(cloud: Cloud) -> None:
    done = program("create", cloud.requested(auth_url="http://127.0.0.1:9/v3"))
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_backup_is_written_over_a_volume(cloud: Cloud) -> None:
    cloud.automatic_backup().restore("b", "v")
    assert cloud.restored == [("b", "v")]
    with pytest.raises(RefusedError, match=r"did not restore backup x into volume v: 404 .*no backup x"):
        cloud.automatic_backup().restore("x", "v")


def test_only_conohas_calls_are_made(cloud: Cloud) -> None:
    """Cinder's own body (`volume_id`) might be taken for something that costs money."""
    run("create", cloud.requested())
    assert cloud.changes() == [("PUT", f"/backups/{SERVER}"), ("POST", "/backups")]
    bodies = [body["backup"] for method, _, body in cloud.calls if method in ("PUT", "POST")]
    assert bodies == [{"retention": 14}, {"instance_uuid": SERVER, "retention": 14}]
