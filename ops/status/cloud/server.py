"""Report whether the stack has its server, and whether it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conoha.names import server_name
from ops import OpsError
from ops.cloud import cloud_errors
from ops.status.known import Known
from ops.status.line import Line

if TYPE_CHECKING:
    from openstack.connection import Connection

NAME = "server"


@dataclass(frozen=True)
class ServerSeen:
    """A server by the cloud's facts."""

    id: str
    word: str
    address: str | None
    task: str | None = None
    """The cloud's present task on it."""


def new_server(stack: str) -> str:
    """Return the command for another server with the same data. A plain `pulumi up` trusts its state, which has a
    server."""
    return f"pulumi up --stack {stack} --replace '**::server-boot-volume'"


def start(server: ServerSeen, stack: str) -> str:
    """Return the command that starts a server that is off."""
    return f"toybox api POST compute /servers/{server.id}/action --stack {stack} os-start:=null"


def reboot(server: ServerSeen, stack: str) -> str:
    """Return the command that reboots the server like a reset button: containers and packet filter come up as
    declared."""
    return f"toybox api POST compute /servers/{server.id}/action --stack {stack} reboot.type=HARD"


def server_line(server: ServerSeen | None, known: Known | None, stack: str) -> Line:
    """Return a line that says whether the server runs and is the one in the state. `known` is None if the state cannot
    be read."""
    if server is None and known and known.server_id:
        text = f"it was deleted: the state has {known.server_id}, the cloud has none. The data volume stays"
        return Line(NAME, "bad", text, new_server(stack))
    if server is None:
        return Line(NAME, "bad", "there is none yet", f"pulumi up --stack {stack}")
    text = f"{server.word}, {server.address or 'without an address'} ({server.id})"
    if known and known.server_id and known.server_id != server.id:
        text = f"{text}: the state knows another one, {known.server_id}, which is not in the cloud"
        return Line(NAME, "bad", text, f"toybox adopt --stack {stack}")
    if server.task or server.word in ("BUILD", "REBOOT", "HARD_REBOOT"):
        doing = f"{text}: {server.task or 'under way'}. Look again in a minute"
        return Line(NAME, "bad", doing, f"toybox status --stack {stack}")
    match server.word:
        case "ACTIVE" if server.address:
            return Line(NAME, "good", text)
        case "ACTIVE":
            return Line(NAME, "bad", text, new_server(stack))
        case "SHUTOFF":
            return Line(NAME, "bad", f"{text}: it is off", start(server, stack))
        case "ERROR":
            return Line(NAME, "bad", f"{text}: the cloud has given it up", new_server(stack))
        case _:
            return Line(NAME, "bad", text, reboot(server, stack))


def find_server(connection: "Connection", stack: str) -> ServerSeen | None:
    """Return the stack's server. ConoHa names servers itself; our name of a server is its instance_name_tag.

    Raises:
        OpsError: the cloud refuses the question, or several have the name.
    """
    wanted = server_name(stack)
    with cloud_errors("the list of servers"):
        found = [
            each
            for each in connection.compute.servers(details=True)
            if (each.metadata or {}).get("instance_name_tag", each.name) == wanted
        ]
    if len(found) > 1:
        raise OpsError(f"{len(found)} servers are called {wanted}: {', '.join(each.id for each in found)}")
    return seen(found[0]) if found else None


def seen(server: Any) -> ServerSeen:
    """Return the SDK's server as a ServerSeen."""
    addresses: Sequence[str] = [
        address["addr"]
        for network in (server.addresses or {}).values()
        for address in network
        if address["version"] == 4
    ]
    return ServerSeen(server.id, server.status, server.access_ipv4 or next(iter(addresses), None), server.task_state)
