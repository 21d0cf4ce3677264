"""Restore points on an OpenStack like any other: Cinder's snapshots, taken and pruned by us.

A snapshot of a disk in use is what a power cut would leave: PostgreSQL and ext4 recover from that by their logs, and
everything that belongs together lies on the one disk. Backups that somebody else makes are listed, too, and left alone.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ops import OpsError
from ops.cloud import cloud_errors
from ops.restore_points import cinder
from ops.restore_points.model import RestorePoint, Volume

if TYPE_CHECKING:
    from openstack.connection import Connection

TIMEOUT = 600
"""Seconds for the cloud to make or delete a snapshot."""


class Snapshots:
    """The driver `openstack`."""

    name: Literal["openstack"] = "openstack"

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    def volumes(self) -> list[Volume]:
        """The project's volumes."""
        return cinder.volumes(self._connection)

    def list(self, volume_id: str | None = None) -> list[RestorePoint]:
        """Snapshots and backups."""
        return cinder.newest_first([*cinder.snapshots(self._connection), *cinder.backups(self._connection)], volume_id)

    def take(self, volume: Volume, name: str) -> RestorePoint:
        """A snapshot of the volume, in use or not.

        Raises:
            OpsError: the cloud refuses it, or it does not become usable.
        """
        storage = self._connection.block_storage
        with cloud_errors(
            f"a snapshot of {volume.name} ({volume.id})",
            "A quota may be used up: `openstack quota show` and `openstack volume snapshot list`.",
        ):
            # force: Cinder wants it for a volume in use, before version 3.66 of its API
            made = storage.create_snapshot(volume_id=volume.id, name=name, is_forced=True)
            made = storage.wait_for_status(made, "available", ["error"], interval=0.5, wait=TIMEOUT)
        return cinder.snapshot(made)

    def prune(self, points: Sequence[RestorePoint]) -> None:
        """Delete these snapshots.

        Raises:
            OpsError: some are still there; all were tried.
        """
        failed = []
        for point in points:
            try:
                self._delete(point)
            except OpsError as error:
                failed.append(str(error))
        if failed:
            raise OpsError("\n".join(failed))

    def _delete(self, point: RestorePoint) -> None:
        storage = self._connection.block_storage
        with cloud_errors(
            f"the deletion of snapshot {point.name} ({point.id})",
            "If a volume was made from it, the cloud may need it: `openstack volume list --long` shows.",
        ):
            storage.delete_snapshot(point.id)
            left = storage.find_snapshot(point.id, ignore_missing=True)
            if left is not None:
                storage.wait_for_delete(left, interval=0.5, wait=TIMEOUT)
