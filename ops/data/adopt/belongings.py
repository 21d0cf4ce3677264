"""What belongs to a stack in the cloud, told by name and tag: what can be made again, and the data. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from conoha import names
from conoha.names import is_aside
from ops import OpsError
from ops.restore_points.model import Volume
from settings import Declared


@dataclass(frozen=True)
class Thing:
    """Something in the cloud: its id and its name, or name tag."""

    id: str
    name: str


@dataclass(frozen=True)
class Cloud:
    """Everything in the account, as far as it matters here."""

    servers: Sequence[Thing]
    volumes: Sequence[Volume]
    key_pairs: Sequence[Thing]
    security_groups: Sequence[Thing]


@dataclass(frozen=True)
class Disposable:
    """What `pulumi up` makes again: to be removed, for the cloud refuses a second of the same name, and a volume can be
    attached to one server."""

    servers: tuple[Thing, ...]
    boot_volumes: tuple[Volume, ...]
    key_pairs: tuple[Thing, ...]
    security_groups: tuple[Thing, ...]

    def described(self) -> list[str]:
        """Each in words."""
        return [
            *(f"server {each.name} ({each.id})" for each in self.servers),
            *(f"boot volume {each.name}, {each.size} GB ({each.id})" for each in self.boot_volumes),
            *(f"key pair {each.name}" for each in self.key_pairs),
            *(f"security group {each.name} ({each.id})" for each in self.security_groups),
        ]


def disposable(cloud: Cloud, stack: str) -> Disposable:
    """The disposable parts of the stack. Names are compared as a whole: toybox-prod is not toybox-prod2."""
    name, boot = names.server_name(stack), names.resource_name(stack, "boot")
    return Disposable(
        servers=tuple(each for each in cloud.servers if each.name == name),
        boot_volumes=tuple(each for each in cloud.volumes if each.name == boot),
        key_pairs=tuple(each for each in cloud.key_pairs if each.name == name),
        security_groups=tuple(each for each in cloud.security_groups if each.name == name),
    )


def data_volume(cloud: Cloud, stack: str, settings: Declared, wanted: str | None) -> Volume:
    """The volume to adopt: the one with the id `wanted`; else the stack's own, if there is exactly one.

    Raises:
        OpsError: there is none, or it cannot be told which, or it is not what the settings say.
    """
    own = names.resource_name(stack, "data")
    if wanted:
        found = [each for each in cloud.volumes if each.id == wanted]
        if not found:
            raise OpsError(
                f"This account has no volume {wanted}.\n    Way out: `openstack volume list` shows those it has."
            )
        _refuse_anothers(found[0], cloud, stack)
    else:
        named = [each for each in cloud.volumes if each.name == own]
        # a server of the stack's has its data; a leftover of a destroyed stack lies beside it
        ids = {each.id for each in disposable(cloud, stack).servers}
        found = [each for each in named if each.server_id in ids] or named
    if len(found) != 1:
        aside = [each for each in cloud.volumes if is_aside(each.name, stack)]
        listed = "".join(
            f"\n      {each.id}  {each.name}, {each.size} GB, made {each.created_at:%Y-%m-%d %H:%M} UTC, {each.word}"
            for each in [*found, *aside]
        )
        raise OpsError(
            f"{len(found) or 'No'} volume{'s are' if len(found) > 1 else ' is'} called {own}."
            + (f" Candidates:{listed}" if listed else "")
            + f"\n    Way out: say which one it is: `toybox adopt VOLUME_ID --stack {stack}`."
        )
    _refuse_another_size(found[0], settings)
    return found[0]


def _refuse_anothers(volume: Volume, cloud: Cloud, stack: str) -> None:
    """Raises OpsError for a volume that a server has which is not the stack's."""
    ours = {each.id for each in disposable(cloud, stack).servers}
    if volume.server_id and volume.server_id not in ours:
        server = next((each.name for each in cloud.servers if each.id == volume.server_id), "of another stack")
        raise OpsError(
            f"Volume {volume.name} ({volume.id}) is attached to server {server} ({volume.server_id}).\n"
            "    Way out: if it really is the one, stop that server and detach the volume first. Nothing was changed."
        )
    if volume.name.endswith("-boot"):
        raise OpsError(f"Volume {volume.name} ({volume.id}) is a boot volume, and holds no data. Nothing was changed.")


def _refuse_another_size(volume: Volume, settings: Declared) -> None:
    """Raises OpsError if the settings say another size: Pulumi would refuse the import half-way."""
    if volume.size != settings.data_volume.size:
        raise OpsError(
            f"Volume {volume.name} ({volume.id}) has {volume.size} GB; the settings say {settings.data_volume.size}.\n"
            f"    Way out: set dataVolume.size to {volume.size}. Nothing was changed."
        )
