"""What the guard stops, as pure functions of a preview: each rule gives findings, and nothing is printed here."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ops.guard import declared, mounts, openings
from ops.guard.finding import Finding
from ops.guard.preview import UNKNOWN, Change, Preview, State


def findings(preview: Preview) -> tuple[Finding, ...]:
    """All findings, data first."""
    return (
        *data_resources(preview),
        *docker_volumes(preview),
        *mounts.findings(preview),
        *servers(preview),
        *account(preview),
        *openings.findings(preview),
        *images(preview),
    )


def notes(preview: Preview) -> tuple[str, ...]:
    """What is no reason to stop, and should be known."""
    return (*_data_notes(preview), *_server_notes(preview), *openings.notes(preview), *_image_notes(preview))


# Data


def data_resources(preview: Preview) -> Iterator[Finding]:
    """A data resource that would be deleted, replaced, unprotected, no longer retained, or re-created empty."""
    server_replaced = any(change.replaced for change in preview.of_type(declared.SERVER))
    for change in preview.changes:
        kind = declared.data_kind(change)
        if kind is None:
            continue
        if change.qualified_type == declared.SUBSCRIPTION:
            # It belongs to a server, and a new server gets one of its own; the backups that are there stay.
            if change.removed or (change.replaced and not server_replaced):
                yield _subscription(change)
            continue
        if change.removed:
            yield _deleted(change, kind)
        if change.replaced:
            yield _replaced(change, kind)
        if change.made and change.qualified_type == declared.DATA_VOLUME and not _first_of_its_kind(preview, change):
            yield _recreated(preview, change)
        yield from _options(change, kind)
    if not preview.errors and not any(change.qualified_type == declared.DATA_VOLUME for change in preview.changes):
        yield _absent(preview)


def _first_of_its_kind(preview: Preview, change: Change) -> bool:
    """A new stack's disk, in a stack whose data is a copy anyway. A production without a state has lost it, until
    somebody says otherwise."""
    return preview.is_new and not (change.new and change.new.protect) and preview.stack != declared.PROTECTED_STACK


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
        "delete",
        change.urn,
        f"{_first_upper(kind.what)} would be deleted.",
        means,
        "Bring its declaration back, under its old name and in its old component. To let it go all the same, take a "
        "restore point first.",
    )


def _replaced(change: Change, kind: declared.Kind) -> Finding:
    new = change.new.inputs if change.new else {}
    because = f" because of a change of {', '.join(change.reasons)}" if change.reasons else ""
    kept = (
        "the old one stays in the account (it is retained) and is billed on"
        if change.old and change.old.retain_on_delete
        else "the old one is deleted, and with it " + kind.holds
    )
    return Finding(
        "replace",
        change.urn,
        f"{_first_upper(kind.what)} would be replaced by {_made_from(new)}{because}.",
        f"The site would run on the new one: {kept}.",
        "Take the change back. A volume keeps its size, type and origin for life: a restore point is put in place with "
        "`toybox prod restore`, and staging's data renewed with `toybox staging refresh`.",
    )


def _recreated(preview: Preview, change: Change) -> Finding:
    new = change.new.inputs if change.new else {}
    if preview.is_new:
        missing = (
            f"The stack has no resources yet: either this is the first update of {preview.stack}, or its state is lost"
        )
    elif change.was_refreshed:
        missing = "The stack had one, and the cloud no longer finds it"
    else:
        missing = "The stack has other resources, but its state does not know of one"
    return Finding(
        "recreate",
        change.urn,
        f"A data volume would be made: {_made_from(new)}.",
        f"{missing}. The site would start on the new one, and whatever data there was would be left aside.",
        "Look for the volume in ConoHa's control panel (its name ends with `-data`). If it is there: "
        f"`toybox adopt {preview.stack}`, or get the state back with `toybox state import`. If this is the first "
        "update, say so in an exception.",
    )


def _options(change: Change, kind: declared.Kind) -> Iterator[Finding]:
    if change.old is None or change.new is None:
        return
    if change.old.protect and not change.new.protect:
        yield Finding(
            "unprotect",
            change.urn,
            f"{_first_upper(kind.what)} would no longer be protected.",
            f"Nothing happens to the data now; but the next mistake could delete or replace it: {kind.holds}. Pulumi "
            "allows both in one update, and shows no change in its preview.",
            "Bring `protect` back. To let it go all the same: in a pull request of its own, and never together with "
            "the change that needs it.",
        )
    if change.old.retain_on_delete and not change.new.retain_on_delete:
        yield Finding(
            "unretain",
            change.urn,
            f"{_first_upper(kind.what)} would no longer be retained.",
            "Nothing happens to the data now; but from then on, taking it out of the program or destroying the stack "
            f"deletes it in the cloud: {kind.holds}.",
            "Bring `retain_on_delete` back.",
        )


def _subscription(change: Change) -> Finding:
    return Finding(
        "delete" if change.removed else "replace",
        change.urn,
        "The automatic backup would be cancelled"
        + ("." if change.removed else " and subscribed again, for the same server."),
        "No restore point is taken from then on, so the newest one grows old; those that are there stay."
        if change.removed
        else "ConoHa does not say what becomes of the backups of a subscription that is cancelled.",
        "Set `toybox:snapshotPolicy` back to `schedule: daily`."
        if change.removed
        else "Change the declaration in a way that updates the subscription.",
    )


def _absent(preview: Preview) -> Finding:
    return Finding(
        "recreate",
        f"urn:pulumi:{preview.stack}::toybox::{declared.DATA_VOLUME}::data-volume",
        "The preview has no data volume, neither now nor afterwards.",
        "The stack does not know where its data is: the next `pulumi up` that declares a data volume makes an empty "
        "one.",
        "Is this a preview of the whole program? If the state lost the volume: "
        f"`toybox adopt {preview.stack}`, or get the state back with `toybox state import`.",
    )


def _data_notes(preview: Preview) -> Iterator[str]:
    for change in preview.changes:
        if change.qualified_type != declared.DATA_VOLUME:
            continue
        if change.made and _first_of_its_kind(preview, change):
            new = change.new.inputs if change.new else {}
            yield f"The first data volume of {preview.stack} would be made: {_made_from(new)}."
        if _schedule(change.old) and change.new and not _schedule(change.new):
            yield "No restore points would be taken any more: the schedule goes from the data volume's metadata."
        if "import" in change.ops:
            yield "The data volume would be adopted: it comes into the state, and nothing on it changes."
    for change in preview.changes:
        if change.qualified_type == declared.SUBSCRIPTION and "update" in change.ops:
            yield "The automatic backup would be changed to what `toybox:snapshotPolicy` says; kept backups may go."
    for change in preview.of_type(declared.DOCKER_VOLUME):
        if change.made and not preview.is_new and change.new and declared.is_pointer(change.new.inputs):
            yield (
                f"The Docker volume {change.new.inputs.get('name')} would be made. It only points to "
                f"{_device(change.new)}, on the data disk: what is there stays."
            )


def _schedule(state: State | None) -> bool:
    """Whether the volume tells `toybox restore-points run` to take restore points (settings.SnapshotPolicy)."""
    metadata = state.inputs.get("metadata") if state else None
    return isinstance(metadata, dict) and metadata.get("toybox-schedule") == "daily"


def _made_from(inputs: Mapping[str, Any]) -> str:
    """A volume by what it is made from."""
    for key, what in (("backupId", "the backup"), ("snapshotId", "the snapshot"), ("sourceVolId", "a clone of volume")):
        if inputs.get(key):
            return f"one made from {what} {_shown(inputs[key])}"
    return "an empty one"


# Docker volumes


def docker_volumes(preview: Preview) -> Iterator[Finding]:
    """A Docker volume that would be replaced, deleted or no longer retained, or that would hold data itself.

    A pointer to the data disk that is made again is no loss, whoever lost it; nor are the pointers that come back with
    a replaced server, as long as they point to where they pointed.
    """
    servers = list(preview.of_type(declared.SERVER))
    server_replaced = any(change.replaced for change in servers)
    for change in preview.of_type(declared.DOCKER_VOLUME):
        old, new = change.old, change.new
        if new and change.touched and not _device(new):
            yield _holds_data_itself(change, new)
        elif new and change.touched and not declared.is_pointer(new.inputs):
            yield _off_the_data_disk(change, new)
        elif old and new and change.touched and _device(old) != _device(new):
            yield _points_elsewhere(change, old, new)
        elif change.replaced and not server_replaced:
            yield _docker_volume_replaced(change)
        if change.removed:
            yield _docker_volume_deleted(change)
        if old and new and old.retain_on_delete and not new.retain_on_delete:
            yield Finding(
                "unretain",
                change.urn,
                "A Docker volume would no longer be retained.",
                "From then on Docker is told to delete it, forcibly, when it is replaced or leaves the program. As "
                "long as it is a pointer to the data disk, the data stays.",
                "Bring `retain_on_delete` back.",
            )


def _device(state: State) -> str:
    options = state.inputs.get("driverOpts")
    return str(options.get("device", "")) if isinstance(options, dict) else ""


def _holds_data_itself(change: Change, new: State) -> Finding:
    return Finding(
        "recreate",
        change.urn,
        f"The Docker volume {new.inputs.get('name')} would be made inside Docker's own folder.",
        "It would be empty, and whatever is written to it would be gone with /var/lib/docker or with the server: this "
        "is how the data was lost on 2026-01-22.",
        f"Make it a pointer to a directory below {declared.MOUNT_POINT}, as components/named_volumes.py does for each "
        "entry of components/volumes.py.",
    )


def _off_the_data_disk(change: Change, new: State) -> Finding:
    return Finding(
        "recreate",
        change.urn,
        f"The Docker volume {new.inputs.get('name')} would point to {_device(new)}, which is not on the data disk.",
        "The containers would find an empty directory on the server's own disk, and whatever they write there is gone "
        "with the server. The data stays on the data disk, unseen.",
        f"Let it point to a directory below {declared.MOUNT_POINT}, as components/volumes.py does.",
    )


def _points_elsewhere(change: Change, old: State, new: State) -> Finding:
    return Finding(
        "replace",
        change.urn,
        f"A Docker volume would point to {_device(new)} instead of {_device(old)}.",
        f"The containers would see the new directory, which may be empty. The data stays in {_device(old)}.",
        "Bring the directory's name back, or move the data in the same maintenance window and say so in an exception.",
    )


def _docker_volume_replaced(change: Change) -> Finding:
    because = f" because of a change of {', '.join(change.reasons)}" if change.reasons else ""
    return Finding(
        "replace",
        change.urn,
        f"A Docker volume would be replaced{because}.",
        "It is a pointer, so the data on the disk stays; but every container that uses it must be stopped first, and "
        "every input of a Docker volume forces this, a label included.",
        "Bring the ignored inputs back (`ignore_changes` in components/named_volumes.py), or take the change back.",
    )


def _docker_volume_deleted(change: Change) -> Finding:
    where = _device(change.old) if change.old else ""
    return Finding(
        "delete",
        change.urn,
        "A Docker volume would be deleted.",
        f"The data stays in {where} on the data disk, but no container sees it any more."
        if where
        else "What it holds is lost: it lies in Docker's own folder.",
        "Bring its entry in components/volumes.py back, under its old name. If nothing needs it any more, say so in an "
        "exception, and archive the directory.",
    )


# The server


def servers(preview: Preview) -> Iterator[Finding]:
    """A server that would be made or replaced without the data volume, or that takes the volume along when it goes."""
    volumes = [change for change in preview.changes if change.qualified_type == declared.DATA_VOLUME]
    sides = [side for change in volumes if _stays(change) for side in (change.old, change.new)]
    kept = {side.id for side in sides if side and side.id}
    attached = {
        str(change.new.inputs.get("volumeId"))
        for change in preview.of_type(declared.VOLUME_ATTACHMENT)
        if change.new is not None
    }
    for change in preview.of_type(declared.SERVER):
        old_leaves = change.replaced or change.removed
        if change.old and old_leaves and _takes_along(change.old):
            yield _server_takes_along(change, "The server that would go")
        if change.new is None or not change.touched:
            continue
        if _takes_along(change.new):
            yield _server_takes_along(change, "The server")
        if (change.made or change.replaced) and not _brings_data(change.new, kept, attached):
            yield Finding(
                "detach",
                change.urn,
                f"The server would be {'replaced' if change.replaced else 'made'} without the data volume.",
                "The data stays on its volume, but the new server does not have it: Docker does not start there, and "
                "the site stays down.",
                "Attach the data volume as the second of `block_devices`, by its id, with "
                "`delete_on_termination=False`.",
            )


def _stays(change: Change) -> bool:
    """It is after the update what it was before."""
    return not (change.made or change.replaced or change.removed)


def _devices(state: State) -> list[Mapping[str, Any]]:
    """A server's volumes besides the one it boots from."""
    devices = state.inputs.get("blockDevices")
    found = [device for device in devices or () if isinstance(device, dict)] if isinstance(devices, list) else []
    return [device for device in found if device.get("bootIndex") != 0]


