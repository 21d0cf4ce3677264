"""Where containers would find their data: the volumes that they write to, old against new.

A container that loses its volume does not fail. Docker gives it an empty directory, or an anonymous volume where its
image asks for one; the database makes itself anew there, and the data stays where it was, unseen.
"""

from collections.abc import Iterator

from ops.guard import declared
from ops.guard.finding import Finding
from ops.guard.preview import UNKNOWN, Change, Preview, State


def findings(preview: Preview) -> Iterator[Finding]:
    """A container that would no longer have a volume that it writes to, at the path where it has it now."""
    for change in preview.of_type(declared.CONTAINER):
        if change.old and change.new:
            after = written(change.new)
            for path, volume in written(change.old).items():
                # A name that is not known yet is that of a volume that is made again, which has findings of its own.
                if after.get(path, "") not in (volume, UNKNOWN):
                    yield _unmounted(change, path, volume, after.get(path))


def written(container: State) -> dict[str, str]:
    """The Docker volumes that a container may write to, as {path in the container: the volume's name}."""
    return {
        str(mount.get("target")): str(mount.get("source"))
        for mount in container.inputs.get("mounts") or ()
        if isinstance(mount, dict) and mount.get("type") == "volume" and mount.get("readOnly") is not True
    }


def _unmounted(change: Change, path: str, volume: str, instead: str | None) -> Finding:
    name = change.new.inputs.get("name") if change.new else change.name
    there = f"the volume {instead}" if instead else "nothing, or a volume without a name,"
    return Finding(
        "unmount",
        change.urn,
        f"The container {name} would no longer write to the volume {volume} at {path}.",
        f"It would find {there} there: a database starts empty, and what users write from then on is somewhere else. "
        f"The data stays in {volume}, unseen.",
        "Bring the mount back. To move data to another place: in one maintenance window, with an exception.",
    )
