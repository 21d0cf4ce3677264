"""Which data volumes of a stack nobody needs any more. Pure."""

from collections.abc import Collection, Sequence

from conoha import names
from ops.restore_points.model import Volume


def deletable(
    volumes: Sequence[Volume],
    stack: str,
    *,
    keep: Collection[str],
    aside: Collection[str] = (),
    is_production: bool,
) -> list[Volume]:
    """Return the stack's own former data volumes: of exactly its name or with an id in `aside`, attached to nothing,
    and not among the ids to `keep`.

    Raises:
        ValueError: the stack is a production, of which no volume is ever deleted.
    """
    if is_production:
        raise ValueError(f"no data volume of a production is ever deleted, and {stack} is one")
    name = names.resource_name(stack, "data")
    return [
        volume
        for volume in volumes
        if (volume.name == name or volume.id in aside)
        and volume.id not in keep
        and volume.server_id is None
        and volume.word != "in-use"
    ]
