"""Start a server that is off before its host is tried again, and tell the operator if the server is gone.

The declared power state is active. The state does not know that somebody switched the server off, so Pulumi would see
no difference.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pulumi

from components.host.condition import Verdict
from components.host.ssh_retries import PORT

if TYPE_CHECKING:
    from openstack.connection import Connection

BOOT = 180
"""Seconds for a server that was just started to answer on the port of SSH."""

BOOTING = 45
"""Seconds for a server that runs, and that somebody may just have started."""


def render_gone(*, stack: str, server_id: str) -> str:
    """Return the message for a server that the cloud no longer has."""
    return f"""\
The server does not answer, because it is gone: the cloud has no server {server_id}.
Nothing was changed, and the data volume is not touched by that. This makes the server again:
    pulumi up --stack {stack} --replace '**::server-boot-volume'
Without --refresh, which would ask the Docker that is gone about each container. The address may change: look at the
DNS record afterwards."""


def wake(cloud: "Connection", server_id: str, say: Callable[[str], None]) -> str | None:
    """Start the server if it is off. Return the cloud's status of it; None if the cloud has no such server."""
    server = cloud.compute.find_server(server_id)
    if server is None:
        return None
    if server.status == "SHUTOFF":
        say(f"The server {server_id} is off. It is started.")
        cloud.compute.start_server(server)
        cloud.compute.wait_for_server(server, status="ACTIVE", interval=1, wait=BOOT)
    return str(server.status)


def answers(address: str, seconds: float) -> bool:
    """Return whether the port of SSH accepts a connection within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address, PORT), timeout=5).close()
        except OSError:
            time.sleep(1)
        else:
            return True
    return False


def awake_hook(
    name: str,
    *,
    stack: str,
    verdict: pulumi.Output[Verdict],
    connect: Callable[[], "Connection"],
    address: pulumi.Output[str],
    server_id: pulumi.Output[str],
) -> pulumi.ResourceHook:
    """Return the hook for the first command on a host that may not answer."""

    def attempt(address: str, server_id: str) -> None:
        status = wake(connect(), server_id, pulumi.log.info)
        if status is None:
            raise RuntimeError(render_gone(stack=stack, server_id=server_id))
        answers(address, BOOTING if status == "ACTIVE" else BOOT)

    async def awake(_: pulumi.ResourceHookArgs) -> None:
        if not (await verdict.future()).answered:  # type: ignore[union-attr]
            await asyncio.to_thread(attempt, str(await address.future()), str(await server_id.future()))

    return pulumi.ResourceHook(name, awake)
