"""Puts a stack's data volume aside: it keeps its data under another name, and the stack may get another volume."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from conoha import names
from ops.cloud import cloud_errors
from ops.data_volume import state
from ops.pulumi_cli import PulumiStack
from ops.status.cloud.server import find_server

if TYPE_CHECKING:
    from openstack.connection import Connection

PATIENCE = 300
"""Seconds for a server to shut down: PostgreSQL may take two minutes to end well."""


def aside_name(stack: str, now: datetime) -> str:
    """What the volume is called from now on: toybox-prod-data-before-20261124T0300Z."""
    return f"{names.resource_name(stack, 'data')}-before-{now.astimezone(UTC):%Y%m%dT%H%MZ}"


def is_aside(name: str, stack: str) -> bool:
    """Whether this is what a data volume of the stack is called that was put aside."""
    pattern = re.escape(names.resource_name(stack, "data")) + r"-before-[0-9]{8}T[0-9]{4}Z"
    return re.fullmatch(pattern, name) is not None


def stop_server(connection: "Connection", stack: str) -> bool:
    """Shut the stack's server down and wait until it is off, so that the database ends well. Whether it had to be."""
    server = find_server(connection, stack)
    if server is None or server.word != "ACTIVE":
        return False
    with cloud_errors(
        f"to stop server {server.id}",
        "Stop it in the control panel, then run the command again: it goes on from there.",
    ):
        connection.compute.stop_server(server.id)
        found = connection.compute.get_server(server.id)
        connection.compute.wait_for_server(found, "SHUTOFF", interval=0.5, wait=PATIENCE)
    return True


def put_aside(stack: PulumiStack, connection: "Connection", recorded: state.Recorded, name: str) -> None:
    """Rename the volume in the cloud, then take it out of the state. The other way round, an interruption would leave
    two volumes of one name. Nothing of its data is touched."""
    with cloud_errors(f"to rename the data volume {recorded.id}"):
        present = connection.block_storage.find_volume(recorded.id, ignore_missing=True)
        if present is not None:
            connection.block_storage.update_volume(recorded.id, name=name)
    stack.import_state(state.without(stack.exported(), recorded.urn))