def _takes_along(state: State) -> bool:
    return any(device.get("deleteOnTermination") is True for device in _devices(state))


def _brings_data(new: State, kept: set[str], attached: set[str]) -> bool:
    uuids = {str(device.get("uuid")) for device in _devices(new) if device.get("sourceType") == "volume"} | attached
    # Where the volume itself is made or replaced, its id is not known yet, and a finding of its own says so.
    return bool(uuids & kept) if kept else UNKNOWN in uuids


def _server_takes_along(change: Change, which: str) -> Finding:
    return Finding(
        "detach",
        change.urn,
        f"{which} has a volume with `delete_on_termination`.",
        "When that server is deleted or replaced, the cloud deletes the data volume with it, without asking Pulumi: "
        "neither `protect` nor `retain_on_delete` helps.",
        "Set `delete_on_termination=False` on the data volume's entry of `block_devices`. The setting of a server that "
        "exists can only be changed by replacing it: detach the volume first.",
    )


def _server_notes(preview: Preview) -> Iterator[str]:
    for change in preview.of_type(declared.SERVER):
        if change.replaced:
            because = f" because of a change of {', '.join(change.reasons)}" if change.reasons else ""
            yield f"The server would be replaced{because}: the site is down for some minutes. Its root disk is no data."
        if change.removed:
            yield "The server would be deleted: the site goes down."


