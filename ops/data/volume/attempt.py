"""One attempt to bring a stack up on another data volume: the changes before the update, in their order.

The command first records the attempt in name and description of the present volume, then acts. Wherever it is killed,
the next run sees that it was under way and which volume has the former data. The next run never continues it: it cannot
know whether the site has written on the new volume meanwhile.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from conoha import names
from ops import OpsError
from ops.cloud import cloud_errors
from ops.data.volume import aside, state
from ops.pulumi_cli import PulumiStack
from ops.restore_points.cinder import moment
from ops.restore_points.model import Volume
from ops.state import locks
from ops.status.cloud.server import find_server

if TYPE_CHECKING:
    from openstack.connection import Connection

TIMEOUT = 300
"""Seconds for a server to shut down: PostgreSQL may take two minutes to stop cleanly."""


@dataclass(frozen=True)
class Attempt:
    """An attempt. Its aim is `purpose` (aside.Record); `seen` is the state at the moment when the operator was
    asked."""

    stack: PulumiStack
    connection: "Connection"
    purpose: str
    now: datetime
    seen: str

    def begin(self) -> None:
        """Raise OpsError if an update runs, or has changed the state since the operator was asked."""
        locks.refuse_if_locked(self.stack)
        if self.stack.exported() != self.seen:
            raise OpsError(changed_meanwhile(self.stack.name) + " Nothing was changed. Run the command again.")

    def put_aside(self, volume: Volume, held: str = "") -> str:
        """Rename a volume and write the record on it, in one call. Return its name. The volume's data stays as it
        is."""
        stack, present = self.stack.name, aside.read(volume.description)
        name = volume.name if names.is_aside(volume.name, stack) else aside.aside_name(stack, self.now)
        before = present.before if present else volume.description
        record = aside.Record(
            since=present.since if present else self.now,
            purpose=self.purpose,
            under_way=True,
            held=held or (present.held if present else ""),
            before="" if before == names.data_description(stack) else before,
        )
        with cloud_errors(f"to rename the data volume {volume.id}"):
            self.connection.block_storage.update_volume(volume.id, name=name, description=aside.written(stack, record))
        return name

    def forget(self, recorded: state.Recorded) -> str:
        """Take a volume out of the state. Return the command that puts the former state back.

        Raises:
            OpsError: an update runs, or ran in between. Its state is not overwritten.
        """
        back = self.stack.keep_copy(self.seen)
        # Pulumi has no conditional import. It refuses an import while an update holds the lock. An update that begins
        # after this look, and ends before the import, would have to take less time than its start alone does.
        if refused := locks.refusal(self.stack.name, self.stack.locks(), changed="The state was not changed."):
            raise OpsError(refused)
        if self.stack.exported() != self.seen:
            raise OpsError(f"{changed_meanwhile(self.stack.name)} It was not overwritten.\n    A copy of it: `{back}`")
        self.stack.import_state(state.without(self.seen, recorded.urn))
        return back

    def end(self, volumes: Sequence[Volume]) -> None:
        """Record on the stack's volumes that the command that put them aside has finished."""
        for volume in aside.kept(volumes, self.stack.name):
            if text := aside.ended(self.stack.name, volume.description):
                with cloud_errors(f"to write on volume {volume.id} that the command has ended"):
                    self.connection.block_storage.update_volume(volume.id, description=text)


def to_put_aside(volumes: Sequence[Volume], stack: str, recorded: state.Recorded | None) -> list[Volume]:
    """Return the volumes that would block the new one. These are the volume that the state has, and volumes of the
    stack's name that a killed update left and no state has. Pure."""
    own = names.resource_name(stack, "data")
    return [each for each in volumes if each.name == own or (recorded and each.id == recorded.id)]


def changed_meanwhile(stack: str) -> str:
    """Return the message about a state that changed."""
    return f"An update of {stack} changed its state since this command looked at it."


@contextmanager
def way_back(text: str) -> Iterator[None]:
    """Add to an error or an interrupt in this context how to go on and how to go back."""
    try:
        yield
    except OpsError as error:
        raise OpsError(f"{error}\n{text}") from error
    except KeyboardInterrupt:
        raise OpsError(f"Interrupted.\n{text}") from None


def stop_server(connection: "Connection", stack: str) -> bool:
    """Shut the stack's server down and wait until it is off, so that the database stops cleanly. Return whether it
    ran."""
    server = find_server(connection, stack)
    if server is None or server.word != "ACTIVE":
        return False
    with cloud_errors(
        f"to stop server {server.id}",
        "Stop it in the control panel, then run the command again.",
    ):
        connection.compute.stop_server(server.id)
        found = connection.compute.get_server(server.id)
        connection.compute.wait_for_server(found, "SHUTOFF", interval=0.5, wait=TIMEOUT)
    return True


def start_server(connection: "Connection", stack: str) -> bool:
    """Start the stack's server if it is off, and wait until the cloud says that it runs. Return whether it was off."""
    server = find_server(connection, stack)
    if server is None or server.word != "SHUTOFF":
        return False
    with cloud_errors(f"to start server {server.id}", "Start it in the control panel."):
        connection.compute.start_server(server.id)
        found = connection.compute.get_server(server.id)
        connection.compute.wait_for_server(found, "ACTIVE", interval=0.5, wait=TIMEOUT)
    return True


def server_made(connection: "Connection", stack: str) -> datetime:
    """Return the time at which the stack's server was made. Raise OpsError if there is none."""
    server = find_server(connection, stack)
    if server is None:
        raise OpsError(f"There is no server of {stack}.")
    with cloud_errors(f"the look at server {server.id}"):
        return moment(connection.compute.get_server(server.id).created_at)
