"""Refreshing staging, step by step. Prod's state and the list of its restore points are read, nothing else of it."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from conoha import names
from ops import OpsError
from ops.cloud import cloud_errors, declared
from ops.data.command import DataCommand
from ops.data.refresh import verdict
from ops.data.volume import census, choice, foresight, origin, source, state
from ops.data.volume.bring_up import await_site
from ops.data.volume.former import deletable
from ops.data.volume.known import data_volume_ids
from ops.leftovers.remove import make_way
from ops.restore_points import cinder, schedule
from ops.restore_points.drivers import driver_for
from ops.restore_points.model import Driver, RestorePoint, Volume
from ops.state import locks
from ops.status.cloud.server import find_server
from ops.timed import Timed
from settings import Declared

SOURCE = "prod"

VERIFY = "cd /usr/local/lib/toybox/staging-scrub && python3 -B -m components.staging_scrub.scrub verify"
"""Where components/staging_scrub leaves its script on the server."""


@dataclass(frozen=True)
class Refresh(DataCommand):
    """Staging, prod and the cloud that both are in."""

    def run(self, wanted: str | None, *, allow_older: bool) -> None:
        """Refresh the data. After any interruption, a second run starts again.

        Raises:
            OpsError: with the reason and the way out; the site of staging is down or unchanged then, never unscrubbed.
            SettingsError: the settings of staging or prod are wrong.
        """
        settings, prods = declared(self.stack), declared(self.stack.sibling(SOURCE))
        refuse_another_account(settings, prods, self.stack.name)
        refuse_other_roles(settings, prods, self.stack.name)
        if not self.stack.exists():
            raise OpsError(
                f"The state knows no stack {self.stack.name}.\n"
                f"    Way out: `toybox init --stack {self.stack.name}` makes it."
            )
        locks.refuse_if_locked(self.stack)
        driver = driver_for(prods, self.connection)
        point, keep = self.point(driver, settings, prods, wanted, allow_older=allow_older)
        chosen = source.of_restore_point(point, self.now, f"toybox refresh --stack {self.stack.name}")
        self.renew(settings, driver, chosen, keep)
        self.say(f"  The data is {schedule.in_words(point.age(self.now))} old.")

    def renew(self, settings: Declared, driver: Driver, chosen: source.Source, keep: Collection[str] = ()) -> None:
        """Make the data volume again from `chosen`. Prod's volumes are to `keep`, whatever their names.

        Raises:
            OpsError: as `run` does.
        """
        self.say(f"From {chosen.described}")
        seen = self.stack.exported()
        foresight.refuse_more(self.stack, self.say, foresight.REPLACING, first=state.completed(seen) is None)
        former = state.recorded(seen)
        timed = Timed(self.say)
        aside = make_way(self.stack, None, self.connection, self.now, timed)
        with timed.step(f"origin in {self.stack.settings_file.name}"):
            origin.write(self.stack.settings_file, chosen.origin)
        with timed.step("pulumi up: volume, server, scrub, services"):
            replace = ["--replace", former.urn] if former else []
            self.stack.update(*replace, show=timed.line_of_pulumi)
        present = state.recorded(self.stack.exported())
        if present is None or (former and present.id == former.id):
            raise OpsError(f"The data volume was not replaced. Look with: pulumi preview --stack {self.stack.name}")
        with timed.step("volume, server, database, containers"):
            self.look_at_what_was_made(present.id, chosen, driver)
        with timed.step("rows, files, addresses"):
            report = self.verified(present.id, chosen)
        with timed.step("the site answers"):
            await_site(self.stack, settings)
        with timed.step("the former data volume"):
            volumes = driver.volumes()
            self.delete(
                deletable(
                    volumes,
                    self.stack.name,
                    keep={*keep, present.id},
                    aside=aside,
                    is_production=settings.is_production,
                )
            )
        self.tell_of_kept(former, volumes)
        for line in verdict.summary(report):
            self.say(f"  {line}")
        self.say(f"Staging has prod's data of {chosen.when}. It took {timed.seconds:.0f} s.")
        self.say(f"Commit {self.stack.settings_file.name}, in which the origin was written.")

    def point(
        self, driver: Driver, settings: Declared, prods: Declared, wanted: str | None, *, allow_older: bool
    ) -> tuple[RestorePoint, set[str]]:
        """The restore point, and the ids of prod's volumes. Prod's server is not asked, and need not be there; nor
        need its volume, for a restore point outlives it."""
        points = driver.list()
        prod_volumes = data_volume_ids(self.stack.sibling(SOURCE), prods, driver.volumes(), points)
        recorded = state.recorded(self.stack.exported())
        point = choice.choose(
            points,
            wanted,
            of=SOURCE,
            volumes=prod_volumes,
            others={recorded.id} if recorded else set(),
            size=settings.data_volume.size,
            now=self.now,
            oldest=None if allow_older else schedule.RED,
        )
        return point, prod_volumes

    def look_at_what_was_made(self, volume_id: str, chosen: source.Source, driver: Driver) -> None:
        """Ask the cloud and the server, and not the state or the scrub's record. Raise OpsError for any problem."""
        name, address = self.stack.name, self.stack.outputs()["address"]
        with cloud_errors(f"to show volume {volume_id}"):
            volume = self.connection.block_storage.get_volume(volume_id)
        server = find_server(self.connection, name)
        found = verdict.volume_problems(volume, chosen.id, server.id if server else None)
        if server is None or server.address != address:
            found.append(f"the server has the address {server.address if server else None}, the state says {address}")
        found += verdict.container_problems(self.stack.on_server(address, verdict.CONTAINERS))
        made = next(each for each in driver.volumes() if each.id == volume_id)
        found += census.problems(None, census.look(self.stack, address), volume_id, made.created_at)
        self.refuse(found, chosen)

    def verified(self, volume_id: str, chosen: source.Source) -> dict[str, Any]:
        """What the server says about its data. Raises OpsError if anything is not as it should be."""
        address = self.stack.outputs()["address"]
        report: dict[str, Any] = json.loads(self.stack.on_server(address, VERIFY))
        self.refuse(verdict.problems(report, volume_id), chosen)
        return report

    def refuse(self, problems: list[str], chosen: source.Source) -> None:
        """Raise OpsError if there are problems."""
        if problems:
            raise OpsError(
                "Staging is up, and is not as it should be. Its former data volume is still there.\n"
                + "\n".join(f"  - {each}" for each in problems)
                + f"\n    Way out: mend the cause, then `{chosen.again}` again: it begins anew."
            )

    def delete(self, volumes: list[Volume]) -> None:
        """Delete former data volumes of staging."""
        for volume in volumes:
            with cloud_errors(
                f"the deletion of staging's former data volume {volume.id}",
                "The refresh itself is not harmed. A volume that has a snapshot cannot be deleted before it.",
            ):
                cinder.delete_volume(self.connection, volume.id)

    def tell_of_kept(self, former: state.Recorded | None, volumes: list[Volume]) -> None:
        """A volume that was adopted has a name of its own, and is not ours to delete."""
        kept = next((volume for volume in volumes if former and volume.id == former.id), None)
        if kept and kept.name != names.resource_name(self.stack.name, "data"):
            self.say(f"  kept: the former data volume {kept.name} ({kept.id}), which was adopted. Delete it by hand.")


