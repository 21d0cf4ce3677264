"""Which volumes are, or were, a stack's data."""

from collections.abc import Sequence

from conoha import names
from conoha.names import is_aside
from ops import OpsError
from ops.data.volume import state
from ops.pulumi_cli import PulumiStack
from ops.restore_points.drivers import find_data_volume
from ops.restore_points.model import RestorePoint, Volume
from settings import Declared


def former_ids(stack: str, volumes: Sequence[Volume], points: Sequence[RestorePoint]) -> set[str]:
    """The ids of volumes that were the stack's data: those that a restore put aside, and those that are gone and whose
    backups carry the data volume's name. (Backups outlive their volume on ConoHa.) Pure."""
    there = {volume.id for volume in volumes}
    aside = {volume.id for volume in volumes if is_aside(volume.name, stack)}
    gone = {
        point.volume_id
        for point in points
        if point.volume_id not in there
        and (point.name == names.resource_name(stack, "data") or is_aside(point.name, stack))
    }
    return aside | gone


def data_volume_ids(
    stack: PulumiStack, settings: Declared, volumes: Sequence[Volume], points: Sequence[RestorePoint]
) -> set[str]:
    """The ids of the stack's data volume: what its state knows, what the cloud has under its name, and what it was
    before (`former_ids`).

    Raises:
        OpsError: there is none.
    """
    known = former_ids(stack.name, volumes, points)
    recorded = state.recorded(stack.exported()) if stack.exists() else None
    if recorded:
        known.add(recorded.id)
    elif found := find_data_volume(settings, stack.name, volumes):
        known.add(found.id)
    if not known:
        raise OpsError(
            f"Neither the state nor the cloud knows a data volume of {stack.name}, so no restore point can be told to "
            "be its own. Nothing was changed.\n"
            f"    Way out: `toybox restore-points list --all --stack {stack.name}` lists every one in the account. If "
            f"the state was lost: `toybox adopt --stack {stack.name}`."
        )
    return known
