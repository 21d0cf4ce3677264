"""Restore points on ConoHa: the nightly backups of the server, which ConoHa takes and prunes by itself.

Its snapshots are none: they live 24 hours, and no volume can be made from them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ops import OpsError
from ops.restore_points import cinder
from ops.restore_points.model import RestorePoint, Volume

if TYPE_CHECKING:
    from openstack.connection import Connection


class NightlyBackups:
    """The driver `conoha`."""

    name: Literal["conoha"] = "conoha"

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    def volumes(self) -> list[Volume]:
        """The account's volumes."""
        return cinder.volumes(self._connection)

    def list(self, volume_id: str | None = None) -> list[RestorePoint]:
        """The nightly backups."""
        return cinder.newest_first(cinder.backups(self._connection), volume_id)

    def take(self, volume: Volume, name: str) -> RestorePoint:
        """Refused: ConoHa makes no backup on demand. Raises OpsError."""
        raise OpsError(
            f"{name} cannot be taken: ConoHa makes restore points at night only, and none on demand.\n"
            "    Why:     its automatic backup is the one thing there that a volume can be made from.\n"
            "    Way out: go by the last night's one (`toybox restore-points list`). For the next hours ConoHa's own "
            "snapshot can be a way back: it rolls this volume back while the server is stopped, and ConoHa deletes "
            f"it after 24 hours: `openstack volume snapshot create --volume {volume.id} before-change`."
        )

    def prune(self, points: Sequence[RestorePoint]) -> None:
        """Refused: ConoHa deletes no single backup. Raises OpsError, unless there is nothing to do."""
        if points:
            raise OpsError("ConoHa removes its nightly backups by itself and lets nobody else remove one.")
