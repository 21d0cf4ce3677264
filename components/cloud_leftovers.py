"""Before something is made in the cloud: removes, or names, what a killed update left there.

Between the cloud's making a thing and the engine's noting it in the state there is a moment: seconds for a volume, a
minute for a server. An engine that is killed in it leaves a thing that nobody knows. Without this, the next update ends
with "Key pair already exists" or "Volume is not available", or makes a second one beside the first, which costs money
and which nobody finds. The engine runs `before_create` only when the state knows nothing of the kind: what is replaced
here is deleted first.

Removed is what holds nothing of anybody's, and is ours beyond doubt. A data volume is never removed: the update stops,
says which one it is, and how to take it over.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pulumi

from conoha import names
from settings import Settings

if TYPE_CHECKING:
    from openstack.connection import Connection

RUNBOOK = 'docs/runbook.md, "Something is there that the state does not know"'
OTHER_STATE = (
    "The state is an old one, or another TOYBOX made it. Do not delete it. Get the state back with\n"
    "    `toybox state import`, or take everything over with `toybox adopt`."
)
FORMER = (
    "It holds former data of the stack; an empty volume beside it would be an empty site. If the command that put it\n"
    "    aside was stopped half-way, run that again. To go back to this one:\n"
    "    toybox adopt {stack} {id}"
)
RESTORE_POINTS = ("snapshotId", "sourceVolId", "backupId")

UNSETTLED = {"creating", "downloading", "restoring-backup", "BUILD"}
"""What the cloud calls a volume or a server that is still being made: what it becomes, or uses, is not known yet."""

PATIENCE = 600
"""Seconds for something that is still being made, or is going away."""


@dataclass(frozen=True)
class Found:
    """Something that the cloud has already, as far as it matters here.

    Attributes:
        shown: what it is, in words for people.
        ours: whether it is beyond doubt what a killed update made, and holds nothing of anybody's.
        way_out: what people should do if it is not.
    """

    id: str
    shown: str
    ours: bool
    way_out: str = ""


def refusal(kind: str, name: str, found: Iterable[Found]) -> str:
    """Why no `kind` is made beside those that are not `ours`; "" if there are none."""
    strange = [thing for thing in found if not thing.ours]
    if not strange:
        return ""
    return "\n".join(
        [
            f"there is a {kind} {name} already that the state does not know. None was made beside it.",
            *(f"  - {thing.shown}\n    {thing.way_out}" for thing in strange),
            f"More: {RUNBOOK}",
        ]
    )


def same_key(one: str, other: str) -> bool:
    """Whether two public keys are the same, whatever their comments are."""
    return one.split()[:2] == other.split()[:2]


def key_pairs(inputs: Mapping[str, Any], there: Iterable[Any]) -> list[Found]:
    """A key pair with our public key is ours: it holds nothing else."""
    return [
        Found(
            pair.name,
            f"fingerprint {pair.fingerprint}",
            ours=same_key(str(pair.public_key), str(inputs["publicKey"])),
            way_out="It holds another key than this stack's. If no server of yours needs it, delete it.",
        )
        for pair in there
        if pair.name == inputs["name"]
    ]


def security_groups(inputs: Mapping[str, Any], there: Iterable[Any]) -> list[Found]:
    """A security group with our description; the cloud itself refuses to delete one that a server uses."""
    return [
        Found(
            group.id,
            f"id {group.id}, described as {group.description!r}",
            ours=group.description == inputs["description"],
            way_out="TOYBOX did not make it. Rename it, or delete it if nobody needs it.",
        )
        for group in there
        if group.name == inputs["name"]
    ]


def security_group_rules(inputs: Mapping[str, Any], there: Iterable[Any]) -> list[Found]:
    """A rule of our own group that says the same."""
    names = {
        "direction": "direction",
        "ethertype": "ether_type",
        "protocol": "protocol",
        "portRangeMin": "port_range_min",
        "portRangeMax": "port_range_max",
        "remoteIpPrefix": "remote_ip_prefix",
    }

    def text(value: object) -> str:
        return str(int(value)) if isinstance(value, float) else str(value)

    return [
        Found(rule.id, f"id {rule.id}", ours=True)
        for rule in there
        if all(text(inputs.get(ours)) == text(getattr(rule, theirs)) for ours, theirs in names.items())
    ]


def volumes(inputs: Mapping[str, Any], there: Iterable[Any], urn: str) -> list[Found]:
    """Volumes of the same name that were made from the same.

    One that was made from an image is a boot volume, and holds nothing of users; ours is one that no server uses. A
    volume from another origin, or from the same restore point and in use, is there on purpose: `toybox staging refresh`
    makes the new one before the old one goes.

    No empty data volume is made beside any that the stack has, or had and that was put aside: a `toybox prod restore`
    that was killed leaves a state without a data volume, and an update from a clone with the former settings would
    bring up an empty site.
    """
    found = []
    stack = urn.split("::")[0].rsplit(":", 1)[1]
    empty = not any(inputs.get(origin) for origin in (*RESTORE_POINTS, "imageId"))
    for volume in there:
        if empty and names.is_aside(volume.name, stack):
            shown = f"id {volume.id}, {volume.name}: {volume.description}"
            found.append(Found(volume.id, shown, ours=False, way_out=FORMER.format(stack=stack, id=volume.id)))
            continue
        if volume.name != inputs["name"] or not (empty or same_origin(inputs, volume)):
            continue
        users = ", ".join(str(attachment["server_id"]) for attachment in volume.attachments or [])
        if users and any(inputs.get(origin) for origin in RESTORE_POINTS):
            continue
        ours = bool(inputs.get("imageId")) and not users
        shown = f"id {volume.id}, {volume.size} GB, made {volume.created_at}, {volume.status}"
        if users:
            shown, way_out = f"{shown}, attached to server {users}", OTHER_STATE
        else:
            way_out = (
                "An update that was killed made it, a destroyed stack left it, or the state is lost. Take it over:\n"
                f"    toybox adopt {stack} {volume.id}"
            )
        found.append(Found(volume.id, shown, ours, way_out))
    return found


def same_origin(inputs: Mapping[str, Any], volume: Any) -> bool:
    """Whether the volume was made from what `inputs` say."""
    image = (volume.volume_image_metadata or {}).get("image_id") if inputs.get("imageId") else None
    backup = volume.backup_id or (volume.metadata or {}).get("src_backup_id")
    made_from = (volume.snapshot_id, volume.source_volume_id, backup, image)
    wanted = tuple(inputs.get(name) for name in (*RESTORE_POINTS, "imageId"))
    return tuple(value or None for value in made_from) == tuple(value or None for value in wanted)


def servers(inputs: Mapping[str, Any], there: Iterable[Any]) -> list[Found]:
    """Servers of the same name tag (ConoHa gives names of its own). Ours is one that has the state's own boot volume:
    the one that the engine did not get to note, and on which nothing has run yet."""
    boot = [device["uuid"] for device in inputs["blockDevices"] if device.get("bootIndex") == 0]
    tag = inputs["metadata"]["instance_name_tag"]
    found = []
    for server in there:
        if not called(server, tag):
            continue
        attached = {volume["id"] for volume in server.attached_volumes or []}
        found.append(
            Found(
                server.id,
                f"id {server.id}, made {server.created_at}, {server.status}",
                ours=bool(attached & set(boot)) or (server.status == "ERROR" and not attached),
                way_out=OTHER_STATE,
            )
        )
    return found


def connection(settings: Settings) -> "Connection":
    """A connection to the stack's cloud."""
    # the SDK takes most of a second to load, and most runs of the program make nothing
    from conoha.login import log_in

    account = settings.openstack
    return log_in(
        auth_url=account.auth_url,
        region=account.region,
        domain=account.domain_name,
        tenant=account.tenant_name,
        user=account.user_name,
        password=settings.secrets.openstack_password.get_secret_value(),
    )


