"""Brings a stack up on the data volume that its settings now name, and looks whether it stands."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ops import OpsError
from ops.cloud import declared
from ops.data.volume import census, state
from ops.leftovers.remove import make_way
from ops.pulumi_cli import PulumiStack
from ops.restore_points.model import Volume
from ops.status.cloud.server import find_server
from ops.status.outside.site import ask_site, site_line
from ops.timed import Timed
from settings import Declared

if TYPE_CHECKING:
    from openstack.connection import Connection

CERTIFICATE_PATIENCE = 120
"""Seconds for the site to answer: where it has no certificate yet, one has to be signed."""


def bring_up(
    stack: PulumiStack, connection: "Connection", now: datetime, settings: Declared, timed: Timed, *, protected: bool
) -> state.Recorded:
    """Run `pulumi up` and check its result. Return the data volume. First remove the leftovers of an earlier attempt
    that was killed.

    Raises:
        OpsError: the update failed, the volume is not there or not protected, or the site does not answer.
    """
    wanted = declared(stack).data_volume.origin  # the command has just written this origin
    make_way(stack, wanted.id if wanted.source == "adopted" else None, connection, now, timed)
    with timed.step("pulumi up: volume, server, services"):
        stack.update(show=timed.line_of_pulumi)
    recorded = state.recorded(stack.exported())
    if recorded is None:
        raise OpsError(f"The state has no data volume after the update. Look with: pulumi preview --stack {stack.name}")
    if protected and not recorded.protected:
        raise OpsError(f"The data volume is not protected. `pulumi state protect '{recorded.urn}'` mends that.")
    with timed.step("the site answers"):
        await_site(stack, settings)
    return recorded


def await_site(stack: PulumiStack, settings: Declared) -> None:
    """Raises OpsError unless the site answers. That the database and Redis do, the update waited for; a new certificate
    may take a moment longer."""
    address = stack.outputs()["address"]
    deadline = time.monotonic() + CERTIFICATE_PATIENCE
    while True:
        line = site_line(settings, ask_site(settings, address), f"toybox status --stack {stack.name}")
        if line.verdict == "good":
            return
        if time.monotonic() > deadline:
            raise OpsError(f"{stack.name} is up, and its site is not well: {line.text}")
        time.sleep(1)


@dataclass(frozen=True)
class Held:
    """The contents of a running server's data volume, in words (census.words)."""

    server_id: str
    words: str


def held_before(stack: PulumiStack, connection: "Connection", say: Callable[[str], None]) -> Held | None:
    """Return the contents of the stack's data volume before its server stops; None if the server is off, gone or
    silent. Such a server is often the reason for the command."""
    server = find_server(connection, stack.name)
    if server is None or server.word != "ACTIVE" or server.address is None:
        return None
    try:
        return Held(server.id, census.words(census.look(stack, server.address)))
    except OpsError as error:
        say(f"    it cannot be asked, so nothing can be compared with it: {str(error).splitlines()[-1]}")
        return None


def restored(stack: PulumiStack, volumes: Sequence[Volume], volume_id: str, *, known: Collection[str]) -> list[str]:
    """Return the contents of a stack that was brought up on a new volume, in words. `known` are the volumes from
    before.

    Raises:
        OpsError: the volume is not a new one, or its contents differ from those when the server first had it.
    """
    volume = next((each for each in volumes if each.id == volume_id), None)
    if volume is None or volume_id in known:
        raise OpsError(f"{stack.name} is up, and no new data volume was made: it runs on {volume_id}.")
    first, now = census.taken(stack.exported()), census.look(stack, stack.outputs()["address"])
    refuse_wrong_data(stack.name, census.problems(first, now, volume_id, volume.created_at))
    lines = [f"holds now: {census.words(now)}"]
    return [f"held before the application started: {census.words(first)}", *lines] if first else lines


def adopted(stack: PulumiStack, volume_id: str, made_by: datetime, before: str) -> list[str]:
    """Return the contents of a stack that was brought up on an existing volume, in words. The data must be older than
    `made_by`. `before` is the earlier census of the volume (census.words), or "".

    Raises:
        OpsError: the database is a new one, or differs from the former one.
    """
    now = census.look(stack, stack.outputs()["address"])
    found = census.problems(None, now, volume_id, made_by)
    refuse_wrong_data(stack.name, [*found, *(census.since(before, now) if before else ())])
    return [*([f"held before: {before}"] if before else []), f"holds now: {census.words(now)}"]


def refuse_wrong_data(stack: str, found: Sequence[str]) -> None:
    """Raise OpsError if there are problems."""
    if found:
        raise OpsError(
            f"{stack} is up, and its data is not as it should be:\n"
            + "\n".join(f"  - {each}" for each in found)
            + "\n    Why:     the site may answer all the same. What users write now may be lost with it."
        )
