"""Adopting a data volume, step by step. Interrupted anywhere, the command can be run again."""

from collections.abc import Sequence
from dataclasses import dataclass

from conoha import names
from ops import OpsError
from ops.cloud import cloud_errors, declared
from ops.data.adopt.belongings import Cloud, Disposable, Thing, data_volume, disposable
from ops.data.adopt.ownership import refuse_anothers
from ops.data.command import ConfirmedCommand
from ops.data.volume import aside, foresight, origin, state
from ops.data.volume.attempt import Attempt, server_made, start_server, stop_server, to_put_aside, way_back
from ops.data.volume.bring_up import adopted, bring_up, held_before
from ops.restore_points import cinder
from ops.restore_points.model import Volume
from ops.state import locks
from ops.status.cloud.server import ServerSeen, find_server
from ops.timed import Timed

TIMEOUT = 300
"""Seconds for the cloud to delete a server or a volume."""


@dataclass(frozen=True)
class Adopt(ConfirmedCommand):
    """The stack and its cloud; `confirm` asks whether it is meant, and raises if it is not."""

    def run(self, wanted: str | None) -> None:
        """Adopt the volume.

        Raises:
            OpsError: the adoption stopped. The message has the reason, and the commands that go on and go back.
            SettingsError: the settings are wrong.
        """
        settings, name = declared(self.stack), self.stack.name
        locks.refuse_if_locked(self.stack)
        cloud = self.look()
        seen = self.stack.exported()
        recorded = state.recorded(seen)
        states = {each.name: each.exported() for each in self.stack.others()}
        # this check comes first: the way out of any other error would lead on with another stack's data
        for each in cloud.volumes:
            if each.id == wanted:
                refuse_anothers(each, name, states)
        volume = data_volume(cloud, name, settings, wanted or (recorded.id if recorded else None))
        refuse_anothers(volume, name, states)
        present = recorded is not None and recorded.id == volume.id
        renamed = names.is_aside(volume.name, name)
        unfinished = renamed or aside.under_way(cloud.volumes, name) or state.completed(seen) != volume.id
        if present and not unfinished:
            self.say(already(name, volume, find_server(self.connection, name)))
            return
        lost = state.is_empty(seen)
        parts = disposable(cloud, name) if lost else Disposable((), (), (), ())
        leaving = [each for each in to_put_aside(cloud.volumes, name, recorded) if each.id != volume.id]
        self.tell(volume, leaving, parts, starts=present)
        harms = None if recorded else foresight.MAKING
        foresight.refuse_more(self.stack, self.say, harms, first=state.completed(seen) is None)
        self.confirm(name)
        attempt = Attempt(self.stack, self.connection, f"adopt {volume.id}", self.now, seen)
        attempt.begin()

        timed = Timed(self.say)
        with way_back(ways(name, volume, leaving)):
            with timed.step("what the server holds"):
                held = held_before(self.stack, self.connection, self.say)
            with timed.step("volumes are named"):
                for each in leaving:
                    attempt.put_aside(each, held.words if held and each.server_id == held.server_id else "")
            if not present:
                with timed.step("the server shuts down"):
                    stop_server(self.connection, name)
            if lost:
                with timed.step("what can be made again is removed"):
                    self.remove(parts)
            with timed.step(f"origin in {self.stack.settings_file.name}"):
                origin.write(self.stack.settings_file, origin.adopted(volume.id))
            if recorded and not present:
                with timed.step("the present volume leaves the state"):
                    back = attempt.forget(recorded)
                self.say(f"    a copy of the state as it was: {back}")
            self.give_the_name_back(volume)
            if present:
                with timed.step("the server starts"):
                    start_server(self.connection, name)
            bring_up(self.stack, self.connection, self.now, settings, timed, protected=settings.is_production)
            with timed.step("the data is as it was"):
                before = held.words if held and volume.server_id == held.server_id else recorded_words(volume)
                # a volume that never left its server may hold a database that this very server made
                made_by = self.now if renamed and present else server_made(self.connection, name)
                report = adopted(self.stack, volume.id, made_by, before)
            attempt.end(cinder.volumes(self.connection))

        self.say(f"{name} runs on volume {volume.id}. It took {timed.seconds:.0f} s.")
        for line in report:
            self.say(f"  {line}")
        for each in aside.kept(cinder.volumes(self.connection), name):
            self.say(f"  kept: {each.name} ({each.id})")
        self.say(f"Commit {self.stack.settings_file.name}, in which the origin was written.")

    def tell(self, volume: Volume, leaving: Sequence[Volume], parts: Disposable, *, starts: bool) -> None:
        """What is going to happen."""
        made = f"{volume.created_at:%Y-%m-%d %H:%M} UTC"
        self.say(f"Data volume: {volume.name}, {volume.size} GB, made {made} ({volume.id}). Nothing in it is changed.")
        for each in leaving:
            self.say(f"It takes the place of {each.id}, which is kept under another name.")
        for part in parts.described():
            self.say(f"  stopped and removed, then made anew: {part}")
        if starts:
            self.say("  the state has it already: what was begun is brought to its end, and the server stays if it can")
        elif not parts.described():
            self.say("  the server is stopped and made anew")

    def give_the_name_back(self, volume: Volume) -> None:
        """Make a volume that was put aside the stack's own again, without the record. One with another name keeps its
        name."""
        if names.is_aside(volume.name, self.stack.name):
            name = names.resource_name(self.stack.name, "data")
            description = aside.former_description(self.stack.name, volume.description)
            with cloud_errors(f"to rename volume {volume.id}"):
                self.connection.block_storage.update_volume(volume.id, name=name, description=description)

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
                compute.wait_for_delete(found, interval=0.5, wait=TIMEOUT)
            for volume in parts.boot_volumes:
                left = storage.find_volume(volume.id, ignore_missing=True)
                if left is not None:
                    storage.wait_for_status(left, "available", ["error"], interval=0.5, wait=TIMEOUT)
                    storage.delete_volume(volume.id)
                    storage.wait_for_delete(left, interval=0.5, wait=TIMEOUT)
            for pair in parts.key_pairs:
                compute.delete_keypair(pair.name)
            for group in parts.security_groups:
                self.connection.network.delete_security_group(group.id)


