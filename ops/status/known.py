"""The part of a stack's state that its status needs. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.data.volume import state

SERVER = "server-instance"
CONTAINER = "docker:index/container:Container"


@dataclass(frozen=True)
class Known:
    """Ids in the cloud, and the containers that should run on the server. All are empty for a stack that was never
    made."""

    server_id: str | None = None
    address: str | None = None
    volume_id: str | None = None
    containers: tuple[str, ...] = field(default=())
    """The containers' names, sorted."""

    @property
    def is_empty(self) -> bool:
        """Return whether the state has no resource in the cloud."""
        return not (self.server_id or self.volume_id)


def known(exported: str) -> Known:
    """Return the status's part of an exported state."""
    resources = list(_present(json.loads(exported)))
    server: Mapping[str, Any] = next((each for each in resources if each["urn"].endswith(f"::{SERVER}")), {})
    volume = state.recorded(exported)
    return Known(
        server_id=server.get("id"),
        address=(server.get("outputs") or {}).get("accessIpV4"),
        volume_id=volume.id if volume else None,
        containers=tuple(sorted(each["outputs"]["name"] for each in resources if each.get("type") == CONTAINER)),
    )


def _present(exported: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in (exported.get("deployment") or {}).get("resources") or []:
        # an interrupted update leaves the old resource beside the new one, marked
        if resource.get("id") and not resource.get("delete"):
            yield resource