class CloudLeftovers:
    """Looks, decides with the functions above, and removes. One connection, made when something is made at all."""

    def __init__(self, connect: Callable[[], "Connection"]) -> None:
        self._connect = connect
        self._one_at_a_time = threading.Lock()

    @cached_property
    def _connection(self) -> "Connection":
        return self._connect()

    async def before_create(self, args: pulumi.ResourceHookArgs) -> None:
        """The hook: returns when nothing is in the way.

        Raises:
            RuntimeError: something is that people must decide about.
        """
        inputs = dict(args.new_inputs or {})
        for line in await asyncio.to_thread(self.clear, args.type, inputs, args.urn):
            pulumi.log.info(line)

    def clear(self, type_: str, inputs: Mapping[str, Any], urn: str) -> list[str]:
        """Remove what is in the way of what is about to be made; what was removed, in words.

        Raises:
            RuntimeError: something is that people must decide about.
        """
        with self._one_at_a_time:
            kind, found = self._find(type_, inputs, urn)
            name = inputs.get("name") or ""
            if complaint := refusal(kind, name, found):
                raise RuntimeError(complaint)
            for thing in found:
                self._remove(type_, thing.id, inputs)
            left = "which an update that was killed had made"
            return [f"removed {kind} {name} ({thing.shown}), {left}" for thing in found]

    def _find(self, type_: str, inputs: Mapping[str, Any], urn: str) -> tuple[str, list[Found]]:
        cloud = self._connection
        match type_:
            case "openstack:compute/keypair:Keypair":
                return "key pair", key_pairs(inputs, cloud.compute.keypairs())
            case "openstack:networking/secGroup:SecGroup":
                return "security group", security_groups(inputs, cloud.network.security_groups(name=inputs["name"]))
            case "openstack:networking/secGroupRule:SecGroupRule":
                rules = cloud.network.security_group_rules(security_group_id=inputs["securityGroupId"])
                return "rule", security_group_rules(inputs, rules)
            case "openstack:blockstorage/volume:Volume":
                return "volume", volumes(inputs, settled(cloud.block_storage.volumes, inputs["name"]), urn)
            case "openstack:compute/instance:Instance":
                return "server", servers(inputs, settled(cloud.compute.servers, inputs["name"]))
            case _:
                raise AssertionError(f"no rule for {type_}")

    def _remove(self, type_: str, id_: str, inputs: Mapping[str, Any]) -> None:
        cloud = self._connection
        match type_:
            case "openstack:compute/keypair:Keypair":
                cloud.compute.delete_keypair(id_)
            case "openstack:networking/secGroup:SecGroup":
                cloud.network.delete_security_group(id_)
            case "openstack:networking/secGroupRule:SecGroupRule":
                cloud.network.delete_security_group_rule(id_)
            case "openstack:blockstorage/volume:Volume":
                # asked for before: afterwards it may be gone already, and that would be an error
                volume = cloud.block_storage.get_volume(id_)
                cloud.block_storage.delete_volume(id_)
                cloud.block_storage.wait_for_delete(volume, interval=1, wait=PATIENCE)
            case "openstack:compute/instance:Instance":
                server = cloud.compute.get_server(id_)
                cloud.compute.delete_server(id_)
                cloud.compute.wait_for_delete(server, interval=1, wait=PATIENCE)
                for device in inputs["blockDevices"]:
                    volume = cloud.block_storage.get_volume(device["uuid"])
                    cloud.block_storage.wait_for_status(volume, "available", interval=1, wait=PATIENCE)


def settled(everything: Callable[[], Iterable[Any]], name: str) -> list[Any]:
    """All volumes or servers, once those called `name` are no longer being made."""
    deadline = time.monotonic() + PATIENCE
    while True:
        there = list(everything())
        busy = any(called(thing, name) and thing.status in UNSETTLED for thing in there)
        if not busy or time.monotonic() > deadline:
            return there
        time.sleep(1)


def called(thing: Any, name: str) -> bool:
    """Whether a volume or server has this name. A server's is in its metadata on ConoHa, which picks another itself."""
    return name in (thing.name, (thing.metadata or {}).get("instance_name_tag"))
