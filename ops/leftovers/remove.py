"""Remove the leftovers of killed updates, step by step. After an interruption anywhere, it can be run again."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from conoha import leftovers
from conoha.leftovers import Leftover
from ops import OpsError
from ops.cloud import cloud_errors
from ops.data.volume.aside import aside_name
from ops.pulumi_cli import PulumiStack
from ops.timed import Timed

if TYPE_CHECKING:
    from openstack.connection import Connection

TIMEOUT = 300
"""Seconds for a server to shut down, and for the cloud to delete a resource."""


def find(
    stack: PulumiStack,
    connection: "Connection",
    say: Callable[[str], None],
    *,
    adopted: str | None = None,
    blank: bool = False,
) -> list[Leftover]:
    """Return the cloud's resources under the stack's names that its state does not know (see
    conoha.leftovers.leftovers)."""
    exported = stack.exported() if stack.exists() else "{}"
    with cloud_errors(f"to say what it has of {stack.name}"):
        return leftovers.find(connection, stack.name, exported, say, adopted=adopted, blank=blank).leftovers


def make_way(
    stack: PulumiStack,
    adopted: str | None,
    connection: "Connection",
    now: datetime,
    timed: Timed,
) -> set[str]:
    """Remove the leftovers that block a command which replaces the data volume, and so the server, and has announced
    it. A data volume keeps its data, under another name. Return the ids of those volumes.

    Raises:
        OpsError: a blocking resource cannot come from a killed update. Nothing was changed.
    """
    found = find(stack, connection, timed.say, adopted=adopted)
    strangers = [each for each in found if not each.removable and each.kind != "data volume"]
    if said := leftovers.refusal(stack.name, strangers):
        raise OpsError(said)
    remove(found, connection, timed)
    data = [each for each in found if each.kind == "data volume" and each.blocks]
    for each in data:
        name = aside_name(stack.name, now)
        with timed.step(f"renamed to {name}"), cloud_errors(f"to rename {each}"):
            connection.block_storage.update_volume(each.id, name=name)
    return {each.id for each in data}


def remove(found: Sequence[Leftover], connection: "Connection", timed: Timed) -> None:
    """Remove the removable leftovers, in this order. Shut a server down first: it may have run its containers.

    Raises:
        OpsError: the cloud refuses it.
    """
    for each in found:
        if not each.removable:
            continue
        with timed.step(f"{each.kind} {each.name}"), cloud_errors(f"to remove {each}"):
            match each.kind:
                case "server":
                    _remove_server(each.id, connection)
                case "boot volume":
                    _remove_boot_volume(each.id, connection)
                case "key pair":
                    connection.compute.delete_keypair(each.id)
                case "security group":
                    connection.network.delete_security_group(each.id)
                case "data volume":
                    raise AssertionError("a data volume is never removed here")


def _remove_server(id_: str, connection: "Connection") -> None:
    compute, storage = connection.compute, connection.block_storage
    server = compute.get_server(id_)
    if server.status == "ACTIVE":
        compute.stop_server(id_)
        compute.wait_for_server(server, "SHUTOFF", interval=0.5, wait=TIMEOUT)
    volumes = [volume["id"] for volume in server.attached_volumes or []]
    compute.delete_server(id_)
    compute.wait_for_delete(server, interval=0.5, wait=TIMEOUT)
    for volume in volumes:
        storage.wait_for_status(storage.get_volume(volume), "available", interval=0.5, wait=TIMEOUT)


def _remove_boot_volume(id_: str, connection: "Connection") -> None:
    storage = connection.block_storage
    volume = storage.get_volume(id_)
    storage.delete_volume(id_)
    storage.wait_for_delete(volume, interval=0.5, wait=TIMEOUT)