def already(stack: str, volume: Volume, server: ServerSeen | None) -> str:
    """Return the message for an operator who adopts the volume that the stack already has. Pure.

    Raises:
        OpsError: the stack does not run on the volume, because of its server.
    """
    if server is not None and server.word == "ACTIVE" and volume.server_id == server.id:
        return (
            f"Volume {volume.id} is the data volume of {stack} already, attached to its server. Nothing was changed. "
            f"How it is: `toybox status --stack {stack}`"
        )
    if server is not None and server.word == "SHUTOFF":
        reason, way_out = f"its server {server.id} is off", f"pulumi up --stack {stack}"
    elif server is not None:
        reason = f"its server {server.id} is {server.word}, and the volume {volume.word}"
        way_out = f"toybox status --stack {stack}"
    else:
        reason, way_out = "its server is gone", f"pulumi up --replace '**::server-boot-volume' --stack {stack}"
    raise OpsError(
        f"Volume {volume.id} is the data volume of {stack} already, and {reason}. Nothing was changed.\n"
        "    Why:     there is nothing to adopt; the state knows the volume, and its data is on it.\n"
        f"    Way out: `{way_out}`"
    )


def ways(stack: str, volume: Volume, leaving: Sequence[Volume]) -> str:
    """Return the commands that go on and go back, for an operator whose adoption stopped. Pure."""
    lines = [f"    Go on:   the same command again (`toybox adopt {volume.id} --stack {stack}`)."]
    lines += [f"    Go back: `toybox adopt {each.id} --stack {stack}`, the data from before." for each in leaving]
    return "\n".join(lines)


def recorded_words(volume: Volume) -> str:
    """Return the record of what a volume held when it was put aside; "" if nothing is recorded. Pure."""
    record = aside.read(volume.description)
    return record.held if record else ""
