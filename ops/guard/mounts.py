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
            after, writable = {path: volume for path, volume, _ in mounted(change.new)}, written(change.new)
            for path, volume in written(change.old).items():
                # A name that is not known yet is that of a volume that is made again, which has findings of its own.
                if writable.get(path, "") not in (volume, UNKNOWN):
                    yield _unmounted(change, path, volume, _found_there(volume, after.get(path)))


def written(container: State) -> dict[str, str]:
    """The Docker volumes that a container may write to, as {path in the container: the volume's name}."""
    return {path: volume for path, volume, read_only in mounted(container) if not read_only}


def mounted(container: State) -> Iterator[tuple[str, str, bool]]:
    """The Docker volumes of a container: the path in it, the volume's name, and whether it can only read it."""
    for mount in container.inputs.get("mounts") or ():
        if isinstance(mount, dict) and mount.get("type") == "volume":
            yield str(mount.get("target")), str(mount.get("source")), mount.get("readOnly") is True


def _found_there(volume: str, instead: str | None) -> str:
    if instead == volume:
        return "It could only read it: a database does not start, and what users send is refused or lost."
    there = f"the volume {instead}" if instead else "nothing, or a volume without a name,"
    return (
        f"It would find {there} there: a database starts empty, and what users write from then on is somewhere else. "
        f"The data stays in {volume}, unseen."
    )


def _unmounted(change: Change, path: str, volume: str, means: str) -> Finding:
    name = change.new.inputs.get("name") if change.new else change.name
    return Finding(
        "unmount",
        change.urn,
        f"The container {name} would no longer write to the volume {volume} at {path}.",
        means,
        "Bring the mount back. To move data to another place: in one maintenance window, with an exception.",
    )
