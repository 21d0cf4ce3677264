"""Adopting a data volume, step by step. Interrupted anywhere, the command can be run again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from conoha import names
from ops import OpsError
from ops.adopt.belongings import Cloud, Disposable, Thing, data_volume, disposable
from ops.cloud import cloud_errors, declared
from ops.data_volume import origin, state
from ops.data_volume.aside import aside_name, is_aside, put_aside, stop_server
from ops.data_volume.swap import bring_up
from ops.pulumi_cli import PulumiStack
from ops.restore_points import cinder
from ops.restore_points.model import Volume
from ops.timed import Timed
from settings import Adopted

if TYPE_CHECKING:
    from openstack.connection import Connection

PATIENCE = 300
"""Seconds for the cloud to delete a server or a volume."""


@dataclass(frozen=True)
class Adopt:
    """The stack and its cloud; `confirm` asks whether it is meant, and raises if it is not."""

    stack: PulumiStack
    connection: "Connection"
    now: datetime
    say: Callable[[str], None]
    confirm: Callable[[str], None]

    def run(self, wanted: str | None) -> None:
        """The whole of it.

        Raises:
            OpsError: with the reason and the way out.
            SettingsError: the settings are wrong.
        """
        settings, name = declared(self.stack), self.stack.name
        cloud = self.look()
        exported = self.stack.exported()
        recorded = state.recorded(exported)
        if recorded and not wanted and settings.data_volume.origin != Adopted(source="adopted", id=recorded.id):
            raise OpsError(
                f"The state of {name} is not lost: its data volume is {recorded.id}. Nothing was changed.\n"
                f"    Way out: to go on with it, `pulumi up --stack {name}`. To take another one in its place: "
                f"`toybox adopt {name} VOLUME_ID`."
            )
        volume = data_volume(cloud, name, settings, wanted or (recorded.id if recorded else None))
        lost = state.is_empty(exported)
        parts = disposable(cloud, name) if lost else Disposable((), (), (), ())
        self.tell(volume, recorded, parts)
        self.confirm(name)

        timed = Timed(self.say)
        with timed.step("the server shuts down"):
            stop_server(self.connection, name)
        if lost:
            with timed.step("what can be made again is removed"):
                self.remove(parts)
        if recorded and recorded.id != volume.id:
            with timed.step("the present volume is put aside"):
                put_aside(self.stack, self.connection, recorded, self.name_for(recorded, cloud))
        with timed.step(f"origin in {self.stack.settings_file.name}"):
            self.give_the_name_back(volume)
            origin.write(self.stack.settings_file, origin.adopted(volume.id))
        bring_up(self.stack, settings, timed, protected=settings.is_production)
        self.say(f"{name} runs on volume {volume.id}. It took {timed.seconds:.0f} s.")
        if recorded and recorded.id != volume.id:
            self.say(f"  kept: {self.name_for(recorded, cloud)} ({recorded.id})")
        self.say(f"Commit {self.stack.settings_file.name}, in which the origin was written.")

    def tell(self, volume: Volume, recorded: state.Recorded | None, parts: Disposable) -> None:
        """What is going to happen."""
        made = f"{volume.created_at:%Y-%m-%d %H:%M} UTC"
        self.say(f"Data volume: {volume.name}, {volume.size} GB, made {made} ({volume.id}). Nothing in it is changed.")
        if recorded and recorded.id != volume.id:
            self.say(f"It takes the place of {recorded.id}, which is kept under another name.")
        for part in parts.described():
            self.say(f"  stopped and removed, then made anew: {part}")
        if not parts.described():
            self.say("  the server is stopped and made anew")

    def name_for(self, recorded: state.Recorded, cloud: Cloud) -> str:
        """What the volume that is put aside is called: what it is already called, if an earlier attempt did it."""
        present = next((each for each in cloud.volumes if each.id == recorded.id), None)
        aside = present is not None and is_aside(present.name, self.stack.name)
        return present.name if present and aside else aside_name(self.stack.name, self.now)

    def give_the_name_back(self, volume: Volume) -> None:
        """A volume that was put aside is the stack's own again. One with another name keeps it."""
        if is_aside(volume.name, self.stack.name):
            with cloud_errors(f"to rename volume {volume.id}"):
                name = names.resource_name(self.stack.name, "data")
                self.connection.block_storage.update_volume(volume.id, name=name)

    def look(self) -> Cloud:
        """What is in the account."""
        with cloud_errors("the list of servers, key pairs and security groups"):
            project = self.connection.current_project_id
            return Cloud(
                servers=[
                    Thing(each.id, (each.metadata or {}).get("instance_name_tag", each.name))
                    for each in self.connection.compute.servers(details=True)
                ],
                volumes=cinder.volumes(self.connection),
                key_pairs=[Thing(each.name, each.name) for each in self.connection.compute.keypairs()],
                security_groups=[
                    Thing(each.id, each.name) for each in self.connection.network.security_groups(project_id=project)
                ],
            )

    def remove(self, parts: Disposable) -> None:
        """Server first: it holds on to the rest."""
        compute, storage = self.connection.compute, self.connection.block_storage
        with cloud_errors("to remove what can be made again", "Run the command again: it goes on from there."):
            for server in parts.servers:
                found = compute.get_server(server.id)
                compute.delete_server(found)
                compute.wait_for_delete(found, interval=0.5, wait=PATIENCE)
            for volume in parts.boot_volumes:
                left = storage.find_volume(volume.id, ignore_missing=True)
                if left is not None:
                    storage.wait_for_status(left, "available", ["error"], interval=0.5, wait=PATIENCE)
                    storage.delete_volume(volume.id)
                    storage.wait_for_delete(left, interval=0.5, wait=PATIENCE)
            for pair in parts.key_pairs:
                compute.delete_keypair(pair.name)
            for group in parts.security_groups:
                self.connection.network.delete_security_group(group.id)
