"""`toybox api`: one call to the stack's cloud, as its API user, and what the cloud answers.

For looking at what no command shows, and for the first checks on a new account (docs/first-checks-on-conoha.md). It
refuses nothing and asks nothing: what is sent is what was typed.
"""

import json
from typing import Annotated, Any

import typer

from ops import OpsError
from ops.cloud import cloud_errors, connect, opened
from ops.stack_option import Stack

SERVICES = {"compute": "compute", "volume": "block_storage", "network": "network", "image": "image"}
"""Services by the names for them here, and the SDK's names."""


def api(
    method: Annotated[str, typer.Argument(help="GET, POST, PUT or DELETE.")],
    service: Annotated[str, typer.Argument(help=f"{', '.join(SERVICES)}.")],
    path: Annotated[str, typer.Argument(help="As in the API's documentation, after the version: /servers/detail.")],
    stack: Stack,
    values: Annotated[list[str] | None, typer.Argument(help="The body: server.name=text, volume.size:=200.")] = None,
) -> None:
    """Make one call to the cloud as the stack's API user; print status and body, whatever they are."""
    if service not in SERVICES:
        raise OpsError(f"There is no service {service!r}. Services: {', '.join(SERVICES)}.")
    sent = body(values or [])
    connection = connect(opened(stack))
    with cloud_errors(f"{method} {path}"):
        answer = getattr(connection, SERVICES[service]).request(path, method.upper(), json=sent, raise_exc=False)
    typer.echo(f"HTTP {answer.status_code}")
    if answer.content:
        typer.echo(pretty(answer.text))


def body(values: list[str]) -> dict[str, Any] | None:
    """The JSON of `server.name=text` (a text) and `volume.size:=200` (JSON), nested at the dots; None without any.

    Raises OpsError for anything else.
    """
    made: dict[str, Any] = {}
    for value in values:
        path, equals, text = value.partition("=")
        if not equals or not path.strip(":"):
            raise OpsError(f"{value!r} is no part of a body: write key=text, or key:=JSON, with dots for nested keys.")
        if path.endswith(":"):
            path = path.removesuffix(":")
            try:
                given = json.loads(text)
            except ValueError as error:
                raise OpsError(f"{value!r}: what follows := is no JSON ({error}).") from None
        else:
            given = text
        *outer, last = path.split(".")
        place = made
        for key in outer:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise OpsError(f"{value!r}: {key} has a value already, and cannot hold others, too.")
        place[last] = given
    return made or None


def pretty(text: str) -> str:
    """JSON indented; anything else as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
