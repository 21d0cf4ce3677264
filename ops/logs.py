"""`toybox logs`: show the last lines of a container, those of its predecessors included.

Docker writes them to the server's journal, which outlives containers. `docker logs` shows only the lines of the present
container.
"""

import shlex
from typing import Annotated

import typer

from ops import OpsError
from ops.cloud import opened
from ops.keeper_stack import refuse_keeper
from ops.stack_option import Stack

CONTAINERS = ("web", "worker", "beat", "caddy", "postgres", "redis", "cache", "release")
"""The names for the command's argument. `release` is the trial of a new version in an update."""

IN_DOCKER = {"release": "toybox-release"}
"""Containers that have another name in Docker."""


def journal_command(container: str, lines: int) -> str:
    """Return the command for the server. Raise OpsError for a container that TOYBOX does not have."""
    if container not in CONTAINERS:
        raise OpsError(
            f"There is no container {container!r}, so it has no log. Containers: {', '.join(CONTAINERS)}. "
            "All of the server's logs: ssh to it, then `journalctl`."
        )
    name = IN_DOCKER.get(container, container)
    words = ["journalctl", "--no-pager", "--output", "short-iso", "--lines", str(lines), f"CONTAINER_NAME={name}"]
    return shlex.join(words)


def logs(
    container: Annotated[str, typer.Argument(help=f"{', '.join(CONTAINERS)}.")],
    stack: Stack,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many.")] = 200,
) -> None:
    """Show the last lines of a container's log, also of those that an update has replaced."""
    command = journal_command(container, lines)
    chosen = opened(stack)
    refuse_keeper(chosen, "It has no containers. On the keeper: journalctl -u 'toybox-keeper-*'.")
    address = chosen.outputs().get("address")
    if address is None:
        raise OpsError(
            f"The stack {stack} has no address, so there is no server to ask: no update of it has succeeded yet. "
            f"Next: pulumi up --stack {stack}"
        )
    typer.echo(chosen.on_server(address, command), nl=False)
