"""What a data volume holds, and whether a stack that was brought up on it has that and nothing else.

Counted by components/data_census/census.py: once by the update, before any application container is there, and once by
the command at its end. The two do not pass through each other, nor through what the command wrote.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops.cloud import ROOT
from ops.pulumi_cli import PulumiStack

SCRIPT = ROOT / "components" / "data_census" / "census.py"
NAME = "data-census-taken"
"""The logical name of the update's own census (components/data_census)."""

CLOCKS = timedelta(minutes=2)
"""How far the clocks of the cloud and of a server may be apart."""


@dataclass(frozen=True)
class Census:
    """What one look found.

    Attributes:
        disk: the names by which the server knows the mounted data disk; they hold the volume's id.
        identifier: PostgreSQL's system identifier, which `initdb` makes and nothing changes.
        rows: rows by table.
        newest: the newest time in any column of any table, none in the future.
    """

    disk: tuple[str, ...]
    identifier: int
    rows: Mapping[str, int]
    newest: datetime | None
    files: int
    bytes: int

    @property
    def made(self) -> datetime:
        """When `initdb` made the database: the identifier's upper 32 bits are the seconds since 1970 (PostgreSQL 15,
        src/backend/access/transam/xlog.c, BootStrapXLOG)."""
        return datetime.fromtimestamp(self.identifier >> 32, UTC)

    def lies_on(self, volume_id: str) -> bool:
        """Whether the mounted disk is this volume: virtio shows the first 20 characters of its id."""
        return any(name.endswith(volume_id[:20]) for name in self.disk)


def parsed(text: str) -> Census:
    """What the script printed."""
    found = json.loads(text)
    newest = found["newest"]
    return Census(
        disk=tuple(found["disk"]),
        identifier=int(found["identifier"]),
        rows=dict(found["rows"]),
        newest=None if newest is None else datetime.fromtimestamp(float(newest), UTC),
        files=int(found["media"]["files"]),
        bytes=int(found["media"]["bytes"]),
    )


def words(found: Census) -> str:
    """A census for people, and for the record on a volume that is put aside."""
    newest = f"{found.newest:%Y-%m-%dT%H:%M:%SZ}" if found.newest else "none"
    return (
        f"database {found.identifier} with {sum(found.rows.values())} rows in {len(found.rows)} tables, newest write "
        f"{newest}, and {found.files} files"
    )


WORDS = re.compile(r"database (\d+) with (\d+) rows in \d+ tables, newest write (\S+), and (\d+) files")


def since(before: str, now: Census) -> list[str]:
    """What is wrong with an adopted volume of which `before` was said (`words`); nothing if all is well.

    Rows may come and go between that look and the end of its server; all of them may not, nor its newest write.
    """
    found = WORDS.fullmatch(before)
    if found is None:
        return []
    identifier, rows, newest, files = found.groups()
    wrong = []
    if int(identifier) != now.identifier:
        wrong.append(f"it is another database ({now.identifier}) than the volume had ({identifier})")
    if int(rows) and not sum(now.rows.values()):
        wrong.append(f"all {rows} rows are gone")
    if newest != "none" and (now.newest is None or f"{now.newest:%Y-%m-%dT%H:%M:%SZ}" < newest):
        wrong.append(f"its newest write was of {newest}, and is of {now.newest or 'no time'} now")
    if int(files) and not now.files:
        wrong.append(f"all {files} uploaded files are gone")
    return wrong


def problems(first: Census | None, now: Census, volume_id: str, made_by: datetime) -> list[str]:
    """What is wrong with a stack that was brought up on volume `volume_id`; nothing if all is well.

    `first` is what the volume held before any application container, if that was counted; `now` is what it holds.
    `made_by` is the moment by which the data must have been there: when the volume was made out of a restore point, or
    the server for an adopted one.
    """
    found = [
        f"the server's data disk is {', '.join(each.disk) or 'nothing'}, and not volume {volume_id}"
        for each in (now, first)
        if each and not each.lies_on(volume_id)
    ]
    if now.made > made_by:
        return [
            *found,
            f"the database is a new one: PostgreSQL made it at {now.made:%Y-%m-%d %H:%M:%S} UTC, so the volume "
            "held none",
        ]
    if not sum(now.rows.values()):
        found.append("the database has no rows at all")
    if first is None:
        return found
    if first.newest and first.newest > made_by + CLOCKS:
        found.append(f"its newest write was of {first.newest:%H:%M:%S}, and nothing wrote after {made_by:%H:%M:%S} UTC")
    if now.identifier != first.identifier:
        found.append(f"another database runs now ({now.identifier}) than at first ({first.identifier})")
    found += [
        f"table {table} had {rows} rows before the application started and has {now.rows.get(table, 'gone')} now"
        for table, rows in first.rows.items()
        if rows and not now.rows.get(table)
    ]
    if first.files and not now.files:
        found.append(f"all {first.files} uploaded files are gone")
    return found


def taken(exported: str) -> Census | None:
    """The update's own census, as the state has it; None if there is none (a staging)."""
    for resource in (json.loads(exported).get("deployment") or {}).get("resources") or []:
        if resource["urn"].endswith(f"::{NAME}") and not resource.get("delete"):
            text = (resource.get("outputs") or {}).get("stdout")
            return parsed(text) if text else None
    return None


def look(stack: PulumiStack, address: str) -> Census:
    """What the stack's server holds now. Raises OpsError if it cannot be asked."""
    return parsed(stack.on_server(address, "python3 -", SCRIPT.read_text()))
