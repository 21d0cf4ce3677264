"""Compare the cloud's resources under a stack's names with the stack's state, in both directions.

The engine writes a resource into the state a moment after the cloud has made it: seconds later for a volume, a minute
for a server. An engine that is killed in that moment leaves a resource that the state does not know. The next update
would fail with "Key pair already exists", or with a boot volume that it cannot delete because an unknown server has it.
Or it would make a second resource beside the first, which costs money.

This module finds and reports such leftovers. `toybox leftovers` removes those that can be made again; neither of them
removes a data volume. The functions at the top are pure; `find` at the end asks the cloud.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from conoha import names

if TYPE_CHECKING:
    from openstack.connection import Connection

Kind = Literal["server", "boot volume", "key pair", "security group", "data volume"]

TYPES: Mapping[Kind, str] = {
    "server": "openstack:compute/instance:Instance",
    "boot volume": "openstack:blockstorage/volume:Volume",
    "data volume": "openstack:blockstorage/volume:Volume",
    "key pair": "openstack:compute/keypair:Keypair",
    "security group": "openstack:networking/secGroup:SecGroup",
}

UNSETTLED = {"creating", "downloading", "restoring-backup", "BUILD"}
"""The cloud's statuses of a volume or a server that it is still making. It cannot be removed yet."""

TIMEOUT = 600
"""Seconds to wait for a resource that the cloud is still making."""

RUNBOOK = 'docs/runbook.md, "Something is there that the state does not know"'


@dataclass(frozen=True)
class Known:
    """The contents of a stack's state: ids by Pulumi's type, those that are still to be deleted included; and the ids
    by logical name of the resources that it takes as present."""

    ids: Mapping[str, frozenset[str]]
    present: Mapping[str, str]

    @property
    def has_data_volume(self) -> bool:
        """Return whether the state has a data volume, so that an update would not make one."""
        return "data-volume" in self.present

    def has(self, kind: Kind, id_: str) -> bool:
        """Return whether the state has this resource."""
        return id_ in self.ids.get(TYPES[kind], frozenset())


@dataclass(frozen=True)
class There:
    """The account's resources, as openstacksdk returns them."""

    servers: Sequence[Any]
    volumes: Sequence[Any]
    key_pairs: Sequence[Any]
    security_groups: Sequence[Any]


