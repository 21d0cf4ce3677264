"""Copies of the state: one object for each stack in the bucket, with a version for each deployment.

Pulumi overwrites its state with each step of an update, so that the bucket's versions of it are many and most of them
halves of something. These are the whole ones, written after a deployment, each with what it holds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops import OpsError
from ops.state.store import Version
from settings.problems import nearest


def key(stack: str) -> str:
    """The object of a stack's exports. Pulumi's own objects begin with `.pulumi/`."""
    return f"exports/{stack}.json"


def parsed(text: str, stack: str, project: str, source: str) -> Mapping[str, Any]:
    """An exported state, if it is one of this stack. Raises OpsError."""
    try:
        document = json.loads(text)
        resources = document["deployment"].get("resources") or []
        urns = [str(each["urn"]) for each in resources]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OpsError(f"{source} is no state that `pulumi stack export` wrote. Nothing was changed.") from None
    prefix = f"urn:pulumi:{stack}::{project}::"
    foreign = [urn for urn in urns if not urn.startswith(prefix)]
    if foreign:
        raise OpsError(
            f"{source} is the state of another stack: it holds {foreign[0]}.\n"
            f"    Why:     Imported into {stack}, the next update of {stack} would change that other stack's servers.\n"
            f"    Way out: Choose a version of `toybox state exports --stack {stack}`. Nothing was changed."
        )
    return dict(document)


def names(document: Mapping[str, Any]) -> dict[str, str]:
    """The resources of a state: the id in the cloud by `type::name`, providers and the stack itself left out."""
    return {
        "::".join(str(each["urn"]).split("::")[2:]): str(each.get("id", ""))
        for each in document["deployment"].get("resources") or []
        if each.get("custom") and not str(each["type"]).startswith("pulumi:")
    }


def notes(document: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """What is noted beside an export: how much it holds, when the last update ended, and of which commit, if in CI."""
    found = {"resources": str(len(names(document)))}
    if updated := document["deployment"].get("manifest", {}).get("time"):
        found["updated"] = str(updated)
    if commit := environment.get("GITHUB_SHA"):
        found["commit"] = commit
    return found


@dataclass(frozen=True)
class Difference:
    """What an import changes in what Pulumi knows. In the cloud it changes nothing."""

    forgotten: tuple[str, ...]
    """Known now and not then: the next update makes them a second time."""
    remembered: tuple[str, ...]
    """Known then and not now: the next update expects them in the cloud."""
    another: tuple[str, ...]
    """Known now and then, with another id in the cloud."""


def difference(present: Mapping[str, Any] | None, older: Mapping[str, Any]) -> Difference:
    """What an import of `older` over `present` changes; `present` is None if the state is lost."""
    now, then = names(present) if present else {}, names(older)
    return Difference(
        forgotten=tuple(sorted(now.keys() - then.keys())),
        remembered=tuple(sorted(then.keys() - now.keys())),
        another=tuple(sorted(name for name in now.keys() & then.keys() if now[name] != then[name])),
    )


def told(change: Difference) -> str:
    """The same for people."""
    parts = [
        (change.forgotten, "known now and not in that version; the next update would make them a second time"),
        (change.remembered, "known in that version and not now; the next update expects to find them"),
        (change.another, "the same name with another id in the cloud; the next update expects the older one"),
    ]
    lines = [f"  {len(which)} {what}:\n" + "".join(f"    {name}\n" for name in which) for which, what in parts if which]
    return "".join(lines) or "  the same resources with the same ids\n"


def chosen(versions: tuple[Version, ...], wanted: str, stack: str) -> Version:
    """The version with this id, or with an id that begins like this. Raises OpsError."""
    if not versions:
        raise OpsError(
            f"There is no exported state of {stack} in the bucket: `toybox state export --stack {stack}` writes one, "
            "and each deployment does."
        )
    found = [each for each in versions if each.id.startswith(wanted)] if wanted else []
    if len(found) == 1:
        return found[0]
    if found:
        raise OpsError(f"{wanted} is the beginning of {len(found)} versions: write more of it.")
    near = nearest(wanted, [each.id for each in versions])
    raise OpsError(
        f"There is no version {wanted!r} of the exported state of {stack}. "
        f"{f'Did you mean {near}? ' if near else ''}`toybox state exports --stack {stack}` lists them."
    )
