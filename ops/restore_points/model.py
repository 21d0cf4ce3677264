"""What a restore point is, whatever cloud it lies in, and what a driver does with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

Source = Literal["backup", "snapshot"]
"""As in dataVolume.origin.source: what to write there to make a volume from the restore point."""

State = Literal["available", "creating", "error", "restoring", "deleting"]

STATES: Mapping[str, State] = {
    "available": "available",
    "creating": "creating",
    "restoring": "restoring",
    "backing-up": "restoring",  # a snapshot of which a backup is being made: whole, and read at the moment
    "deleting": "deleting",
    "deleted": "deleting",
}
"""Cinder's words (cinder/objects/fields.py: BackupStatus, SnapshotStatus) in ours. All others begin with `error`."""


def state_of(word: str) -> State:
    """The state behind the cloud's own word. A word that nobody knows is none that one can rely on."""
    return STATES.get(word, "error")


@dataclass(frozen=True)
class RestorePoint:
    """One backup or snapshot of one volume."""

    id: str
    source: Source
    volume_id: str
    name: str
    size: int
    """In GB, of the volume that was saved."""
    created_at: datetime
    """The moment of the data, with its time zone (UTC)."""
    state: State
    word: str
    """The state in the cloud's own word."""
    instance_id: str | None = None
    """The server, if the cloud says of which one (ConoHa does)."""

    def age(self, now: datetime) -> timedelta:
        """How old the data is. Negative if a clock is wrong."""
        return now - self.created_at

    @property
    def usable(self) -> bool:
        """Whether a volume can be made from it now."""
        return self.state == "available"

    @property
    def good(self) -> bool:
        """Whether its data is whole, even if it is being read at the moment."""
        return self.state in ("available", "restoring")


@dataclass(frozen=True)
class Volume:
    """One volume in the cloud, as far as restore points go."""

    id: str
    name: str
    size: int
    """In GB."""
    word: str
    """Its status, in the cloud's own word: available, in-use, error ..."""
    created_at: datetime
    metadata: Mapping[str, str]
    server_id: str | None = None
    """The server that it is attached to."""
    description: str = ""


class Driver(Protocol):
    """How one cloud keeps restore points. Methods raise OpsError with the reason and the way out."""

    @property
    def name(self) -> Literal["conoha", "openstack"]:
        """As in snapshotPolicy.driver."""

    def volumes(self) -> list[Volume]:
        """The project's volumes, sorted by name."""

    def list(self, volume_id: str | None = None) -> list[RestorePoint]:
        """The restore points of one volume, or all that the project has; the newest first."""

    def take(self, volume: Volume, name: str) -> RestorePoint:
        """Take one now and wait until it can be used. ConoHa cannot."""

    def prune(self, points: Sequence[RestorePoint]) -> None:
        """Delete these. ConoHa does that by itself and lets nobody else."""
