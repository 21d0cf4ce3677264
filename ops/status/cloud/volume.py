"""Report whether the data volume exists and is attached to the stack's server.

The state has its id. Names alone are not enough: a restore that stopped half-way has renamed it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from conoha import names
from ops.backup.asking import from_
from ops.data.volume import aside
from ops.restore_points.drivers import find_data_volume
from ops.restore_points.model import RestorePoint, Volume
from ops.status.cloud.server import ServerSeen, new_server
from ops.status.known import Known
from ops.status.line import Line
from settings import Declared

NAME = "data volume"


@dataclass(frozen=True)
class Data:
    """A stack's data volume, by the state and by the cloud.

    Attributes:
        id: the id in the state; else in the cloud, by the settings; None if neither has one.
        present: that volume in the cloud; None if it does not exist.
        kept: the former data volumes that a restore or an adoption put aside; the newest last.
    """

    id: str | None
    present: Volume | None
    kept: tuple[Volume, ...]


def data_of(settings: Declared, stack: str, known: Known | None, volumes: Sequence[Volume]) -> Data:
    """Return the stack's data volume among the project's volumes.

    Raises:
        OpsError: the state has none, and several volumes have its name.
    """
    if known and known.volume_id:
        wanted: str | None = known.volume_id
        present = next((each for each in volumes if each.id == wanted), None)
    else:
        present = find_data_volume(settings, stack, volumes)
        wanted = present.id if present else None
    return Data(wanted, present, tuple(each for each in aside.kept(volumes, stack) if each.id != wanted))


def volume_line(
    data: Data,
    server: ServerSeen | None,
    known: Known | None,
    settings: Declared,
    stack: str,
    newest: RestorePoint | None,
) -> Line:
    """Return a line that says whether the data volume exists, attached to this server, under its name. `newest` is the
    stack's newest good restore point."""
    volume = data.present
    if volume is None:
        return missing_line(data, settings, stack, newest)
    text = f"{volume.name or volume.id}, {volume.size} GB, {volume.word} ({volume.id})"
    if known and not known.volume_id:
        return Line(NAME, "bad", f"{text}: the state does not know it", f"toybox adopt {volume.id} --stack {stack}")
    if volume.server_id is None:
        return Line(NAME, "bad", f"{text}: attached to no server", going_on(volume, stack) or new_server(stack))
    if server is None or volume.server_id != server.id:
        look = f"toybox api GET compute /servers/{volume.server_id} --stack {stack}"
        return Line(NAME, "bad", f"{text}: attached to another server, {volume.server_id}", look)
    if names.is_aside(volume.name, stack):
        text = f"{text}: it is in use under the name of a kept one{unended(volume)}"
        return Line(NAME, "bad", text, going_on(volume, stack) or rename(volume, stack))
    if volume.word != "in-use":
        return Line(NAME, "bad", text, f"toybox api GET volume /volumes/{volume.id} --stack {stack}")
    return Line(NAME, "good", text)


def missing_line(data: Data, settings: Declared, stack: str, newest: RestorePoint | None) -> Line:
    """Return the line for a data volume that is not in the cloud."""
    if data.id is None and not data.kept:
        return Line(NAME, "bad", "there is none yet", f"pulumi up --stack {stack}")
    lost = f"it was deleted: the state has {data.id}, the cloud does not" if data.id else "the state has none"
    if data.id is None:
        kept = data.kept[-1]
        text = f"{lost}. The data from before is on {kept.name} ({kept.id}){unended(kept)}"
        return Line(NAME, "bad", text, going_on(kept, stack) or back(kept, stack))
    if not settings.is_production:
        return Line(NAME, "bad", lost, f"toybox refresh --stack {stack}")
    if newest is None:
        command = f"toybox restore-points list --all --stack {stack}"
        return Line(NAME, "bad", f"{lost}, and no restore point of it is left", command)
    command = f"toybox restore volume --from {newest.id} --stack {stack}"
    return Line(NAME, "bad", f"{lost}. The newest restore point has it", command)


def unended(volume: Volume) -> str:
    """Return the unfinished command for which a volume was put aside, in words; empty if there is none."""
    record = aside.read(volume.description)
    if record is None or not record.under_way:
        return ""
    return f", put aside {record.since:%Y-%m-%d %H:%M} UTC to {record.purpose}, which has not come to its end"


def going_on(volume: Volume, stack: str) -> str:
    """Return the command that finishes the unfinished one; empty if there is none."""
    record = aside.read(volume.description)
    if record is None or not record.under_way:
        return ""
    verb, wanted = record.purpose.split(" ", 1)
    match verb:
        case "restore" if wanted.startswith(("keeper:", "copy:")):
            kind, to = wanted.split(":", 1)
            return " ".join(["toybox restore database --to", to, "--stack", stack, *from_(kind)])
        case "restore":
            return f"toybox restore volume --from {wanted} --stack {stack}"
        case "adopt":
            return back(volume, stack) if wanted == volume.id else f"toybox adopt {wanted} --stack {stack}"
        case _:
            return back(volume, stack)


def back(volume: Volume, stack: str) -> str:
    """Return the command that makes a kept volume the stack's data again."""
    return f"toybox adopt {volume.id} --stack {stack}"


def rename(volume: Volume, stack: str) -> str:
    """Return the command that gives the data volume its own name back."""
    name = names.resource_name(stack, "data")
    return f"toybox api PUT volume /volumes/{volume.id} --stack {stack} volume.name={name}"
