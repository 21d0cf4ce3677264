"""Check the server between the data volume and Docker: it has the volume, and its deletion leaves the volume."""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.guard import containers, declared, host_commands
from ops.guard.finding import Finding, Rule
from ops.guard.preview import UNKNOWN, Change, Preview, State

DETACH = Rule(
    "detach",
    "A server is made, replaced or changed without the data volume, or with one that the cloud deletes together "
    "with the server.",
    "The site is down without its data, or the data is deleted with the server.",
)

SILENT = frozenset({"flavorName", "metadata", "name", "tags", "securityGroups", "blockDevices"})
"""Inputs of a server whose change is not reported here: other rules judge them, or the report shows why it is
replaced."""
PROGRAMS = frozenset({"userData", "personalities", "personality"})
"""Inputs that a server runs, or writes to its disk, at its first boot."""


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for a server that would be made, replaced or changed without the data volume, beside another one,
    or with a program of its own. Its deletion must not delete the volume, either."""
    kept = {
        side.id
        for change in declared.data_volumes(preview)
        if change.stays
        for side in (change.old, change.new)
        if side and side.id
    }
    imported = any("import" in change.ops for change in declared.data_volumes(preview))
    attachments = list(preview.of_type(declared.VOLUME_ATTACHMENT))
    attached = {str(change.new.inputs.get("volumeId")) for change in attachments if change.new}
    servers = list(preview.of_type(declared.SERVER))
    for change in servers:
        if change.old and change.leaves and _takes_along(change.old):
            yield _server_takes_along(change, "The server that would go")
        if change.new is None or not change.touched:
            continue
        if _takes_along(change.new):
            yield _server_takes_along(change, "The server")
        if not _brings_data(change.new, kept, attached, imported=imported):
            yield _detached(change)
        if change.made and any(each.stays for each in servers):
            yield _second(change)
        if programs := [name for name in change.changed_inputs() if name in PROGRAMS]:
            yield _runs(change, programs)
    for change in attachments:
        if change.leaves and change.old and str(change.old.inputs.get("volumeId")) in kept - attached:
            yield _detached(change)


def notes(preview: Preview) -> Iterator[str]:
    """Yield a note for a server that would go, come back, or be changed while it runs."""
    for change in preview.of_type(declared.SERVER):
        if change.replaced:
            yield (
                f"The server would be replaced{change.because}: the site is down for some minutes. Its root disk is no "
                "data."
            )
        elif change.removed:
            yield "The server would be deleted: the site goes down."
        elif other := [name for name in change.changed_inputs() if name not in SILENT | PROGRAMS]:
            yield f"The server would be changed: {', '.join(other)}."


def _devices(state: State) -> list[Mapping[str, Any]]:
    """Return a server's volumes besides the one it boots from."""
    devices = state.inputs.get("blockDevices")
    found = [device for device in devices or () if isinstance(device, dict)] if isinstance(devices, list) else []
    return [device for device in found if device.get("bootIndex") != 0]


def _takes_along(state: State) -> bool:
    return any(device.get("deleteOnTermination") is True for device in _devices(state))


def _brings_data(new: State, kept: set[str], attached: set[str], *, imported: bool) -> bool:
    uuids = {str(device.get("uuid")) for device in _devices(new) if device.get("sourceType") == "volume"} | attached
    # A volume that is made or replaced has no known id yet, and a finding of its own says so. The preview does not show
    # the id of an imported one.
    return bool(uuids & kept) if kept else bool(uuids) if imported else UNKNOWN in uuids


def _detached(change: Change) -> Finding:
    how = "replaced" if change.replaced else "made" if change.made else "left"
    return Finding(
        DETACH,
        change.urn,
        f"The server would be {how} without the data volume.",
        "The data stays on its volume, but the new server does not have it: Docker does not start there, and "
        "the site stays down."
        if how != "left"
        else "The data stays on its volume, but what runs on the server loses its files while it writes to them.",
        "Attach the data volume as the second of `block_devices`, by its id, with `delete_on_termination=False`.",
    )


def _second(change: Change) -> Finding:
    return Finding(
        containers.SHARE,
        change.urn,
        "A second server would be made beside the one that has the data volume.",
        "Two servers that mount one ext4 destroy it, and a second site on an empty disk takes what users write from "
        "then on.",
        "Take it out: a stack has one server.",
    )


def _runs(change: Change, programs: list[str]) -> Finding:
    return Finding(
        host_commands.RUN,
        change.urn,
        f"The server would be told to run or write something else at its first boot: {', '.join(programs)}.",
        "It is secret, so the preview does not show it. It runs as root, with the data volume attached.",
        "Bring it into the host bundle, which every preview shows, or say in an exception what it does.",
    )


def _server_takes_along(change: Change, which: str) -> Finding:
    return Finding(
        DETACH,
        change.urn,
        f"{which} has a volume with `delete_on_termination`.",
        "When that server is deleted or replaced, the cloud deletes the data volume with it, without asking Pulumi: "
        "neither `protect` nor `retain_on_delete` helps.",
        "Set `delete_on_termination=False` on the data volume's entry of `block_devices`. The setting of a server that "
        "exists can only be changed by replacing it: detach the volume first.",
    )
