"""Putting prod back on a restore point, step by step.

Every step finds out for itself whether it has been done, so that the command can be run again wherever it stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ops.cloud import declared
from ops.data_volume import choice, database, origin, state
from ops.data_volume.aside import aside_name, is_aside, put_aside, stop_server
from ops.data_volume.known import data_volume_ids
from ops.data_volume.swap import bring_up, made_from
from ops.pulumi_cli import PulumiStack
from ops.restore_points.drivers import driver_for
from ops.timed import Timed

if TYPE_CHECKING:
    from openstack.connection import Connection


@dataclass(frozen=True)
class Restore:
    """The stack and its cloud; `confirm` asks whether it is meant, and raises if it is not."""

    stack: PulumiStack
    connection: "Connection"
    now: datetime
    say: Callable[[str], None]
    confirm: Callable[[str], None]

    def run(self, wanted: str) -> None:
        """The whole of it.

        Raises:
            OpsError: with the reason and the way out.
            SettingsError: the settings are wrong.
        """
        settings, name = declared(self.stack), self.stack.name
        driver = driver_for(settings, self.connection)
        volumes, points = driver.volumes(), driver.list()
        ids = data_volume_ids(self.stack, settings, volumes, points)
        size = settings.data_volume.size
        point = choice.choose(points, wanted, of=name, volumes=ids, size=size, now=self.now)
        exported = self.stack.exported()
        recorded = state.recorded(exported)
        done = recorded is not None and made_from(exported, recorded.urn) == point.id
        self.say(f"{name} is put back on {choice.described(point, self.now)}.")
        if recorded and not done:
            self.say(
                f"What was written since then is not in it. The present data volume, {recorded.id}, is kept, renamed."
            )
        else:
            self.say("An earlier attempt has come part of the way; this one goes on from there.")
        self.confirm(name)

        timed = Timed(self.say)
        with timed.step(f"origin in {self.stack.settings_file.name}"):
            origin.write(self.stack.settings_file, origin.of_restore_point(point))
        if recorded and not done:
            with timed.step("the server shuts down"):
                stop_server(self.connection, name)
            present = next((volume for volume in volumes if volume.id == recorded.id), None)
            kept_as = present.name if present and is_aside(present.name, name) else aside_name(name, self.now)
            with timed.step("the present volume is put aside"):
                put_aside(self.stack, self.connection, recorded, kept_as)
        restored = bring_up(self.stack, settings, timed, protected=settings.is_production)
        volumes = driver.volumes()
        aside = [volume for volume in volumes if is_aside(volume.name, name)]
        newest = max(aside, key=lambda volume: volume.name, default=None)
        with timed.step("the database is the restore point's"):
            volume = next(volume for volume in volumes if volume.id == restored.id)
            database.refuse_a_new_one(self.stack, volume, point, newest.id if newest else None)

        self.say(f"{name} has its data of {choice.when(point)} again. It took {timed.seconds:.0f} s.")
        for volume in aside:
            self.say(f"  kept: {volume.name}, {volume.size} GB ({volume.id})")
        if newest:
            self.say("The way back to the data from before, when nobody needs what is written from now on:")
            self.say(f"  toybox adopt {name} {newest.id}")
            self.say("A kept volume costs money. Delete it by hand when nobody will want to go back.")
        self.say(f"Commit {self.stack.settings_file.name}, in which the origin was written.")
