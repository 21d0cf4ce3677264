"""Which volumes are, or were, a stack's data."""

from ops import OpsError
from ops.data_volume import state
from ops.data_volume.aside import is_aside
from ops.pulumi_cli import PulumiStack
from ops.restore_points.drivers import find_data_volume
from ops.restore_points.model import Volume
from settings import Declared


def data_volume_ids(stack: PulumiStack, settings: Declared, volumes: list[Volume]) -> set[str]:
    """The ids of the stack's data volume: what its state knows, what the cloud has under its name, and what was put
    aside when it was restored.

    Raises:
        OpsError: neither knows one.
    """
    known = {volume.id for volume in volumes if is_aside(volume, stack.name)}
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
            f"the state was lost: `toybox adopt {stack.name}`."
        )
    return known
