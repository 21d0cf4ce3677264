"""Check Docker's named volumes. Each is a pointer to a directory on the data disk. The guard knows it by its name and
that directory, also under another URN."""

from collections.abc import Iterator

from inventory.volumes import MOUNT_POINT
from ops.guard import data_volumes, declared
from ops.guard.finding import Finding
from ops.guard.preview import Change, Preview, State


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for a Docker volume that would be replaced, deleted or no longer retained, or that would hold
    data itself.

    A pointer to the data disk that is made again loses no data. Nor do pointers that come back with a new server, in
    this update or after a failed one, as long as their targets stay the same.
    """
    servers = list(preview.of_type(declared.SERVER))
    server_replaced = any(change.replaced for change in servers)
    afterwards = {
        (change.new.inputs.get("name"), device(change.new))
        for change in preview.of_type(declared.DOCKER_VOLUME)
        if change.new
    }
    for change in preview.of_type(declared.DOCKER_VOLUME):
        old, new = change.before, change.new
        if new and change.touched and not device(new):
            yield _holds_data_itself(change, new)
        elif new and change.touched and not declared.is_pointer(new.inputs):
            yield _off_the_data_disk(change, new)
        elif old and new and change.touched and device(old) != device(new):
            yield _points_elsewhere(change, old, new)
        elif change.replaced and not server_replaced and change.changed_inputs():
            yield _docker_volume_replaced(change)
        moved = old and old.retain_on_delete and (old.inputs.get("name"), device(old)) in afterwards
        if change.removed and not moved:
            yield _docker_volume_deleted(change)
        if old and new and old.retain_on_delete and not new.retain_on_delete:
            yield Finding(
                data_volumes.UNRETAIN,
                change.urn,
                "A Docker volume would no longer be retained.",
                "From then on Docker is told to delete it, forcibly, when it is replaced or leaves the program. As "
                "long as it is a pointer to the data disk, the data stays.",
                "Bring `retain_on_delete` back.",
            )


def notes(preview: Preview) -> Iterator[str]:
    """Yield a note for a pointer that would be made again."""
    for change in preview.of_type(declared.DOCKER_VOLUME):
        if change.made and not preview.is_new and change.new and declared.is_pointer(change.new.inputs):
            yield (
                f"The Docker volume {change.new.inputs.get('name')} would be made. It only points to "
                f"{device(change.new)}, on the data disk: what is there stays."
            )


def device(state: State) -> str:
    """Return the directory that a Docker volume points to; empty if it points to none."""
    options = state.inputs.get("driverOpts")
    return str(options.get("device", "")) if isinstance(options, dict) else ""


def _holds_data_itself(change: Change, new: State) -> Finding:
    return Finding(
        data_volumes.RECREATE,
        change.urn,
        f"The Docker volume {new.inputs.get('name')} would be made inside Docker's own folder.",
        "It would be empty, and whatever is written to it would be gone with /var/lib/docker or with the server: this "
        "is how the data was lost on 2026-01-22.",
        f"Make it a pointer to a directory below {MOUNT_POINT}, as components/containers/named_volumes.py "
        "does for each entry of inventory/volumes.py.",
    )


def _off_the_data_disk(change: Change, new: State) -> Finding:
    return Finding(
        data_volumes.RECREATE,
        change.urn,
        f"The Docker volume {new.inputs.get('name')} would point to {device(new)}, which is not on the data disk.",
        "The containers would find an empty directory on the server's own disk, and whatever they write there is gone "
        "with the server. The data stays on the data disk, unseen.",
        f"Let it point to a directory below {MOUNT_POINT}, as inventory/volumes.py does.",
    )


def _points_elsewhere(change: Change, old: State, new: State) -> Finding:
    return Finding(
        data_volumes.REPLACE,
        change.urn,
        f"A Docker volume would point to {device(new)} instead of {device(old)}.",
        f"The containers would see the new directory, which may be empty. The data stays in {device(old)}.",
        "Bring the directory's name back, or move the data in the same maintenance window and say so in an exception.",
    )


def _docker_volume_replaced(change: Change) -> Finding:
    return Finding(
        data_volumes.REPLACE,
        change.urn,
        f"A Docker volume would be replaced{change.because}.",
        "It is a pointer, so the data on the disk stays; but every container that uses it must be stopped first, and "
        "every input of a Docker volume forces this, a label included.",
        "Bring the ignored inputs back (`ignore_changes` in components/containers/named_volumes.py), or take the "
        "change back.",
    )


def _docker_volume_deleted(change: Change) -> Finding:
    where = device(change.old) if change.old else ""
    return Finding(
        data_volumes.DELETE,
        change.urn,
        "A Docker volume would be deleted.",
        f"The data stays in {where} on the data disk, but no container sees it any more."
        if where
        else "What it holds is lost: it lies in Docker's own folder.",
        "Bring its entry in inventory/volumes.py back, under its old name. If nothing needs it any more, say so in an "
        "exception, and archive the directory.",
    )
