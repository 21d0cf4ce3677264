"""The data volume in a stack's exported state. Pure: text in, text out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAME = "data-volume"
"""Its logical name in the program (components/data/data_volume.py)."""


@dataclass(frozen=True)
class Recorded:
    """The data volume as the state knows it."""

    urn: str
    id: str
    protected: bool


def recorded(exported: str) -> Recorded | None:
    """The stack's data volume; None if the state has none."""
    for resource in _resources(json.loads(exported)):
        # the old one of a replacement that was interrupted stands beside the new one, marked
        if resource["urn"].endswith(f"::{NAME}") and not resource.get("delete") and resource.get("id"):
            return Recorded(resource["urn"], resource["id"], bool(resource.get("protect")))
    return None


def completed(exported: str) -> str | None:
    """Return the id of the data volume on which an update last finished; None if none has."""
    for resource in _resources(json.loads(exported)):
        if "::pulumi:pulumi:Stack::" in resource["urn"]:
            found = (resource.get("outputs") or {}).get("dataVolumeId")
            return str(found) if found else None
    return None


def without(exported: str, urn: str) -> str:
    """The state without one resource, and without anything that points to it: the engine takes no state whose
    references lead nowhere. In the cloud nothing happens. The next update makes the resource again, from the settings,
    and replaces what cannot live with another one (the server and its boot volume)."""
    state = json.loads(exported)
    deployment = state["deployment"]
    deployment["resources"] = [_forgetting(each, urn) for each in _resources(state) if each["urn"] != urn]
    deployment.pop("pending_operations", None)
    return json.dumps(state)


def emptied(exported: str) -> str:
    """Return the state without any resource. What encrypts its secrets stays."""
    state = json.loads(exported)
    deployment = state["deployment"]
    deployment["resources"] = []
    deployment.pop("pending_operations", None)
    return json.dumps(state)


def is_empty(exported: str) -> bool:
    """Whether the state knows nothing that is in the cloud."""
    return not any(
        each.get("id") and "pulumi:providers:" not in each["urn"] for each in _resources(json.loads(exported))
    )


def _resources(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list((state.get("deployment") or {}).get("resources") or [])


def _forgetting(resource: dict[str, Any], urn: str) -> dict[str, Any]:
    kept = dict(resource)
    for key in ("dependencies", "replaceWith"):
        if key in kept:
            kept[key] = [each for each in kept[key] if each != urn]
    if "propertyDependencies" in kept:
        kept["propertyDependencies"] = {
            name: [each for each in urns or [] if each != urn] for name, urns in kept["propertyDependencies"].items()
        }
    if kept.get("deletedWith") == urn:
        del kept["deletedWith"]
    return kept
