"""Recover a production that is gone, step by step, in a project that has nothing of it.

The program puts the data on the new volume before it starts any container (components/backup_restore). This command
looks before and after, and makes an empty state where the former one only knows what is gone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from conoha import names
from ops import OpsError
from ops.backup.asking import Keeper, from_, keeper_for, listed
from ops.cloud import declared
from ops.data.adopt.adopt import Adopt
from ops.data.adopt.belongings import Cloud, disposable
from ops.data.command import ConfirmedCommand
from ops.data.recover.alive import refuse_alive
from ops.data.restore import moment
from ops.data.restore.database import RECORD, refuse_another_production, report
from ops.data.volume import aside, census, foresight, origin, state
from ops.data.volume.attempt import Attempt, way_back
from ops.data.volume.bring_up import bring_up, refuse_wrong_data
from ops.pulumi_cli import PulumiStack
from ops.restore_points import cinder
from ops.state import locks
from ops.timed import Timed
from settings import Declared, Kept


@dataclass(frozen=True)
class Recover(ConfirmedCommand):
    """The stack and its cloud; `confirm` asks whether it is meant, and raises if it is not."""

    def run(self, to: str, kind: str) -> None:
        """Recover. `kind` is where the data comes from, "keeper" or "copy".

        Raises:
            OpsError: with the reason and the way out.
            SettingsError: the settings are wrong.
        """
        settings, name, wanted = declared(self.stack), self.stack.name, moment.read(to)
        refuse_other_than_production(name, settings)
        locks.refuse_if_locked(self.stack)
        keeper = keeper_for(self.stack)
        refuse_another_production(name, keeper, is_production=True)
        refuse_alive(self.stack, settings, keeper)
        self.tell_what_is_kept(keeper, wanted, kind)
        adopt = Adopt(self.stack, self.connection, self.now, self.say, self.confirm)
        cloud, seen = adopt.look(), self.stack.exported()
        going_on = is_under_way(settings, wanted, kind, seen, cloud)
        if not going_on:
            refuse_data(name, cloud)
        parts = disposable(cloud, name)
        self.tell(parts.described(), cloud, going_on=going_on)
        # with a state of which nothing is left, the preview would tell of what is gone
        if going_on or state.is_empty(seen):
            # whatever is new in this state is new to it alone
            foresight.refuse_more(self.stack, self.say, foresight.MAKING, first=True)
        self.confirm(name)
        timed = Timed(self.say)
        Attempt(self.stack, self.connection, f"recover {kind}:{wanted}", self.now, seen).begin()

        with way_back(f"    Go on:   `{command(name, wanted, kind)}` again: it goes on, or begins anew."):
            if not going_on:
                self.make_room(adopt, cloud, seen, timed)
            with timed.step(f"origin in {self.stack.settings_file.name}"):
                origin.write(self.stack.settings_file, origin.kept(kind, wanted))
            recorded = bring_up(self.stack, self.connection, self.now, settings, timed, protected=True)
            took = timed.seconds
            with timed.step("the data is what the keeper has"):
                lines = self.looked_at(recorded)

        self.say(f"{name} is back, on volume {recorded.id}. RTO: {took:.0f} s from your yes to a site that answers.")
        for line in [*lines, *rpo(self.record(), wanted)]:
            self.say(f"  {line}")
        for line in afterwards(name, keeper, self.stack):
            self.say(line)

    def tell_what_is_kept(self, keeper: Keeper, to: str, kind: str) -> None:
        """Print what the keeper, or its copy, has. Raises OpsError if that is not what is wanted."""
        told = listed(keeper, kind)
        moment.refuse_unkept(to, told)
        whose = f"the {'copy of the ' if kind == 'copy' else ''}keeper {keeper.stack.name}"
        self.say(f"From {whose}: it has {told['from']} to {told['to']}. Wanted: {to}.")

    def tell(self, parts: Sequence[str], cloud: Cloud, *, going_on: bool) -> None:
        """Print what is going to happen."""
        name = self.stack.name
        if going_on:
            self.say("A recovery to this second is under way: it is brought to its end.")
            return
        self.say(f"{name} is made anew: data volume, server, all containers.")
        for part in parts:
            self.say(f"  removed first: {part}")
        for volume in aside.kept(cloud.volumes, name):
            self.say(
                f"  not touched: {volume.name} ({volume.id}), former data that `toybox adopt --stack {name}` can take"
            )

    def make_room(self, adopt: Adopt, cloud: Cloud, seen: str, timed: Timed) -> None:
        """Remove what can be made again, and make the state empty: what it knows is gone."""
        with timed.step("what is left of it is removed"):
            # no server: with one of this name the command has ended
            adopt.remove(replace(disposable(cloud, self.stack.name), servers=()))
        if not state.is_empty(seen):
            with timed.step("the state becomes an empty one"):
                back = self.stack.keep_copy(seen)
                self.stack.import_state(state.emptied(seen))
            self.say(f"    a copy of the state as it was: {back}")

    def looked_at(self, recorded: state.Recorded) -> list[str]:
        """Look at server, disk and database, and return what they hold, in words. Raises OpsError."""
        name, address = self.stack.name, str(self.stack.outputs()["address"])
        volume = next(each for each in cinder.volumes(self.connection) if each.id == recorded.id)
        first, now = census.taken(self.stack.exported()), census.look(self.stack, address)
        record = self.record()
        found = census.problems(first, now, recorded.id, volume.created_at)
        if record["volume"] != recorded.id or record["state"] != "whole":
            found.append(f"the data disk's record is of volume {record['volume']}, {record['state']}")
        if str(now.identifier) != str(record["identifier"]):
            found.append(f"database {now.identifier} runs, and {record['identifier']} was restored")
        if first:
            found += differing_rows(dict(record["rows"]), dict(first.rows))  # type: ignore[call-overload]
        refuse_wrong_data(name, found)
        return [f"holds now: {census.words(now)}", *report(self.stack)]

    def record(self) -> dict[str, object]:
        """Return the record on the data disk."""
        return dict(json.loads(self.stack.on_server(str(self.stack.outputs()["address"]), RECORD)))


def command(stack: str, to: str, kind: str) -> str:
    """Return the command as it is to be typed. Pure."""
    return " ".join(["toybox recover --to", to, "--stack", stack, *from_(kind)])


def refuse_other_than_production(name: str, settings: Declared) -> None:
    """Raise OpsError for a stack that is no production. Pure."""
    if not settings.is_production:
        raise OpsError(
            f"{name} is a {settings.environment}. Nothing was changed.\n"
            "    Why:     its data is a scrubbed copy of a production's, and is made again from there.\n"
            f"    Way out: `toybox restore database --to latest --stack {name}`, or `toybox refresh --stack {name}`."
        )


def is_under_way(settings: Declared, to: str, kind: str, seen: str, cloud: Cloud) -> bool:
    """Return whether a recovery to the same second was begun on the state that is there, and something of it is in the
    cloud. The program's own record on the data disk then decides what is left to do. Pure."""
    wanted = settings.data_volume.origin
    own = state.recorded(seen)
    there = {each.id for each in cloud.volumes}
    return isinstance(wanted, Kept) and (wanted.source, wanted.to) == (kind, to) and own is not None and own.id in there