# The account


def account(preview: Preview) -> Iterator[Finding]:
    """Another account, in which nothing is that the state knows of."""
    for change in preview.of_type(declared.CLOUD):
        if change.old is None or change.new is None:
            continue
        other = [
            key
            for key in ("authUrl", "region", "tenantName")
            if change.old.inputs.get(key) != change.new.inputs.get(key)
        ]
        if other:
            yield Finding(
                "move",
                change.urn,
                f"The stack would work in another account: {', '.join(other)} would change.",
                "Nothing of what the state knows is there: a refresh would lose track of the data volume, and the next "
                "`pulumi up` would make an empty one.",
                "Bring `toybox:openstack` back. Another account is another stack.",
            )


# Images


DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
LOCAL = re.compile(r"^sha256:[0-9a-f]{64}$")


def images(preview: Preview) -> Iterator[Finding]:
    """An image in prod that is not pinned by its digest."""
    if preview.stack == declared.PROTECTED_STACK:
        for change, reference in unpinned(preview):
            yield Finding(
                "unpin",
                change.urn,
                f"The image {reference} has no digest.",
                "Whoever can push to the registry decides what runs on prod's data; and a new PostgreSQL base can "
                "break the order of text in its indexes in silence.",
                "Write the reference with its digest: `name:tag@sha256:...`, which the registry shows and "
                "`docker pull` prints.",
            )


