"""The nightly run of the automatic backup, and nights that pass when they are told to.

The backups are Cinder's own. A night makes what is there 24 h older: backups show an earlier time (`book`), and
snapshots are gone.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openstack import exceptions
from openstack.connection import Connection

from conoha import volumes
from lab import cloud, credentials, paths
from lab.conoha_rules import book_path
from lab.conoha_rules.book import Book
from lab.steps import LabError

VERSION = "3.67"


@dataclass(frozen=True)
class Kept:
    """A backup that the nightly run made."""

    id: str
    volume: str
    made: str
    """When, as Cinder says it."""
    nights: int
    """How many nights ago."""


@dataclass
class Night:
    """What a night did."""

    made: list[str] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    """Snapshots, which are gone after 24 h."""


def beyond_retention(backups: Iterable[Kept], retention: int) -> list[str]:
    """The ids of a server's backups that are too many: of each volume the newest `retention` stay."""
    by_volume: dict[str, list[Kept]] = {}
    for backup in backups:
        by_volume.setdefault(backup.volume, []).append(backup)
    excess: list[str] = []
    for generations in by_volume.values():
        generations.sort(key=lambda one: one.made)
        generations.sort(key=lambda one: one.nights, reverse=True)
        excess += [one.id for one in generations[: max(len(generations) - retention, 0)]]
    return excess


def pass_nights(project: str, count: int, state: Path = paths.LAB_DIR) -> list[Night]:
    """Let nights pass for one of the lab's projects (a key of credentials.json).

    Raises:
        LabError: there is no such project, or a backup fails.
    """
    accounts = credentials.credentials()
    if project not in accounts["projects"]:
        raise LabError(f"the lab has no project {project!r}: it has {', '.join(accounts['projects'])}")
    connection = cloud.connect({**accounts, "auth_url": credentials.KEYSTONE_URL}, accounts["projects"][project])
    return [one_night(connection, Book(book_path(state))) for _ in range(count)]


def one_night(connection: Connection, book: Book) -> Night:
    """24 h pass, and at their end the nightly run."""
    night = Night()
    make_older(connection, book)
    night.expired = expire_snapshots(connection)
    for server, subscription in book.read().subscriptions.items():
        if subscription.project != connection.current_project_id:
            continue
        attached = volumes_of(connection, server)
        if attached is None:
            end_subscription(book, server)
            continue
        with ThreadPoolExecutor(max(len(attached), 1)) as pool:
            night.made += pool.map(lambda volume, server=server: back_up(connection, server, volume), attached)
        night.pruned += prune(connection, book, server, subscription.retention)
    return night


def all_backups(connection: Connection) -> list[dict[str, Any]]:
    """The project's backups, as Cinder describes them."""
    answer = connection.block_storage.get("/backups/detail", microversion=VERSION)
    exceptions.raise_from_response(answer)
    return list(answer.json()["backups"])


def make_older(connection: Connection, book: Book) -> None:
    """Every backup of the project is a night older."""
    ids = [one["id"] for one in all_backups(connection)]
    with book.changing() as state:
        for backup in ids:
            state.nights[backup] = state.nights.get(backup, 0) + 1


def expire_snapshots(connection: Connection) -> list[str]:
    """ConoHa deletes snapshots after 24 h, and 24 h have passed for every one there is."""
    found = list(connection.block_storage.snapshots(details=True))
    for snapshot in found:
        connection.block_storage.delete_snapshot(snapshot.id)
    for snapshot in found:
        connection.block_storage.wait_for_delete(snapshot, interval=0.2, wait=60)
    return [snapshot.id for snapshot in found]


def volumes_of(connection: Connection, server: str) -> list[Mapping[str, Any]] | None:
    """The volumes that a server has now. None if the server is gone: its subscription ends then, and its backups stay
    (which nobody has proved of ConoHa, see components/data/snapshot_policy.py)."""
    found = connection.compute.find_server(server)
    if found is None:
        return None
    ids = [one["id"] for one in found.attached_volumes]
    return [connection.block_storage.get_volume(volume).to_dict() for volume in ids]


def end_subscription(book: Book, server: str) -> None:
    """A server that is gone is not backed up."""
    with book.changing() as state:
        state.subscriptions.pop(server, None)


def back_up(connection: Connection, server: str, volume: Mapping[str, Any]) -> str:
    """Make a real backup of a volume, in use or not, and wait until it is there.

    UNCONFIRMED (backup-of-running-server): that the nightly run does not need a stopped server, and what it does about
    data the server has not written yet. Here: as after a power cut.
    UNCONFIRMED (backup-name): what a backup is called. Here: the volume's name.
    """
    wanted = {
        "volume_id": volume["id"],
        "name": volume["name"] or volume["id"],
        "force": True,
        "metadata": {
            "instance_uuid": server,
            "is_boot_volume": str(volume["volume_type"] == volumes.BOOT.name).lower(),
        },
    }
    answer = connection.block_storage.post("/backups", json={"backup": wanted}, microversion=VERSION)
    exceptions.raise_from_response(answer)
    backup = str(answer.json()["backup"]["id"])
    deadline = time.monotonic() + 300
    while (status := status_of(connection, backup)) == "creating" and time.monotonic() < deadline:
        time.sleep(0.2)
    if status != "available":
        raise LabError(
            f"the nightly backup {backup} of the volume {volume['id']} is {status}", paths.LOG / "cinder.log"
        )
    return backup


def status_of(connection: Connection, backup: str) -> str:
    """A backup's status; "gone" if it is not there."""
    answer = connection.block_storage.get(f"/backups/{backup}", microversion=VERSION)
    return str(answer.json()["backup"]["status"]) if answer.status_code == 200 else "gone"


def prune(connection: Connection, book: Book, server: str, retention: int) -> list[str]:
    """Delete a server's backups beyond its retention."""
    nights = book.read().nights
    ours: Sequence[Kept] = [
        Kept(one["id"], one["volume_id"], one["created_at"], nights.get(one["id"], 0))
        for one in all_backups(connection)
        if (one.get("metadata") or {}).get("instance_uuid") == server
    ]
    excess = beyond_retention(ours, retention)
    for backup in excess:
        exceptions.raise_from_response(connection.block_storage.delete(f"/backups/{backup}"))
    while any(status_of(connection, backup) == "deleting" for backup in excess):
        time.sleep(0.2)
    with book.changing() as state:
        for backup in excess:
            state.nights.pop(backup, None)
    return excess