def refuse_data(stack: str, cloud: Cloud) -> None:
    """Raise OpsError if the project has a server or a data volume of the stack. Pure."""
    own = names.resource_name(stack, "data")
    there = [f"volume {each.name} ({each.id})" for each in cloud.volumes if each.name == own]
    there += [f"server {each.name} ({each.id})" for each in disposable(cloud, stack).servers]
    if there:
        raise OpsError(
            f"The project is not empty: it has {', '.join(there)}. Nothing was changed.\n"
            "    Why:     that volume may have newer data than the keeper, and is there already.\n"
            f"    Way out: `toybox adopt --stack {stack}` brings {stack} up on it. With wrong data on it: after that\n"
            f"    `toybox restore database --to TIME --stack {stack}`, which keeps it aside."
        )


def differing_rows(restored: dict[str, int], counted: dict[str, int]) -> list[str]:
    """Return the tables of which the program's census, before any application, counted other rows than were restored.
    The two name tables in different ways. Pure."""
    there = {table.removeprefix("public."): rows for table, rows in restored.items()}
    return [
        f"table {table} had {there.get(table, 'no')} rows when it was restored and {rows} when it was counted"
        for table, rows in counted.items()
        if there.get(table, 0) != rows
    ]


def rpo(record: dict[str, object], to: str) -> list[str]:
    """Return what is known of what is lost. Pure."""
    newest = record["newest_commit"] or record["newest_mark"]
    if newest is None:
        return ["RPO: not known: the WAL that was restored had no commit"]
    commit = datetime.fromtimestamp(float(str(newest))).astimezone()
    if to == moment.LATEST:
        return [f"RPO: whatever was acknowledged after {commit.isoformat(timespec='milliseconds')}, the newest commit"]
    before = datetime.fromisoformat(to).timestamp() - float(str(newest))
    return [f"RPO: the newest commit is {before:.1f} s before the second that was asked for"]


def afterwards(stack: str, keeper: Keeper, chosen: PulumiStack) -> list[str]:
    """Return what is left for the operator to do. Pure."""
    return [
        f"Commit {chosen.settings_file.name}, in which the origin was written. Point DNS to the new address:",
        f"  pulumi stack output address --stack {stack}",
        "Let the keeper pull from it. A new full backup begins by itself:",
        f"  pulumi up --stack {keeper.stack.name}",
    ]