@dataclass(frozen=True)
class Leftover:
    """One resource that the state does not know."""

    kind: Kind
    id: str
    name: str
    shown: str
    """The words that distinguish it from others of its name."""
    status: str = ""
    removable: bool = True
    """Whether `toybox leftovers` removes it: a killed update made it, and it can be made again."""
    blocks: bool = True
    """Whether an update would fail on it, or make another one beside it."""
    way_out: str = ""
    """The steps for one that is not removable."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.shown})"


def known(exported: str) -> Known:
    """Return the contents of an exported state."""
    resources = (json.loads(exported).get("deployment") or {}).get("resources") or []
    ids: dict[str, set[str]] = {}
    for each in resources:
        # without those that were deleted before their replacement: a key pair's id is its name, and its replacement has
        # the same
        if each.get("id") and not each.get("pendingReplacement"):
            ids.setdefault(each["type"], set()).add(each["id"])
    return Known(
        ids={type_: frozenset(found) for type_, found in ids.items()},
        present={
            each["urn"].rsplit("::", 1)[1]: each["id"]
            for each in resources
            if each.get("id") and not each.get("delete") and not each.get("pendingReplacement")
        },
    )


def gone(stack: str, there: There, state: Known) -> str:
    """Return a message for the operator if the state has a server or a boot volume that the cloud no longer has; "" if
    the cloud has both. Pulumi alone would do nothing then: a refresh would first ask every container of that server."""
    servers, volumes = {each.id for each in there.servers}, {each.id for each in there.volumes}
    for name, kind, ids in (("server-instance", "server", servers), ("server-boot-volume", "boot volume", volumes)):
        if (id_ := state.present.get(name)) and id_ not in ids:
            return (
                f"the cloud has no longer the {kind} {id_} of {stack}, which the state has.\n"
                "    Why:     it was deleted by hand, or by an update that was killed. Pulumi does not see that.\n"
                "    Way out: unless this update replaces it, this one does; the data volume stays:\n"
                f"        pulumi up --stack {stack} --replace '**::server-boot-volume'"
            )
    return ""


def leftovers(
    stack: str, there: There, state: Known, *, adopted: str | None = None, blank: bool = False
) -> list[Leftover]:
    """Return the resources in `there` under the stack's names that `state` does not have. They are in the order of
    their removal, because a server keeps the others in use. By the settings, `adopted` is the id of the data volume to
    take over, and `blank` says that the update makes an empty one."""
    servers = [_server(each, stack, there, state) for each in there.servers if called(each) == names.server_name(stack)]
    unknown = [each for each in servers if not state.has("server", each.id)]
    # the boot volume and the others that such a server uses are named with it, and cannot be removed yet
    held = {
        volume["id"]
        for each in there.servers
        if each.id in {one.id for one in unknown}
        for volume in each.attached_volumes or []
    }
    boot, data = names.resource_name(stack, "boot"), names.resource_name(stack, "data")
    free = [each for each in there.volumes if not state.has("boot volume", each.id) and each.id not in held]
    return [
        *unknown,
        *(_boot_volume(each) for each in free if each.name == boot),
        *(
            Leftover("key pair", each.name, each.name, f"fingerprint {each.fingerprint}")
            for each in there.key_pairs
            if each.name == names.server_name(stack) and not state.has("key pair", each.name)
        ),
        *(
            Leftover("security group", each.id, each.name, f"id {each.id}, described as {each.description!r}")
            for each in there.security_groups
            if each.name == names.server_name(stack) and not state.has("security group", each.id)
        ),
        *(_data_volume(each, stack, state) for each in free if each.name == data and each.id != adopted),
        *(
            _former(each, stack)
            for each in free
            if blank and not state.has_data_volume and names.is_aside(each.name, stack)
        ),
    ]


def _server(server: Any, stack: str, there: There, state: Known) -> Leftover:
    """Return the leftover for a server. It is removable if it uses the boot volume that the state has: the engine wrote
    the state after the volume and before the server. Any other server belongs to an older or a lost state."""
    attached = {volume["id"] for volume in server.attached_volumes or []}
    boot_volumes = {each.id for each in there.volumes if each.name == names.resource_name(stack, "boot")}
    on_ours = any(state.has("boot volume", id_) for id_ in attached & boot_volumes)
    return Leftover(
        "server",
        server.id,
        names.server_name(stack),
        f"id {server.id}, made {server.created_at}, {server.status}",
        server.status,
        removable=on_ours or (server.status == "ERROR" and not attached),
        way_out=(
            "The state is an old one or lost, for it does not know the server's boot volume either.\n"
            "Get the state back with `toybox state import`, or take everything over:\n"
            f"    toybox adopt --stack {stack}"
        ),
    )


def _boot_volume(volume: Any) -> Leftover:
    """Return the leftover for a boot volume. It holds no data of users. No server uses it, unless the account does not
    list that server."""
    return Leftover(
        "boot volume",
        volume.id,
        volume.name,
        _described(volume),
        volume.status,
        removable=not volume.attachments,
        way_out="A server has it that is none of this stack's. Look at it in the control panel.",
    )


def _data_volume(volume: Any, stack: str, state: Known) -> Leftover:
    """Return the leftover for a data volume. It is never removable: after a killed update, a destroyed stack or a lost
    state, the cloud looks the same."""
    return Leftover(
        "data volume",
        volume.id,
        volume.name,
        _described(volume),
        volume.status,
        removable=False,
        blocks=not state.has_data_volume,
        way_out=(
            "An update that was killed made it, a destroyed stack left it, or the state is lost. It may hold\n"
            "all data, so no command removes it. Take it over:\n"
            f"    toybox adopt {volume.id} --stack {stack}"
        ),
    )


def _former(volume: Any, stack: str) -> Leftover:
    """Return the leftover for a volume that was put aside, where an update would make an empty one. A killed restore
    leaves a state without a data volume. An update from a clone with the former settings would then bring up an empty
    site."""
    return Leftover(
        "data volume",
        volume.id,
        volume.name,
        f"id {volume.id}: {volume.description}",
        volume.status,
        removable=False,
        way_out=(
            "It holds former data of the stack; an empty volume beside it would be an empty site. If the command\n"
            "that put it aside was stopped half-way, run that again. To go back to this one:\n"
            f"    toybox adopt {volume.id} --stack {stack}"
        ),
    )


def _described(volume: Any) -> str:
    users = ", ".join(str(each["server_id"]) for each in volume.attachments or [])
    attached = f", attached to server {users}" if users else ""
    return f"id {volume.id}, {volume.size} GB, made {volume.created_at}, {volume.status}{attached}"


def called(server: Any) -> str:
    """Return a server's name. ConoHa picks a name itself; there the name is the one in the server's metadata."""
    return str((server.metadata or {}).get("instance_name_tag", server.name))


def refusal(stack: str, found: Iterable[Leftover]) -> str:
    """Return why no update begins beside the blocking leftovers, with the way out; "" if none blocks."""
    blocking = [each for each in found if each.blocks]
    if not blocking:
        return ""
    lines = [f"The cloud has something of {stack} that the state does not know. Nothing was changed."]
    if removable := [each for each in blocking if each.removable]:
        lines += [f"  - {each}" for each in removable]
        lines += [
            "    Why:     an update that was killed made it and could not note it. The next one would fail on it.",
            "    Way out: this shows it, asks, and removes it; then run the same update again:",
            f"        toybox leftovers --stack {stack}",
        ]
    for each in blocking:
        if not each.removable:
            lines += [f"  - {each}", *(f"    {line}" for line in each.way_out.splitlines())]
    return "\n".join([*lines, f"More: {RUNBOOK}"])


# The edge.


def ask(connection: "Connection") -> There:
    """Return the account's resources."""
    return There(
        servers=list(connection.compute.servers()),
        volumes=list(connection.block_storage.volumes()),
        key_pairs=list(connection.compute.keypairs()),
        security_groups=list(connection.network.security_groups(project_id=connection.current_project_id)),
    )


@dataclass(frozen=True)
class Difference:
    """The differences between the cloud and the state."""

    leftovers: list[Leftover]
    gone: str


def find(
    connection: "Connection",
    stack: str,
    exported: str,
    say: Callable[[str], None],
    *,
    adopted: str | None = None,
    blank: bool = False,
) -> Difference:
    """Return the leftovers and the missing server, once the cloud is no longer making any of the leftovers."""
    state, deadline, told = known(exported), time.monotonic() + TIMEOUT, False
    while True:
        there = ask(connection)
        found = leftovers(stack, there, state, adopted=adopted, blank=blank)
        busy = [each for each in found if each.status in UNSETTLED]
        if not busy or time.monotonic() > deadline:
            return Difference(found, gone(stack, there, state))
        if not told:
            say(f"waiting for what is still being made: {', '.join(map(str, busy))}")
            told = True
        time.sleep(1)
