"""What the guard recognizes of what the program declares: types of resources, and whether they hold data.

By type token and component, never by a piece of a name. tests/unit/ops/guard/test_declared.py holds it against what the
program registers, and the golden URNs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from inventory import tokens
from inventory.volumes import MOUNT_POINT, POSTGRES, REDIS
from ops.guard.preview import Change, Preview

DATA_COMPONENT = tokens.DATA_VOLUME
"""Its input `environment` is the stack's role, as the state has it."""
POLICY_COMPONENT = tokens.SNAPSHOT_POLICY
"""Its input `kept` is the number of restore points that are kept, as the state has it."""
KEEPER_COMPONENT = tokens.KEEPER_ACCESS
"""Its inputs say who may log in as the keeper, as the state has them: address, sshKey, databaseVerifier."""
KEEPER_MACHINE = tokens.KEEPER
"""Its input `copy` is the address of the object storage that its copy goes to, as the state has it; "" without one."""
DATA_VOLUME = f"{DATA_COMPONENT}$openstack:blockstorage/volume:Volume"
"""The disk that every byte of the users lives on."""
DATA_ORIGIN = f"{DATA_COMPONENT}$pulumi:index:Stash"
"""The data volume's origin in the settings, from the time when the volume came."""
BOOT_VOLUME = f"{tokens.SERVER}$openstack:blockstorage/volume:Volume"
"""The server's root disk, which holds no data of users."""
SUBSCRIPTION = f"{POLICY_COMPONENT}$command:local:Command"
"""ConoHa's automatic backup of the server."""
DOCKER_VOLUME = "docker:index/volume:Volume"
VOLUME = "openstack:blockstorage/volume:Volume"
VOLUME_ATTACHMENT = "openstack:compute/volumeAttach:VolumeAttach"
SERVER = "openstack:compute/instance:Instance"
SECURITY_GROUP = "openstack:networking/secGroup:SecGroup"
SECURITY_GROUP_RULE = "openstack:networking/secGroupRule:SecGroupRule"
PORT_SECURITY_GROUPS = "openstack:networking/portSecGroupAssociate:PortSecGroupAssociate"
CONTAINER = "docker:index/container:Container"
IMAGE = "docker:index/remoteImage:RemoteImage"
CLOUD = "pulumi:providers:openstack"
DOCKER = "pulumi:providers:docker"
COMMANDS = ("command:remote:Command", "command:local:Command")

JUDGED = frozenset(
    {
        *(DOCKER_VOLUME, VOLUME, VOLUME_ATTACHMENT, SERVER, SECURITY_GROUP, SECURITY_GROUP_RULE),
        *(PORT_SECURITY_GROUPS, CONTAINER, IMAGE, CLOUD, DOCKER, *COMMANDS),
    }
)
"""The types that a rule checks."""
HARMLESS = frozenset(
    {
        "docker:index/network:Network",
        "openstack:compute/keypair:Keypair",
        "pulumi:providers:command",
        "pulumi:index:Stash",
        "pulumi:pulumi:Stack",
    }
)
"""The types that cannot reach the data, and open nothing. A component (`toybox:`) only groups others."""

DATABASES = (POSTGRES.name, REDIS.name)
"""The Docker volumes whose files only their own program's version can read."""
WEB_CONTAINER = "caddy"
"""The one container that publishes ports."""


@dataclass(frozen=True)
class Kind:
    """A kind of data resource, in words."""

    what: str
    holds: str
    """What is lost with it."""


DATA_KIND = Kind("the data volume", "every byte of TOYBOX's users: database, uploads, certificates")
SUBSCRIPTION_KIND = Kind("the automatic backup", "the restore points that would be taken from tonight on")
OTHER_PROTECTED = Kind("a protected resource", "whatever it was protected for")


def is_data_volume(preview: Preview, change: Change) -> bool:
    """Return whether this is a disk with users' data: each volume that no server boots from, whatever its URN says."""
    if change.type != VOLUME:
        return False
    ids = {state.id for state in (change.old, change.new) if state and state.id}
    return change.qualified_type != BOOT_VOLUME or bool(ids & attached(preview))


def attached(preview: Preview) -> frozenset[str]:
    """Return the ids of the volumes that servers have besides the one that they boot from, now or afterwards."""
    found = set()
    for change in preview.of_type(SERVER):
        for state in (change.old, change.new):
            devices = state.inputs.get("blockDevices") if state else None
            for device in devices if isinstance(devices, list) else ():
                if isinstance(device, dict) and device.get("bootIndex") != 0:
                    found.add(str(device.get("uuid")))
    return frozenset(found)


def data_volumes(preview: Preview) -> tuple[Change, ...]:
    """Return the disks with users' data."""
    return tuple(change for change in preview.changes if is_data_volume(preview, change))


def origins(preview: Preview) -> Iterator[str]:
    """Yield the origin of the data volume that the settings name, in words: "blank", "keeper latest"."""
    for change in preview.changes:
        told = change.new.inputs.get("input") if change.qualified_type == DATA_ORIGIN and change.new else None
        if isinstance(told, dict):
            yield str(told.get("origin"))


def data_kind(preview: Preview, change: Change) -> Kind | None:
    """Return the kind of data resource: a data volume, the automatic backup, or another resource with `protect`; None
    if it is none."""
    if is_data_volume(preview, change):
        return DATA_KIND
    if change.qualified_type == SUBSCRIPTION:
        return SUBSCRIPTION_KIND
    return OTHER_PROTECTED if any(state and state.protect for state in (change.old, change.new)) else None


def is_pointer(inputs: object) -> bool:
    """Whether a Docker volume with these inputs is a pointer to a directory on the data disk, and holds nothing."""
    if not isinstance(inputs, dict) or inputs.get("driver", "local") != "local":
        return False
    options = inputs.get("driverOpts")
    if not isinstance(options, dict):
        return False
    bind = options.get("type") == "none" and options.get("o") == "bind"
    device = str(options.get("device", ""))
    return bind and device.startswith(f"{MOUNT_POINT}/") and ".." not in device.split("/")
