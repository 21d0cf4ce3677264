"""Restore a second of the database from what the keeper keeps: into staging, scrubbed, or into prod.

Both are what `toybox refresh` and `toybox restore volume` do, with a keeper's backup in place of a restore point.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from ops import OpsError
from ops.backup.asking import Keeper, ask, from_, keeper_for, listed
from ops.cloud import declared
from ops.data.command import ConfirmedCommand
from ops.data.refresh.refresh import Refresh
from ops.data.restore import missing_files, moment
from ops.data.restore.volume import RestoreVolume
from ops.data.volume.source import Source, of_keeper
from ops.pulumi_cli import PulumiStack
from ops.restore_points.drivers import driver_for
from ops.state import locks
from ops.timed import Timed

RECORD = "cat /srv/toybox/.restored.json"
"""What components/backup_restore wrote on the data disk."""


@dataclass(frozen=True)
class RestoreDatabase(ConfirmedCommand):
    """The stack that gets the data, and its cloud; `confirm` asks for a production whether it is meant."""

    def run(self, to: str, kind: str) -> None:
        """Restore. `kind` is where the data comes from, "keeper" or "copy".

        Raises:
            OpsError: with the reason and the way out.
            SettingsError: the settings are wrong.
        """
        settings, wanted = declared(self.stack), moment.read(to)
        locks.refuse_if_locked(self.stack)
        keeper = keeper_for(self.stack)
        refuse_another_production(self.stack.name, keeper, is_production=settings.is_production)
        if not self.stack.exists():
            raise OpsError(
                f"The state knows no stack {self.stack.name}. Nothing was changed.\n"
                f"    Way out: if it never was, `toybox init --stack {self.stack.name}`; if it is lost, "
                f"`toybox recover --stack {self.stack.name}`."
            )
        moment.refuse_unkept(wanted, listed(keeper, kind))
        driver = driver_for(settings, self.connection)
        chosen = source(self.stack.name, keeper, wanted, kind)
        if settings.is_production:
            restore = RestoreVolume(self.stack, self.connection, self.now, self.say, self.confirm)
            restore.put_back(settings, driver, chosen, lambda timed: self.pull_files(keeper, timed))
        else:
            Refresh(self.stack, self.connection, self.now, self.say).renew(settings, driver, chosen)
        for line in report(self.stack):
            self.say(f"  {line}")
        if settings.is_production:
            self.say(f"The keeper pulls from the new server after: pulumi up --stack {keeper.stack.name}")

    def pull_files(self, keeper: Keeper, timed: Timed) -> None:
        """Have the keeper pull the files once more, while the server still runs. Where it cannot, the restore goes on
        with the newest that it has."""
        with timed.step("the keeper pulls the files once more"):
            told = ask(keeper, "run", "files", seconds=None)
        if not told.get("ok"):
            why = str(told.get("why") or told.get("error")).splitlines()[0]
            self.say(f"    it could not, so the files are those of its newest snapshot: {why}")


def source(stack: str, keeper: Keeper, to: str, kind: str) -> Source:
    """Return what the keeper keeps as the source of a data volume."""
    again = " ".join(["toybox restore database --to", to, "--stack", stack, *from_(kind)])
    return of_keeper(kind, to, keeper.stack.name, again)


def refuse_another_production(stack: str, keeper: Keeper, *, is_production: bool) -> None:
    """Raise OpsError if the keeper keeps another production than the one that is to get the data."""
    if is_production and keeper.keeps != stack:
        raise OpsError(
            f"The keeper {keeper.stack.name} keeps {keeper.keeps}, and not {stack}. Nothing was changed.\n"
            f"    Why:     {stack} would go on with another production's data, unscrubbed.\n"
            "    Way out: toybox:keeps in the keeper's settings, if that is wrong."
        )


def report(stack: PulumiStack) -> list[str]:
    """Return what was restored, in words: by the record on the data disk, and by the site that now runs on it."""
    address = str(stack.outputs()["address"])
    record = json.loads(stack.on_server(address, RECORD))
    return [*recorded(record), *missing_files.in_words(missing_files.missing(stack, address))]


def recorded(record: dict[str, object]) -> list[str]:
    """Return the record of a restore in words. Pure."""
    newest = record["newest_commit"]
    commit = datetime.fromtimestamp(float(str(newest))).astimezone() if newest is not None else None
    lines = [f"full backup {record['backup']}, PostgreSQL's timeline {record['timeline']}"]
    lines += [f"newest commit: {commit.isoformat(timespec='milliseconds')}"] if commit else []
    return [*lines, f"files as of {record['files_of']}"]
