"""What Cinder knows of volumes, snapshots and backups, in our words. ConoHa answers the same questions."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ops.cloud import cloud_errors
from ops.restore_points.model import RestorePoint, Volume, state_of

if TYPE_CHECKING:
    from openstack.connection import Connection


TIMEOUT = 600
"""Seconds for the cloud to delete a volume."""


def moment(text: str) -> datetime:
    """A time as Cinder writes it: UTC, without saying so."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def volumes(connection: "Connection") -> list[Volume]:
    """The project's volumes, sorted by name."""
    with cloud_errors("the list of volumes"):
        found = [
            Volume(
                id=each.id,
                name=each.name or "",
                size=each.size,
                word=each.status,
                created_at=moment(each.created_at),
                metadata=dict(each.metadata or {}),
                server_id=next((attachment["server_id"] for attachment in each.attachments or []), None),
                description=each.description or "",
            )
            for each in connection.block_storage.volumes(details=True)
        ]
    return sorted(found, key=lambda volume: (volume.name, volume.id))


def delete_volume(connection: "Connection", volume_id: str) -> None:
    """Delete a volume, and wait for at most TIMEOUT seconds until the cloud no longer has it. Raise the SDK's errors:
    the caller says what hangs on them (ops.cloud.cloud_errors)."""
    storage = connection.block_storage
    storage.delete_volume(volume_id)
    left = storage.find_volume(volume_id, ignore_missing=True)
    if left is not None:
        storage.wait_for_delete(left, interval=0.5, wait=TIMEOUT)


def snapshots(connection: "Connection") -> list[RestorePoint]:
    """The project's snapshots."""
    with cloud_errors("the list of snapshots"):
        return [snapshot(each) for each in connection.block_storage.snapshots(details=True)]


def snapshot(found: Any) -> RestorePoint:
    """One snapshot."""
    return RestorePoint(
        id=found.id,
        source="snapshot",
        volume_id=found.volume_id,
        name=found.name or "",
        size=found.size,
        created_at=moment(found.created_at),
        state=state_of(found.status),
        word=found.status,
    )


def backups(connection: "Connection") -> list[RestorePoint]:
    """The project's backups. Of one that was made from a snapshot, the snapshot's time counts: its data's."""
    with cloud_errors("the list of backups"):
        return [
            RestorePoint(
                id=each.id,
                source="backup",
                volume_id=each.volume_id,
                name=each.name or "",
                size=each.size,
                created_at=moment(each.data_timestamp or each.created_at),
                state=state_of(each.status),
                word=each.status,
                instance_id=(each.metadata or {}).get("instance_uuid"),
            )
            for each in connection.block_storage.backups(details=True)
        ]


def newest_first(points: list[RestorePoint], volume_id: str | None) -> list[RestorePoint]:
    """Those of one volume, or all of them; the newest first."""
    wanted = [point for point in points if volume_id in (None, point.volume_id)]
    return sorted(wanted, key=lambda point: (point.created_at, point.id), reverse=True)
