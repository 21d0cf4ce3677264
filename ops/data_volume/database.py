"""Whether the database on a data volume is the one that was saved, or one that PostgreSQL has just made.

A restore point that holds nothing restores without an error: the blank disk is formatted, PostgreSQL begins a new
database on it, the site migrates and answers. On 2026-01-22 all three backups were of that kind.
"""

from datetime import UTC, datetime

from ops import OpsError
from ops.data_volume import choice
from ops.pulumi_cli import PulumiStack
from ops.restore_points.model import RestorePoint, Volume

QUERY = "SELECT system_identifier FROM pg_control_system()"
IDENTIFIER = f"""docker exec postgres sh -c 'psql -XAt -U "$POSTGRES_USER" -d postgres -c "{QUERY}"'"""
"""Asks the database for its system identifier, on the server."""


def made_at(identifier: int) -> datetime:
    """When `initdb` made the database that has this system identifier: its upper 32 bits are the seconds since 1970
    (PostgreSQL 15, src/backend/access/transam/xlog.c, BootStrapXLOG)."""
    return datetime.fromtimestamp(identifier >> 32, UTC)


def refuse_a_new_one(stack: PulumiStack, volume: Volume, point: RestorePoint, way_back: str | None) -> None:
    """Raises OpsError if the database that runs was made after its volume was, and so did not come with it. `way_back`
    is the id of the volume with the data from before."""
    made = made_at(int(stack.on_server(stack.outputs()["address"], IDENTIFIER)))
    if made <= volume.created_at:
        return
    raise OpsError(
        f"{stack.name} is up, on an empty database. PostgreSQL made it at {made:%Y-%m-%d %H:%M:%S} UTC, when the "
        f"volume was there already: restore point {point.id} ({choice.when(point)}) holds none.\n"
        "    Why:     the site answers, and nothing of anybody's data is there. What users write now is lost with it.\n"
        f"    Way out: take another restore point (`toybox restore-points list --stack {stack.name}`)"
        + (f", or go back to the data from before: `toybox adopt {stack.name} {way_back}`." if way_back else ".")
    )
