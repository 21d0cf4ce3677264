"""Count what a data volume holds, and judge whether a stack that was brought up on it has that data and no other.

components/data_census/census.py does the count: once in the update, before any application container is there, and once
for the command at its end. The two counts are independent of each other, and of the command's records.
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
"""The most that the clocks of the cloud and of a server may differ."""


@dataclass(frozen=True)
class Census:
    """The result of one look.

    Attributes:
        disk: the names by which the server knows the mounted data disk. They contain the volume's id.
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
        """Return the time at which `initdb` made the database: the identifier's upper 32 bits are the seconds since
        1970 (PostgreSQL 15, src/backend/access/transam/xlog.c, BootStrapXLOG)."""
        return datetime.fromtimestamp(self.identifier >> 32, UTC)

    def lies_on(self, volume_id: str) -> bool:
        """Return whether the mounted disk is this volume: virtio shows the first 20 characters of its id."""
        return any(name.endswith(volume_id[:20]) for name in self.disk)


def parsed(text: str) -> Census:
    """Return the census that the script printed."""
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
    """Return a census in words, for people and for the record on a volume that is put aside."""
    newest = f"{found.newest:%Y-%m-%dT%H:%M:%SZ}" if found.newest else "none"
    return (
        f"database {found.identifier} with {sum(found.rows.values())} rows in {len(found.rows)} tables, newest write "
        f"{newest}, and {found.files} files"
    )


WORDS = re.compile(r"database (\d+) with (\d+) rows in \d+ tables, newest write (\S+), and (\d+) files")


def since(before: str, now: Census) -> list[str]:
    """Return the problems of an adopted volume, given the words of an earlier census, `before`; empty if all is well.

    Between that census and the end of its server, some rows may come and go. All rows may not go, nor its newest write.
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
    """Return the problems of a stack that was brought up on volume `volume_id`; empty if all is well.

    `first` is the count before any application container, if there is one; `now` is the present count. The data must be
    older than `made_by`: the time at which the volume was made from a restore point, or the server for an adopted one.
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
    """Return the update's own census from the state; None if there is none (a staging)."""
    for resource in (json.loads(exported).get("deployment") or {}).get("resources") or []:
        if resource["urn"].endswith(f"::{NAME}") and not resource.get("delete"):
            text = (resource.get("outputs") or {}).get("stdout")
            return parsed(text) if text else None
    return None


def look(stack: PulumiStack, address: str) -> Census:
    """Return a census of the stack's server now. Raise OpsError if it cannot be asked."""
    return parsed(stack.on_server(address, "python3 -", SCRIPT.read_text()))
