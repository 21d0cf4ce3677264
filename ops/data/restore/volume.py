"""Restore a production's data volume from a restore point, step by step.

Each run makes a new volume from the restore point: the site may have written on the volume of an earlier run. If you
run the command again, it keeps all volumes and starts again, wherever it stopped.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conoha import names
from ops import OpsError
from ops.cloud import declared
from ops.data.command import ConfirmedCommand
from ops.data.volume import aside, choice, foresight, origin, source, state
from ops.data.volume.attempt import Attempt, stop_server, to_put_aside, way_back
from ops.data.volume.bring_up import bring_up, held_before, restored
from ops.data.volume.known import data_volume_ids
from ops.data.volume.source import Source
from ops.restore_points.drivers import driver_for
from ops.restore_points.model import Driver, Volume
from ops.state import locks
from ops.timed import Timed
from settings import Declared


@dataclass(frozen=True)
class RestoreVolume(ConfirmedCommand):
    """The stack and its cloud; `confirm` asks whether it is meant, and raises if it is not."""

    def run(self, wanted: str) -> None:
        """Restore the data.

        Raises:
            OpsError: the restore stopped. The message has the reason, and the commands that go on and go back.
            SettingsError: the settings are wrong.
        """
        settings = declared(self.stack)
        refuse_other_than_production(self.stack.name, settings)
        locks.refuse_if_locked(self.stack)
        driver = driver_for(settings, self.connection)
        volumes, points = driver.volumes(), driver.list()
        ids = data_volume_ids(self.stack, settings, volumes, points)
        size = settings.data_volume.size
        point = choice.choose(points, wanted, of=self.stack.name, volumes=ids, size=size, now=self.now)
        again = f"toybox restore volume --from {point.id} --stack {self.stack.name}"
        self.put_back(settings, driver, source.of_restore_point(point, self.now, again))

    def put_back(
        self, settings: Declared, driver: Driver, chosen: Source, first: Callable[[Timed], None] = lambda _: None
    ) -> None:
        """Put the stack on a new data volume that is made from `chosen`. `first` is done once the operator has said
        yes, before anything is changed.

        Raises:
            OpsError: as `run` does.
        """
        name, volumes = self.stack.name, driver.volumes()
        attempt = Attempt(self.stack, self.connection, chosen.purpose, self.now, self.stack.exported())
        recorded = state.recorded(attempt.seen)
        refuse_a_lost_state(name, attempt.seen, volumes)
        leaving = to_put_aside(volumes, name, recorded)
        earlier = aside.under_way(volumes, name)
        self.tell(chosen, leaving, earlier)
        foresight.refuse_more(self.stack, self.say, None if recorded else foresight.MAKING)
        self.confirm(name)
        attempt.begin()

        timed = Timed(self.say)
        first(timed)
        former = list({each.id: each for each in [*earlier, *leaving]}.values())
        with way_back(ways(name, chosen, former)):
            with timed.step("what the present volume holds"):
                held = held_before(self.stack, self.connection, self.say) if recorded else None
            with timed.step("the present volume is put aside"):
                for volume in former:
                    attempt.put_aside(volume, held.words if held and volume.server_id == held.server_id else "")
            with timed.step("the server shuts down"):
                stop_server(self.connection, name)
            with timed.step(f"origin in {self.stack.settings_file.name}"):
                origin.write(self.stack.settings_file, chosen.origin)
            if recorded:
                with timed.step("the present volume leaves the state"):
                    back = attempt.forget(recorded)
                self.say(f"    a copy of the state as it was: {back}")
            present = bring_up(self.stack, self.connection, self.now, settings, timed, protected=settings.is_production)
            with timed.step("the data is what was asked for"):
                report = restored(self.stack, driver.volumes(), present.id, known={each.id for each in volumes})
            attempt.end(driver.volumes())

        self.say(f"{name} has its data of {chosen.when} again. It took {timed.seconds:.0f} s.")
        for line in report:
            self.say(f"  {line}")
        self.tell_of_kept(driver.volumes(), former)
        self.say(f"Commit {self.stack.settings_file.name}, in which the origin was written.")

    def tell(self, chosen: Source, leaving: Sequence[Volume], earlier: Sequence[Volume]) -> None:
        """Print the steps that follow."""
        self.say(f"{self.stack.name} is put back on {chosen.described}.")
        for volume in leaving:
            self.say(
                f"What was written since then is not in it. The present data volume, {volume.id}, is kept, renamed."
            )
        for volume in earlier:
            if record := aside.read(volume.description):
                self.say(
                    f"An attempt of {record.since:%Y-%m-%d %H:%M} UTC to {record.purpose} has not come to its end. "
                    f"The data from before it is on {volume.id}. This one begins anew."
                )

    def tell_of_kept(self, volumes: Sequence[Volume], former: Sequence[Volume]) -> None:
        """Print the volumes that are kept, and the way back."""
        name = self.stack.name
        for volume in aside.kept(volumes, name):
            self.say(f"  kept: {volume.name}, {volume.size} GB ({volume.id})")
        if former:
            self.say("The way back to the data from before, when nobody needs what is written from now on:")
            for volume in former:
                self.say(f"  toybox adopt {volume.id} --stack {name}")
            self.say(f"A kept volume costs money: `toybox kept list --stack {name}`, and `delete` when you need none.")


def refuse_other_than_production(stack: str, settings: Declared) -> None:
    """Raise OpsError for a stack that is no production. Pure."""
    if not settings.is_production:
        raise OpsError(
            f"toybox:environment of {stack} is {settings.environment}, and has to be production. Nothing was changed.\n"
            "    Why:     the data of a staging is a scrubbed copy of a production's, and is made again from there.\n"
            f"    Way out: `toybox refresh --stack {stack}`."
        )


def refuse_a_lost_state(stack: str, exported: str, volumes: Sequence[Volume]) -> None:
    """Raise OpsError if the state is empty and the stack's data exists: an update would make everything a second
    time."""
    there = [each for each in volumes if each.name == names.resource_name(stack, "data")]
    if there and state.is_empty(exported):
        raise OpsError(
            f"The state of {stack} is empty, and its data volume is there ({there[0].id}). Nothing was changed.\n"
            "    Why:     the state is lost; an update would make a second server beside the first.\n"
            f"    Way out: get the state back (`toybox state exports --stack {stack}`), or "
            f"`toybox adopt --stack {stack}`. Then this command again."
        )


def ways(stack: str, chosen: Source, former: Sequence[Volume]) -> str:
    """Return the commands that go on and go back, for an operator whose restore stopped."""
    lines = [
        f"    Go on:   `toybox adopt --stack {stack}` brings this attempt to its end, if it has made a volume. "
        "Or begin anew:",
        f"             `{chosen.again}`, the same command again.",
    ]
    lines += [f"    Go back: `toybox adopt {each.id} --stack {stack}`, the data from before." for each in former]
    return "\n".join(lines)
