"""Which driver keeps a stack's restore points, and which volume they are of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conoha import names
from ops import OpsError
from ops.restore_points.conoha import NightlyBackups
from ops.restore_points.model import Driver, Volume
from ops.restore_points.openstack import Snapshots
from settings import Declared

if TYPE_CHECKING:
    from openstack.connection import Connection


def driver_for(settings: Declared, connection: "Connection") -> Driver:
    """The driver that the stack's settings name."""
    return NightlyBackups(connection) if settings.snapshot_policy.driver == "conoha" else Snapshots(connection)


def find_data_volume(settings: Declared, stack: str, volumes: Sequence[Volume]) -> Volume | None:
    """The stack's data volume among the project's; None if it is not there.

    An adopted one keeps the name that it had, and is known by its id. Of several with the stack's name (a destroyed
    stack leaves its volume behind) it is the one that a server has.

    Raises:
        OpsError: several have the name, and no server, or more than one, has one of them.
    """
    origin = settings.data_volume.origin
    if origin.source == "adopted":
        return next((volume for volume in volumes if volume.id == origin.id), None)
    wanted = names.resource_name(stack, "data")
    named = [volume for volume in volumes if volume.name == wanted]
    attached = [volume for volume in named if volume.server_id]
    candidates = attached or named
    if len(candidates) > 1:
        raise OpsError(
            f"{len(candidates)} volumes are called {wanted}, and it cannot be told which is the data of {stack}: "
            f"{', '.join(volume.id for volume in candidates)}.\n"
            "    Way out: `pulumi stack output dataVolumeId` names the right one; give the others another name with "
            "`openstack volume set --name NAME ID`."
        )
    return candidates[0] if candidates else None


def data_volume(settings: Declared, stack: str, volumes: Sequence[Volume]) -> Volume:
    """The stack's data volume. Raises OpsError if it is not there, or cannot be told from others."""
    found = find_data_volume(settings, stack, volumes)
    if found is None:
        raise missing(settings, stack)
    return found


def missing(settings: Declared, stack: str) -> OpsError:
    """What to tell an operator whose data volume is not there."""
    wanted = getattr(settings.data_volume.origin, "id", None) or names.resource_name(stack, "data")
    return OpsError(
        f"The data volume of stack {stack} is not in the cloud: no volume is called {wanted}.\n"
        f"    Way out: if the stack was never made, `pulumi up --stack {stack}` makes it. If the volume was "
        f"deleted, `toybox restore-points list --all --stack {stack}` shows what a new one can be made from."
    )
