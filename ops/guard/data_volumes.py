"""Check the disks that hold users' data, and all other resources that carry `protect`.

A volume is a data volume if no server boots from it, whatever its URN says.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.guard import declared, role
from ops.guard.finding import Finding, Rule
from ops.guard.preview import UNKNOWN, Change, Preview, State

DELETE = Rule(
    "delete",
    "A data resource leaves the stack: the data volume, a Docker volume, the automatic backup, or another "
    "protected resource. Or prod's server leaves, to which ConoHa's restore points belong.",
    "The data or its restore points are lost, or stay where the stack no longer finds them.",
)
REPLACE = Rule(
    "replace",
    "Another resource takes the place of a data resource. Or a Docker volume is made again although its server "
    "stays, or points elsewhere. Or prod's server is replaced.",
    "The site runs on the new resource, and the old data or its restore points are deleted or left behind.",
)
ALTER = Rule(
    "alter",
    "An input of the data volume changes in place, such as its size.",
    "The cloud may change the volume while its file system is in use, which can damage all data.",
)
UNPROTECT = Rule(
    "unprotect",
    "`protect` is taken away, or prod's data volume has none.",
    "The next mistake can delete or replace the resource with its data.",
)
UNRETAIN = Rule(
    "unretain",
    "`retain_on_delete` is taken away, or a data volume has none.",
    "A volume that leaves the program is deleted with the data that it holds.",
)
RECREATE = Rule(
    "recreate",
    "A data volume is made in a stack that should have one, or has one: the state or the cloud lost it, the "
    "whole state is gone, or it is a second one. Or the preview has no data volume. Or a Docker volume would not "
    "lie on the data disk.",
    "The site starts on an empty disk, and the users' data is left aside.",
)
ADOPT = Rule(
    "adopt",
    "A volume, or another resource, is imported.",
    "The preview does not know whose disk it is: the site may run on a blank one or another stack's.",
)

LABELS = frozenset({"name", "description", "metadata"})
"""Inputs of a volume that do not change its data. restore_points.py judges the settings for restore points in
`metadata`."""


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for a data resource that would be deleted, replaced, altered, adopted, unprotected, or made again
    and empty."""
    for change in preview.changes:
        if any(op.startswith("import") for op in change.ops):
            yield _adopted(preview, change)
        kind = declared.data_kind(preview, change)
        if kind is None or change.qualified_type == declared.SUBSCRIPTION:
            continue
        if change.removed:
            yield _deleted(change, kind)
        if change.replaced:
            yield _replaced(preview, change, kind)
        if declared.is_data_volume(preview, change):
            yield from _volume(preview, change)
        yield from _options(preview, change, kind)
    if not preview.errors and not declared.data_volumes(preview):
        yield _absent(preview)


def notes(preview: Preview) -> Iterator[str]:
    """Yield a note for the first data volume of a staging."""
    for change in declared.data_volumes(preview):
        if change.made and _first_of_its_kind(preview):
            yield f"The first data volume of {preview.stack} would be made: {_made_from(preview, change.new)}."


def _volume(preview: Preview, change: Change) -> Iterator[Finding]:
    if change.made and (others := [each for each in declared.data_volumes(preview) if each is not change and each.old]):
        yield _recreated(preview, change) if all(each.leaves for each in others) else _second(preview, change)
    elif change.made and not _first_of_its_kind(preview):
        yield _recreated(preview, change)
    # after `toybox adopt` the state has inputs that the cloud told, until the next update: the engine calls that "same"
    in_place = change.stays and change.touched
    if altered := [name for name in change.changed_inputs() if in_place and name not in LABELS]:
        yield _altered(change, altered)


def _first_of_its_kind(preview: Preview) -> bool:
    """Return whether this is a new staging's disk: its data is a copy. A production without a state has lost it, unless
    an exception says otherwise."""
    return preview.is_new and not role.is_production(preview) and len(declared.data_volumes(preview)) == 1


def _deleted(change: Change, kind: declared.Kind) -> Finding:
    if change.old and change.old.retain_on_delete:
        means = (
            f"Its data stays where it is (it is retained), but the stack no longer knows {kind.what}: the next "
            "`pulumi up` that declares one makes an empty one beside it."
        )
    else:
        means = f"Lost for good: {kind.holds}."
    if change.new is not None:
        means += " It is what an interrupted replacement left behind; look whether the newer one has the data."
    return Finding(
        DELETE,
        change.urn,
        f"{_first_upper(kind.what)} would be deleted.",
        means,
        "Bring its declaration back, under its old name and in its old component. To let it go all the same, take a "
        "restore point first.",
    )


def _replaced(preview: Preview, change: Change, kind: declared.Kind) -> Finding:
    kept = (
        "the old one stays in the account (it is retained) and is billed on"
        if change.old and change.old.retain_on_delete
        else "the old one is deleted, and with it " + kind.holds
    )
    return Finding(
        REPLACE,
        change.urn,
        f"{_first_upper(kind.what)} would be replaced by {_made_from(preview, change.new)}{change.because}.",
        f"The site would run on the new one: {kept}.",
        "Take the change back. A volume keeps its size, type and origin for life: a restore point is put in place with "
        "`toybox restore volume`, and staging's data renewed with `toybox refresh`.",
    )


