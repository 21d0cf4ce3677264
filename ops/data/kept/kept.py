"""List volumes that were put aside, and delete one of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conoha import names
from conoha.volumes import DATA
from ops import OpsError
from ops.cloud import cloud_errors
from ops.data.adopt.ownership import knows
from ops.data.volume import aside
from ops.pulumi_cli import PulumiStack
from ops.restore_points import cinder
from ops.restore_points.model import Volume
from ops.state import locks

if TYPE_CHECKING:
    from openstack.connection import Connection


def rows(volumes: Sequence[Volume], stack: str) -> list[dict[str, Any]]:
    """Return the stack's kept volumes, the oldest first, for programs. The keys are an interface. Pure."""
    found = []
    for volume in aside.kept(volumes, stack):
        record = aside.read(volume.description)
        found.append(
            {
                "id": volume.id,
                "name": volume.name,
                "size": volume.size,
                "status": volume.word,
                "since": record.since.isoformat() if record else None,
                "purpose": record.purpose if record else None,
                "underWay": record.under_way if record else None,
                "held": (record.held or None) if record else None,
                "yenPerMonth": DATA.prices.get(volume.size),
            }
        )
    return found


def told(rows: Sequence[Mapping[str, Any]], stack: str) -> list[str]:
    """Return the kept volumes as lines for people. Pure."""
    if not rows:
        return [f"{stack} has no kept volumes."]
    lines = []
    for row in rows:
        price = f", ¥{row['yenPerMonth']:,} a month" if row["yenPerMonth"] else ""
        lines.append(f"{row['id']}  {row['name']}, {row['size']} GB, {row['status']}{price}")
        if row["purpose"]:
            state = "has not come to its end" if row["underWay"] else "is done"
            lines.append(f"    put aside {row['since'][:16]} UTC to {row['purpose']}, which {state}")
        if row["held"]:
            lines.append(f"    held {row['held']}")
    return [
        *lines,
        f"To go back to one: `toybox adopt ID --stack {stack}`. "
        f"To delete one: `toybox kept delete ID --stack {stack}`.",
    ]


def deletable(volumes: Sequence[Volume], wanted: str, stack: str, states: Mapping[str, str]) -> Volume:
    """Return the kept volume with this id. `states` are the exported states of all stacks, by name. Pure.

    Raises:
        OpsError: there is no such volume, it is not the stack's, or it may still be needed.
    """
    volume = next((each for each in volumes if each.id == wanted), None)
    if volume is None:
        raise refused(f"This account has no volume {wanted}", stack)
    shown = f"Volume {volume.name} ({volume.id})"
    if others := names.volume_owners(volume.name, volume.description) - {stack}:
        raise refused(f"{shown} is one of {', '.join(sorted(others))}, not of {stack}", stack)
    if not names.is_aside(volume.name, stack):
        raise refused(f"{shown} was not put aside", stack)
    if volume.server_id or volume.word != "available":
        raise refused(f"{shown} is {volume.word}{f', by server {volume.server_id}' * bool(volume.server_id)}", stack)
    if knowing := sorted(name for name, text in states.items() if knows(text, volume.id)):
        raise refused(f"{shown} is in the state of {', '.join(knowing)}", stack)
    record = aside.read(volume.description)
    if record and record.under_way:
        raise refused(
            f"{shown} was put aside to {record.purpose}, and that has not come to its end: it is the way back", stack
        )
    return volume


def refused(reason: str, stack: str) -> OpsError:
    """Return an error with the reason why nothing is deleted."""
    return OpsError(
        f"{reason}. Nothing was deleted.\n"
        "    Why:     a volume that is deleted is gone, with all data on it.\n"
        f"    Way out: `toybox kept list --stack {stack}` shows those that can be deleted."
    )


@dataclass(frozen=True)
class Deletion:
    """The deletion of a stack's kept volume in its cloud. `confirm` asks for a name, and raises if it is not typed."""

    stack: PulumiStack
    connection: "Connection"
    say: Callable[[str], None]
    confirm: Callable[[str, str], None]

    def run(self, wanted: str) -> None:
        """Delete one kept volume. Raises OpsError with the reason and the way out."""
        locks.refuse_if_locked(self.stack)
        volume = self.chosen(wanted)
        for line in told(rows([volume], self.stack.name), self.stack.name)[:-1]:
            self.say(line)
        self.say("All data on it will be gone. Restore points that the cloud has of it stay.")
        self.confirm(volume.name, "kept volume")
        locks.refuse_if_locked(self.stack)
        self.chosen(wanted)  # the volume as it is now: somebody may have adopted it during the question
        with cloud_errors(
            f"the deletion of volume {volume.id}",
            "A volume that has a snapshot cannot be deleted before it: `openstack volume snapshot list`.",
        ):
            cinder.delete_volume(self.connection, volume.id)
        if any(each.id == volume.id for each in cinder.volumes(self.connection)):
            raise OpsError(
                f"The cloud still has volume {volume.id}. Look again: `toybox kept list --stack {self.stack.name}`"
            )
        self.say(f"Deleted {volume.name} ({volume.id}).")

    def chosen(self, wanted: str) -> Volume:
        """Return the volume, after a look at the cloud and at every stack's state."""
        stacks = [self.stack, *self.stack.others()]
        states = {each.name: each.exported() for each in stacks if each.exists()}
        return deletable(cinder.volumes(self.connection), wanted, self.stack.name, states)
