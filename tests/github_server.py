"""A small HTTP server that stands in for GitHub's API: the comments of a repository's pull requests.

It is not GitHub. It keeps to what docs.github.com/rest/issues/comments says: pages of at most 100, the oldest first;
who writes with a job's token is github-actions[bot]; line ends come back as in HTTP forms.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "canary-token"
COMMIT = "c0ffee" + "0" * 34
REPOSITORY = "toybox/infrastructure"


@dataclass
class GitHub:
    """The server's address and what it holds."""

    api: str
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """Of each pull request."""
    calls: list[str] = field(default_factory=list)
    refuses: int = 0
    """The status that each call is answered with, if not 0."""

    def say(self, number: int, author: str, body: str) -> int:
        """Add a comment; its id."""
        there = self.comments.setdefault(number, [])
        new = sum(map(len, self.comments.values())) + 1000
        there.append({"id": new, "user": {"login": author}, "body": body})
        return new

    def bodies(self, number: int, author: str = "github-actions[bot]") -> list[str]:
        """The texts that an author left on a pull request."""
        return [each["body"] for each in self.comments.get(number, ()) if each["user"]["login"] == author]

    def job(self, folder: Path, number: int) -> dict[str, str]:
        """What a job for this pull request finds in its environment."""
        event = folder / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": number, "head": {"sha": COMMIT}}}))
        return {
            "GITHUB_API_URL": self.api,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_RUN_ID": "42",
            "GITHUB_SHA": "badc0ffee" + "0" * 31,  # the merge that GitHub tries
        }


@contextmanager
def github_server() -> Iterator[GitHub]:
    """A running server on this machine."""
    state = GitHub("")

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, content: object) -> None:
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def handle_call(self) -> None:
            url = urlsplit(self.path)
            state.calls.append(f"{self.command} {url.path}")
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length))["body"].replace("\n", "\r\n") if length else ""
            if state.refuses:
                return self.answer(state.refuses, {"message": "Resource not accessible by integration"})
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                return self.answer(401, {"message": "Bad credentials"})
            listed = re.fullmatch(f"/repos/{REPOSITORY}/issues/(\\d+)/comments", url.path)
            one = re.fullmatch(f"/repos/{REPOSITORY}/issues/comments/(\\d+)", url.path)
            if listed and self.command == "GET":
                query = parse_qs(url.query)
                size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
                found = state.comments.get(int(listed[1]), [])
                return self.answer(200, found[(page - 1) * size : page * size])
            if listed and self.command == "POST":
                return self.answer(201, {"id": state.say(int(listed[1]), "github-actions[bot]", body)})
            if one and self.command == "PATCH":
                for comment in (each for found in state.comments.values() for each in found):
                    if comment["id"] == int(one[1]):
                        comment["body"] = body
                        return self.answer(200, comment)
            return self.answer(404, {"message": "Not Found"})

        do_GET = do_POST = do_PATCH = handle_call  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.api = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