def _recreated(preview: Preview, change: Change) -> Finding:
    if preview.is_new:
        missing = (
            f"The stack has no resources yet: either this is the first update of {preview.stack}, or its state is lost"
        )
    elif change.was_refreshed:
        missing = "The stack had one, and the cloud no longer finds it"
    else:
        missing = "The stack has other resources, but its state does not know of one"
    return Finding(
        RECREATE,
        change.urn,
        f"A data volume would be made: {_made_from(preview, change.new)}.",
        f"{missing}. The site would start on the new one, and whatever data there was would be left aside.",
        "Look for the volume in ConoHa's control panel (its name ends with `-data`). If it is there: "
        f"`toybox adopt --stack {preview.stack}`, or get the state back with `toybox state import`. If this is the "
        "first update, say so in an exception.",
    )


def _second(preview: Preview, change: Change) -> Finding:
    return Finding(
        RECREATE,
        change.urn,
        f"A second data volume would be made: {_made_from(preview, change.new)}.",
        "The data is on the first one. What the server or a container writes to the second one is in none of the "
        "stack's restore points, checks and restores.",
        "Take it out: everything lives on one data volume, as a directory of it (inventory/volumes.py).",
    )


def _adopted(preview: Preview, change: Change) -> Finding:
    if not declared.is_data_volume(preview, change):
        return Finding(
            ADOPT,
            change.urn,
            "A resource that the stack does not know would be imported.",
            "It is taken as it is, and the preview does not know whose it is: another stack's, or one with data on it.",
            "Only the data volume is ever adopted, by `toybox adopt`. Take `import_` out, or say in an exception what "
            "it is.",
        )
    return Finding(
        ADOPT,
        change.urn,
        "The volume that the settings name would be adopted as the data volume.",
        "The site would run on what is on it. The preview does not know whose disk it is: another stack's, a restore "
        "point's, or a blank one would be taken just the same.",
        "Let `toybox adopt` do it, which looks at the disk first. To adopt it here, say in an exception how you know "
        "what is on it.",
    )


def _altered(change: Change, names: list[str]) -> Finding:
    return Finding(
        ALTER,
        change.urn,
        f"The data volume would be changed in place: {', '.join(names)}.",
        "ConoHa changes no volume in place. The cloud may refuse it half-way, or do it while the file system is in "
        "use, and the state keeps what was asked for.",
        "Take the change back. A larger disk is a new volume, to which the data has to be copied.",
    )


def _options(preview: Preview, change: Change, kind: declared.Kind) -> Iterator[Finding]:
    if change.new is None:
        return
    old, new = change.old, change.new
    must = declared.is_data_volume(preview, change)
    if not new.protect and ((old and old.protect) or (must and role.is_production(preview))):
        yield Finding(
            UNPROTECT,
            change.urn,
            f"{_first_upper(kind.what)} would {'no longer' if old and old.protect else 'not'} be protected.",
            f"Nothing happens to the data now; but the next mistake could delete or replace it: {kind.holds}. Pulumi "
            "allows both in one update, and shows no change in its preview.",
            "Bring `protect` back. To let it go all the same: in a pull request of its own, and never together with "
            "the change that needs it.",
        )
    if not new.retain_on_delete and ((old and old.retain_on_delete) or must):
        yield Finding(
            UNRETAIN,
            change.urn,
            f"{_first_upper(kind.what)} would {'no longer' if old and old.retain_on_delete else 'not'} be retained.",
            "Nothing happens to the data now; but from then on, taking it out of the program or destroying the stack "
            f"deletes it in the cloud: {kind.holds}.",
            "Bring `retain_on_delete` back.",
        )


def _absent(preview: Preview) -> Finding:
    return Finding(
        RECREATE,
        f"urn:pulumi:{preview.stack}::toybox::{declared.DATA_VOLUME}::data-volume",
        "The preview has no data volume, neither now nor afterwards.",
        "The stack does not know where its data is: the next `pulumi up` that declares a data volume makes an empty "
        "one.",
        "Is this a preview of the whole program? If the state lost the volume: "
        f"`toybox adopt --stack {preview.stack}`, or get the state back with `toybox state import`.",
    )


def _made_from(preview: Preview, state: State | None) -> str:
    """Return a volume's description by its source."""
    inputs: Mapping[str, Any] = state.inputs if state else {}
    for key, what in (("backupId", "the backup"), ("snapshotId", "the snapshot"), ("sourceVolId", "a clone of volume")):
        if inputs.get(key):
            which = "that is not known yet" if inputs[key] == UNKNOWN else inputs[key]
            return f"one made from {what} {which}"
    kept = next((origin for origin in declared.origins(preview) if origin.startswith(("keeper ", "copy "))), "")
    if kept:
        source, to = kept.split(" ", 1)
        whose = "the keeper has" if source == "keeper" else "the keeper's copy has"
        return f"an empty one, on which what {whose} is put ({to})"
    return "an empty one"


def _first_upper(text: str) -> str:
    return text[0].upper() + text[1:]
