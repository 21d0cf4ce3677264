"""Which data volumes of a stack nobody needs any more. Pure."""

from collections.abc import Collection, Sequence

from conoha import names
from ops.restore_points.model import Volume


def deletable(volumes: Sequence[Volume], stack: str, keep: Collection[str]) -> list[Volume]:
    """The stack's own former data volumes: of exactly its name, attached to nothing, and not among the ids to `keep`.

    Raises:
        ValueError: for prod, of which nothing is ever deleted.
    """
    if stack == "prod":
        raise ValueError("no data volume of prod is ever deleted")
    name = names.resource_name(stack, "data")
    return [
        volume
        for volume in volumes
        if volume.name == name and volume.id not in keep and volume.server_id is None and volume.word != "in-use"
    ]