def _image_notes(preview: Preview) -> Iterator[str]:
    if preview.stack != declared.PROTECTED_STACK:
        for change, reference in unpinned(preview):
            yield f"{change.name}: the image {reference} has no digest. In prod that would stop the update."


def unpinned(preview: Preview) -> Iterator[tuple[Change, str]]:
    """Images that would be there afterwards, changed or not, and are not pinned, with their references.

    A container's image is an id that came out of pulling or building; one that is built is pinned if its bases are.
    """
    for change in preview.of_type(declared.IMAGE, declared.CONTAINER):
        if change.new is None:
            continue
        inputs = change.new.inputs
        build = inputs.get("build")
        if isinstance(build, dict):
            arguments = build.get("buildArgs") or {}
            references = [value for key, value in sorted(arguments.items()) if key.endswith("_IMAGE")]
        elif change.type == declared.IMAGE:
            references = [inputs.get("name")]
        else:
            references = [value for value in (inputs.get("image"),) if not LOCAL.match(str(value))]
        for reference in references:
            if reference != UNKNOWN and not DIGEST.search(str(reference)):
                yield change, _shown(reference)


def _shown(value: object) -> str:
    """A reference or an id for a message: what nobody knows yet is not shown as the engine's mark."""
    return "that is not known yet" if value == UNKNOWN else str(value)


def _first_upper(text: str) -> str:
    return text[0].upper() + text[1:]
