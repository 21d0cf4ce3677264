"""The edge: a WSGI application that passes calls on to the lab's services, if the rules let them pass.

    /identity/v3   /compute/v2.1   /volume/v3/<project>   /image/v2   /network/v2.0

Whoever logs in at /identity gets a catalog of these addresses only. The services talk to each other directly.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import urllib3
from werkzeug.wrappers import Request, Response

from lab.conoha_rules import (
    answers,
    automatic_backup,
    backups,
    compute,
    identity,
    image_capacity,
    images,
    network,
    sub_users,
    volumes,
)
from lab.conoha_rules.book import Book
from lab.conoha_rules.cloud import POOL, Administrator, Cloud, ServiceError, Services
from lab.conoha_rules.rule import Call, Refusal, Rule, judge

RULES: Mapping[str, Sequence[Rule]] = {
    "identity": identity.RULES,
    "compute": compute.RULES,
    "volume": (*volumes.RULES, *backups.RULES),
    "image": images.RULES,
    "network": network.RULES,
}

VERSIONS = {
    "identity": r"/v3",
    "compute": r"/v2(\.1)?",
    "volume": r"/v3(/[0-9a-f]{32})?",
    "image": r"/v2(\.\d+)?",
    "network": r"/v2\.0",
}
"""The part of the path that names a version (and with Cinder a project): rules do not see it."""

LARGEST_JSON = 1 << 20
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "content-length", "date"}
LOG = logging.getLogger(__name__)


def within_version(service: str, path: str) -> str | None:
    """The path without its version: "/servers" of "/v2.1/servers"; None for a version's or the service's own root."""
    found = re.fullmatch(VERSIONS[service] + r"(?P<rest>/.*)?", path)
    rest = (found["rest"] or "").rstrip("/") if found else ""
    return re.sub("/+", "/", rest) or None


def json_of(request: Request) -> Mapping[str, Any]:
    """The request's JSON object; empty if it has none."""
    if request.mimetype != "application/json" or (request.content_length or 0) > LARGEST_JSON:
        return {}
    try:
        body = json.loads(request.get_data() or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def answer(body: Any, status: int) -> Response:
    """A JSON answer; none for 204."""
    return Response(b"" if body is None else json.dumps(body), status=status, mimetype="application/json")


@dataclass
class Proxy:
    """The application."""

    address: str
    """The proxy's own, without a slash at the end."""
    services: Services
    book: Book
    administrator: Administrator

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Serve one request."""
        request = Request(environ)
        service, _, rest = request.path.lstrip("/").partition("/")
        if service not in self.services.urls:
            known = ", ".join(f"{self.address}/{name}" for name in self.services.urls)
            response = answer(answers.refusal("", 404, f"ConoHa's rules serve {known}"), 404)
        else:
            response = self.serve(service, f"/{rest}" if rest else "", request)
        return response(environ, start_response)

    def serve(self, service: str, path: str, request: Request) -> Response:
        """Refuse a call, answer it, or pass it on."""
        token = request.headers.get("X-Auth-Token", "")
        cloud = Cloud(self.services, token, self.book)
        inner = within_version(service, path)
        call = Call(request.method, inner or "", json_of(request), request.args.to_dict(), dict(request.headers))
        try:
            if inner is None:
                return self.passed_on(service, path, request, call, cloud)
            outcome = judge(RULES[service], call, cloud)
            if isinstance(outcome, Refusal):
                LOG.info("%s %s refused: %s", call.method, request.path, outcome.message)
                return answer(answers.refusal(service, outcome.status, outcome.message), outcome.status)
            own = self.own_answer(service, outcome, cloud)
            if isinstance(own, Refusal):
                return answer(answers.refusal(service, own.status, own.message), own.status)
            return answer(own[1], own[0]) if own else self.passed_on(service, path, request, outcome, cloud)
        except (ServiceError, urllib3.exceptions.HTTPError) as error:
            LOG.exception("%s %s", call.method, request.path)
            return answer(answers.refusal(service, 503, f"the lab's {service} service: {error}"), 503)

    def own_answer(self, service: str, call: Call, cloud: Cloud) -> tuple[int, Any] | Refusal | None:
        """Return the answer to a call that ConoHa has and OpenStack has not."""
        match service:
            case "identity":
                return sub_users.answer(call)
            case "image":
                return image_capacity.answer(call, cloud)
            case "volume":
                return image_capacity.never_completed(call, cloud) or automatic_backup.answer(
                    call, cloud, self.administrator
                )
            case _:
                return None

    def passed_on(self, service: str, path: str, request: Request, call: Call, cloud: Cloud) -> Response:
        """The service's own answer, with addresses that lead back here."""
        headers = {name: value for name, value in call.headers.items() if name.lower() not in HOP_BY_HOP}
        for name in ("Host", "Accept-Encoding"):
            headers.pop(name, None)
        body: Any = json.dumps(call.body).encode()
        if not call.body:  # an image's bytes, or nothing
            length = request.content_length or 0
            body = request.stream if length > LARGEST_JSON else request.get_data()
            headers["Content-Length"] = str(length)
        query = f"?{request.query_string.decode()}" if request.query_string else ""
        upstream = POOL.request(
            request.method,
            self.services.urls[service] + path + query,
            body=body,
            headers={**headers, "Connection": "close"},
            redirect=False,
            preload_content=False,
        )
        kept = [(name, value) for name, value in upstream.headers.items() if name.lower() not in HOP_BY_HOP]
        redirections = {url: f"{self.address}/{name}" for name, url in self.services.urls.items()}
        kept = [(name, answers.redirected(value, redirections)) for name, value in kept]
        if "json" not in upstream.headers.get("Content-Type", "") or request.method == "HEAD":
            return Response(upstream.stream(1 << 16), status=upstream.status, headers=kept)
        text = answers.redirected(upstream.read().decode(), redirections)
        if upstream.status < 300:
            text = json.dumps(answers.changed(service, call, json.loads(text or "{}"), self.book.read().nights, cloud))
        return Response(text, status=upstream.status, headers=kept)
