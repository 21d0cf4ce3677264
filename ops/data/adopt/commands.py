"""`toybox adopt`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.cloud import connect, declared, opened
from ops.confirmation import confirm
from ops.data.adopt.adopt import Adopt
from ops.stack_option import Stack


def adopt(
    stack: Stack,
    volume: Annotated[
        str | None, typer.Argument(metavar="VOLUME_ID", help="The data volume, if it is not the one.")
    ] = None,
) -> None:
    """Take over a data volume that the state does not know, and bring the stack up on it.

    Without VOLUME_ID, for a stack whose state was lost: its server, boot volume, key pair and security group are found
    by name, removed and made again; the data volume is adopted as it is. With VOLUME_ID, that volume takes the present
    one's place, which is kept. Asks for the stack's name, typed in full.
    """
    chosen = opened(stack)
    declared(chosen)  # settings that do not exist fail here, before anything is made of them
    chosen.settings()  # makes the stack where its state was lost; Pulumi gives the cloud's password only then
    Adopt(chosen, connect(chosen), datetime.now(UTC), typer.echo, confirm).run(volume)
