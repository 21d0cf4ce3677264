"""What the program declares that the guard must know again: types, ports, places. The one list.

By type token and component, never by a piece of a name. tests/unit/ops/guard/test_declared.py holds it against what the
program registers, and the golden URNs.
"""

from dataclasses import dataclass

from ops.guard.preview import Change

DATA_VOLUME = "toybox:data:DataVolume$openstack:blockstorage/volume:Volume"
"""The disk that every byte of the users lives on."""
SUBSCRIPTION = "toybox:data:SnapshotPolicy$command:local:Command"
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

MOUNT_POINT = "/srv/toybox"
"""Where the data disk is mounted on the server (components/volumes.py)."""
WEB_PORTS = frozenset({80, 443})
"""TCP, open to everybody."""
SSH_PORT = 22
WEB_CONTAINER = "caddy"
"""The one container that publishes ports."""
PROTECTED_STACK = "prod"
"""The stack whose data volume is protected, and whose images must be pinned."""


@dataclass(frozen=True)
class Kind:
    """A kind of data resource, in words."""

    what: str
    holds: str
    """What is lost with it."""


DATA_KINDS = {
    DATA_VOLUME: Kind("the data volume", "every byte of TOYBOX's users: database, uploads, certificates"),
    SUBSCRIPTION: Kind("the automatic backup", "the restore points that would be taken from tonight on"),
}
OTHER_PROTECTED = Kind("a protected resource", "whatever it was protected for")


def data_kind(change: Change) -> Kind | None:
    """What kind of data resource this is, or None: what is listed above, and whatever carries `protect`."""
    if found := DATA_KINDS.get(change.qualified_type):
        return found
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
