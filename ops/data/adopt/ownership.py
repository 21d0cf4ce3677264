"""Refuse to adopt a volume that another stack has, or had. Pure."""

import json
from collections.abc import Mapping

from conoha import names
from ops import OpsError
from ops.restore_points.model import Volume


def refuse_anothers(volume: Volume, stack: str, states: Mapping[str, str]) -> None:
    """Raise OpsError if the volume is another stack's, by its name, its description, or that stack's state.

    `states` are the exported states of the other stacks, by name.
    """
    owners = names.volume_owners(volume.name, volume.description) - {stack}
    knowing = {name for name, text in states.items() if knows(text, volume.id)}
    if not owners | knowing:
        return
    reasons = [f"the state of {name} has it" for name in sorted(knowing)]
    reasons += [f"its name or description says {name}" for name in sorted(owners - knowing)]
    raise OpsError(
        f"Volume {volume.name} ({volume.id}) is another stack's: {', '.join(reasons)}. Nothing was changed.\n"
        f"    Why:     {stack} would write on its data, and a staging would scrub it; there may be no other copy.\n"
        f"    Way out: `toybox kept list --stack {stack}` shows the volumes of {stack} that were put aside. Data gets "
        "from prod to staging by `toybox refresh`, and no other way."
    )


def knows(exported: str, volume_id: str) -> bool:
    """Return whether an exported state has the volume, one that is still to be deleted included."""
    resources = (json.loads(exported).get("deployment") or {}).get("resources") or []
    return any(each.get("id") == volume_id for each in resources)
