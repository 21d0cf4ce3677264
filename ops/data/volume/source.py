"""What a new data volume is made from: a restore point, or what a keeper keeps. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ops.data.volume import choice, origin
from ops.restore_points.model import RestorePoint


@dataclass(frozen=True)
class Source:
    """Where the data of a new volume comes from.

    Attributes:
        origin: as it stands in the settings.
        id: the restore point's; None for a keeper's backup, which the cloud does not know.
        purpose: as it stands in the record on the volume that is put aside.
        described: in words.
        when: the moment of the data.
        again: the command that begins anew.
    """

    origin: Mapping[str, str | int]
    id: str | None
    purpose: str
    described: str
    when: str
    again: str


def of_restore_point(point: RestorePoint, now: datetime, again: str) -> Source:
    """Return a restore point as a source."""
    return Source(
        origin=origin.of_restore_point(point),
        id=point.id,
        purpose=f"restore {point.id}",
        described=choice.described(point, now),
        when=choice.when(point),
        again=again,
    )


def of_keeper(kind: str, to: str, keeper: str, again: str) -> Source:
    """Return what a keeper keeps as a source. `kind` is "keeper" or "copy", `keeper` its stack."""
    where = f"the keeper {keeper}" if kind == "keeper" else f"the copy of the keeper {keeper}"
    return Source(
        origin=origin.kept(kind, to),
        id=None,
        purpose=f"restore {kind}:{to}",
        described=f"{where}, {'the last second that it has' if to == 'latest' else to}",
        when=to,
        again=again,
    )
