"""The edge: what reaches the services, and what comes back, over real HTTP."""

import json
import logging
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from lab.conoha_rules.book import Book
from lab.conoha_rules.cloud import Administrator, Cloud, ServiceError, Services, lent
from lab.conoha_rules.proxy import Proxy, within_version
from lab.conoha_rules.rule import Volume

HERE = "http://127.0.0.1:8800"


class Upstream:
    """A service: answers each call with what `answers` has for its path, and notes what it was sent."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.seen: list[tuple[str, str, bytes]] = []
        self.server = make_server("127.0.0.1", 0, self, threaded=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        self.seen.append((request.method, request.path, request.get_data()))
        found = self.answers.get(request.path, {})
        raw = isinstance(found, bytes)
        response = Response(
            found if raw else json.dumps(found),
            mimetype="application/octet-stream" if raw else "application/json",
            headers={"Location": f"{self.url}/v2.1/servers/1"},
        )
        return response(environ, start_response)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    service = Upstream()
    threading.Thread(target=service.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def client(upstream: Upstream, tmp_path: Path) -> Client:
    services = Services(dict.fromkeys(("identity", "compute", "volume", "image", "network"), upstream.url))
    return Client(Proxy(HERE, services, Book(tmp_path / "conoha.json"), Administrator(services, "secret")))


def test_versions_are_no_part_of_a_rules_path() -> None:
    project = "0123456789abcdef0123456789abcdef"
    for service, path, inner in (
        ("compute", "/v2.1/servers/", "/servers"),
        ("compute", "/v2/servers", "/servers"),
        ("volume", f"/v3/{project}/volumes//detail", "/volumes/detail"),
        ("volume", "/v3/volumes", "/volumes"),
        ("image", "/v2.9/images", "/images"),
        ("network", "/v2.0/ports", "/ports"),
        ("identity", "/v3/auth/tokens", "/auth/tokens"),
        ("identity", "/v3", None),
        ("compute", "", None),
    ):
        assert within_version(service, path) == inner, (service, path)


def test_a_refusal_never_reaches_the_service(client: Client, upstream: Upstream) -> None:
    for path, body in (
        ("/compute/v2.1/servers", {"server": {"imageRef": "x"}}),
        ("/compute/v2/servers", {"server": {"imageRef": "x"}}),
        ("/volume/v3/volumes", {"volume": {"size": 200, "volume_type": "x", "snapshot_id": "s"}}),
        ("/network/v2.0/floatingips", {"floatingip": {}}),
    ):
        answer = client.post(path, json=body)
        assert answer.status_code in (400, 404), path
        assert "ConoHa" in answer.text
    assert not [call for call in upstream.seen if call[0] == "POST"]


def test_refusals_are_in_each_services_words(client: Client) -> None:
    said = client.post("/compute/v2.1/servers", json={"server": {"imageRef": "x"}}).json
    assert said is not None
    assert said["badRequest"]["code"] == 400
    assert "boot volume first" in said["badRequest"]["message"]
    said = client.get("/identity/v3/projects").json
    assert said is not None
    assert said["error"]["code"] == 404
    said = client.get("/network/v2.0/routers").json
    assert said is not None
    assert "routers" in said["NeutronError"]["message"]


def test_every_address_leads_back_here(client: Client, upstream: Upstream) -> None:
    upstream.answers["/v2.1/servers"] = {"links": [{"href": f"{upstream.url}/v2.1/servers?marker=1"}]}
    answer = client.get("/compute/v2.1/servers")
    assert upstream.url not in answer.text + str(answer.headers)
    assert answer.headers["Location"].startswith(HERE)


def test_the_catalog_is_conohas(client: Client, upstream: Upstream) -> None:
    def entry(kind: str) -> dict[str, Any]:
        faces = [{"interface": face, "url": f"{upstream.url}/v3"} for face in ("public", "internal", "admin")]
        return {"type": kind, "endpoints": faces}

    upstream.answers["/v3/auth/tokens"] = {
        "token": {"catalog": [entry("compute"), entry("placement"), entry("volumev3"), entry("block-storage")]}
    }
    domain = {"domain": {"name": "gnc"}}
    auth = {
        "identity": {"methods": ["password"], "password": {"user": {"name": "u", **domain, "password": "p"}}},
        "scope": {"project": {"name": "p", **domain}},
    }
    answer = client.post("/identity/v3/auth/tokens", json={"auth": auth}).json
    assert answer is not None
    catalog = answer["token"]["catalog"]
    assert [one["type"] for one in catalog] == ["compute", "volumev3"]
    assert all([face["interface"] for face in one["endpoints"]] == ["public"] for one in catalog)


def test_backups_are_shown_as_old_as_they_are(client: Client, upstream: Upstream, tmp_path: Path) -> None:
    with Book(tmp_path / "conoha.json").changing() as state:
        state.nights["one"] = 2
    upstream.answers["/v3/backups/detail"] = {"backups": [{"id": "one", "created_at": "2026-11-24T03:00:00.000000"}]}
    answer = client.get("/volume/v3/backups/detail").json
    assert answer is not None
    assert answer["backups"][0]["created_at"] == "2026-11-22T03:00:00.000000"


def test_servers_public_ports_have_conohas_names(client: Client, upstream: Upstream) -> None:
    public = {"device_owner": "compute:nova", "network_id": "external", "fixed_ips": [{"ip_address": "198.51.100.7"}]}
    local = {**public, "network_id": "local", "name": "mine"}
    upstream.answers["/v2.0/networks"] = {"networks": [{"id": "external"}]}
    upstream.answers["/v2.0/ports"] = {"ports": [public, local, {"device_owner": "", "name": "", "fixed_ips": []}]}
    answer = client.get("/network/v2.0/ports").json
    assert answer is not None
    assert [port["name"] for port in answer["ports"]] == ["ext-198-51-100-7", "mine", ""]


def test_what_is_no_json_passes_as_it_is(client: Client, upstream: Upstream) -> None:
    upstream.answers["/v2/images/1/file"] = upstream.url.encode() + bytes(range(256))
    assert client.get("/image/v2/images/1/file").data == upstream.answers["/v2/images/1/file"]
    raw = b"\0" * (3 << 20)
    client.put("/image/v2/images/1/file", data=raw, content_type="application/octet-stream")
    assert upstream.seen[-1] == ("PUT", "/v2/images/1/file", raw)


class Lender(Administrator):
    """Notes what it says of volumes."""

    def __init__(self) -> None:
        super().__init__(Services({}), "")
        self.said: list[tuple[str, str]] = []

    def set_status(self, volume: str, status: str) -> None:
        self.said.append((volume, status))


def test_a_stopped_servers_volume_is_lent_to_one_and_given_back_whatever_happens(tmp_path: Path) -> None:
    book, lender = Book(tmp_path / "conoha.json"), Lender()
    cloud = Cloud(Services({}), "token", book)
    volume = Volume("data", "c3j1-ds02-add", 200, "in-use", ("server",))

    def restore() -> None:
        with lent(volume, cloud, lender):
            assert book.read().borrowed == ["data"]
            with lent(volume, cloud, lender):
                raise AssertionError("two write at once")

    with pytest.raises(ServiceError, match="is being written to"):
        restore()
    assert lender.said == [("data", "available"), ("data", "in-use")]
    assert book.read().borrowed == []


def test_a_detached_volume_needs_no_lending(tmp_path: Path) -> None:
    book, lender = Book(tmp_path / "conoha.json"), Lender()
    with lent(Volume("data", "c3j1-ds02-add", 200), Cloud(Services({}), "token", book), lender):
        assert book.read().borrowed == []
    assert lender.said == []


def test_a_service_that_is_down_is_named(tmp_path: Path) -> None:
    services = Services({"compute": "http://127.0.0.1:1"})
    client = Client(Proxy(HERE, services, Book(tmp_path / "conoha.json"), Administrator(services, "secret")))
    answer = client.get("/compute/v2.1/servers")
    assert answer.status_code == 503
    assert "compute service" in answer.text
    assert client.get("/elsewhere").status_code == 404
