"""`toybox leftovers`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from conoha.leftovers import Leftover
from ops import OpsError
from ops.cloud import connect, declared, opened
from ops.confirmation import confirm
from ops.leftovers.remove import find, remove
from ops.pulumi_cli import PulumiStack
from ops.stack_option import Stack
from ops.state import locks
from ops.timed import Timed

if TYPE_CHECKING:
    from openstack.connection import Connection


def leftovers(stack: Stack) -> None:
    """Show what an update that was killed left in the cloud, and remove it. Never a data volume.

    These are things under the stack's names that its state does not know: a server, a boot volume, a key pair, a
    security group. Asks for the stack's name, typed in full. `pulumi up` stops while there are any, and makes them
    again afterwards.
    """
    chosen = opened(stack)
    clear(chosen, connect(chosen), typer.echo, confirm)


def clear(
    stack: PulumiStack, connection: "Connection", say: Callable[[str], None], confirm: Callable[[str], None]
) -> None:
    """Show and remove the leftovers. `confirm` asks the operator, and raises without a confirmation.

    Raises:
        OpsError: a leftover remains that no program removes, or the cloud refuses a removal.
    """
    locks.refuse_if_locked(stack)
    origin = declared(stack).data_volume.origin
    adopted = origin.id if origin.source == "adopted" else None

    def look() -> list[Leftover]:
        return find(stack, connection, say, adopted=adopted, blank=origin.source == "blank")

    found = look()
    if not found:
        say(f"The cloud has nothing of {stack.name} that the state does not know.")
        return
    removable = [each for each in found if each.removable]
    for each in removable:
        say(f"  stopped and removed: {each}" if each.kind == "server" else f"  removed: {each}")
    if removable:
        confirm(stack.name)
        locks.refuse_if_locked(stack)
        if look() != found:
            raise OpsError("Something else is there now. Nothing was changed. Run the command again.")
        remove(removable, connection, Timed(say))
        found = look()
    if found:
        raise OpsError(
            f"The cloud still has something of {stack.name} that the state does not know:\n"
            + "\n".join("\n".join([f"  - {each}", *_indented(each.way_out)]) for each in found)
        )
    say(f"The cloud has nothing of {stack.name} any more that the state does not know. Run the update again.")


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]