def refuse_other_roles(settings: Declared, prods: Declared, stack: str) -> None:
    """Raise OpsError unless the data goes from a production to a staging: the refresh replaces the target's data
    volume."""
    for name, declared_as, wanted in ((stack, settings, "staging"), (SOURCE, prods, "production")):
        if declared_as.environment != wanted:
            raise OpsError(
                f"toybox:environment of {name} is {declared_as.environment}, and has to be {wanted}. "
                "Nothing was changed.\n"
                "    Why:     a refresh replaces the data volume of a staging with a production's data, scrubbed.\n"
                f"    Way out: name the right stacks, or correct toybox:environment in Pulumi.{name}.yaml."
            )


def refuse_another_account(settings: Declared, prods: Declared, stack: str) -> None:
    """Raises OpsError if the two stacks are in different accounts: no volume can be made across them."""
    theirs, ours = prods.openstack, settings.openstack
    if (theirs.auth_url, theirs.tenant_name) != (ours.auth_url, ours.tenant_name):
        raise OpsError(
            f"{stack} is in tenant {ours.tenant_name} ({ours.auth_url}) and {SOURCE} in {theirs.tenant_name} "
            f"({theirs.auth_url}), and a restore point can be used in its own tenant only. Nothing was changed.\n"
            "    Way out: keep both stacks in one tenant."
        )
