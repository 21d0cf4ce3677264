"""A cloud in memory: the driver's protocol, with a clock that tests set."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from ops import OpsError
from ops.restore_points.model import RestorePoint, State, Volume

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def point(
    age: timedelta = timedelta(hours=1),
    *,
    key: str = "a",
    volume: str = "v",
    state: State = "available",
    source: Literal["backup", "snapshot"] = "snapshot",
    name: str = "toybox-prod-data-20261124T0200Z",
) -> RestorePoint:
    return RestorePoint(key, source, volume, name, 200, NOW - age, state, state)


def volume(
    key: str = "v",
    *,
    name: str = "toybox-prod-data",
    word: str = "in-use",
    age: timedelta = timedelta(days=90),
    server: str | None = "s",
    metadata: Mapping[str, str] | None = None,
) -> Volume:
    return Volume(key, name, 200, word, NOW - age, metadata or {}, server)


class MemoryCloud:
    """A driver whose snapshots are a list."""

    def __init__(
        self,
        volumes: Sequence[Volume],
        points: Sequence[RestorePoint] = (),
        *,
        name: Literal["conoha", "openstack"] = "openstack",
        now: datetime = NOW,
    ) -> None:
        self.name = name
        self.now = now
        self.points = list(points)
        self.refuses: set[str] = set()
        """The ids of volumes and restore points of which the cloud refuses everything."""
        self._volumes = list(volumes)

    def volumes(self) -> list[Volume]:
        return self._volumes

    def list(self, volume_id: str | None = None) -> list[RestorePoint]:
        return [each for each in self.points if volume_id in (None, each.volume_id)]

    def take(self, volume: Volume, name: str) -> RestorePoint:
        if volume.id in self.refuses:
            raise OpsError("the quota is used up")
        taken = RestorePoint(
            f"{volume.id}@{name}", "snapshot", volume.id, name, volume.size, self.now, "available", "available"
        )
        self.points.append(taken)
        return taken

    def prune(self, points: Sequence[RestorePoint]) -> None:
        for each in points:
            if each.id in self.refuses:
                raise OpsError(f"the cloud keeps {each.id}")
            self.points.remove(each)
