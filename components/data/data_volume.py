"""The disk that every byte of TOYBOX's users lives on.

It outlives the server, the containers, Docker's records and this project's state file. What it does not do: it makes
no restore points and it formats nothing; the host formats the disk, and only one that nothing was ever on.

UNCONFIRMED (blank-volume): that a new volume reads as zeros, as on stock OpenStack.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_openstack as openstack

from components.cloud import Cloud
from components.data_disk import DataDisk
from conoha import names, volumes
from inventory import tokens
from settings import Adopted, Blank, Kept, RestorePoint, Settings

ORIGIN_PROPERTIES = ["source_vol_id", "snapshot_id", "backup_id", "image_id"]
"""What a volume was made of. Each forces a new volume when it changes (terraform-provider-openstack 3.4.0,
resource_openstack_blockstorage_volume_v3.go), so next month's restore point would replace the disk; and so would a
refresh, because the provider asks for volumes in a version of the API that does not tell of a backup. Whoever wants
another volume takes this one out of the state (`toybox restore volume`) or asks for a replacement (`toybox
refresh`)."""

OWNERS_PROPERTIES = ["name", "description", "metadata"]
"""What an adopted volume keeps of its former life. Type and size are not among them: if those are not the declared
ones, it is the wrong volume, and the import fails."""


Origin = Blank | RestorePoint | Kept | Adopted


@dataclass(frozen=True)
class OriginArguments:
    """What a volume is made from, as the arguments of `blockstorage.Volume`; at most one is set."""

    source_vol_id: str | None = None
    snapshot_id: str | None = None
    backup_id: str | None = None


def origin_arguments(origin: Origin) -> OriginArguments:
    """The one argument that makes the volume out of `origin`; none for one that is made empty, or adopted."""
    match origin.source:
        case "volume":
            return OriginArguments(source_vol_id=origin.id)
        case "snapshot":
            return OriginArguments(snapshot_id=origin.id)
        case "backup":
            return OriginArguments(backup_id=origin.id)
        case "blank" | "keeper" | "copy" | "adopted":
            return OriginArguments()


def data_device(volume_id: str) -> str:
    """Return the disk's name on the server. The kernel assigns device letters in random order
    (terraform-provider-openstack #8). virtio shows the first 20 characters of the volume's id as the serial number.

    UNCONFIRMED (device-name): that ConoHa's servers show volumes so. Its default disk bus is virtio (`hwDiskBus`).
    """
    return f"/dev/disk/by-id/virtio-{volume_id[:20]}"


def in_words(origin: Origin) -> str:
    """Return the origin as the host and the scrub write it: "blank", "backup 3f2c…", "keeper latest"."""
    match origin:
        case Blank():
            return "blank"
        case Kept():
            return f"{origin.source} {origin.to}"
        case _:
            return f"{origin.source} {origin.id}"


def made_empty(origin: str) -> bool:
    """Return whether the settings had the volume made empty, by its origin in words."""
    return origin == "blank" or is_kept(origin)


def is_kept(origin: str) -> bool:
    """Return whether what a keeper keeps belongs on the volume, by its origin in words."""
    return origin.startswith(("keeper ", "copy "))


def data_disk(
    settings: Settings,
    volume_id: str,
    origin: str,
    *,
    source_vol_id: str | None,
    snapshot_id: str | None,
    metadata: Mapping[str, str] | None,
) -> DataDisk:
    """Return the description of the disk for the host and the scrub. `origin` is the origin in the settings when the
    volume came. The other facts are the cloud's about the volume's source.

    ConoHa and Cinder write the backup's id into the volume's metadata, and nowhere else
    (github.com/Aid-On/terraform-provider-conohavps `resource/volume.go`; cinder/backup/manager.py).

    UNCONFIRMED (source-in-metadata): that ConoHa shows the backup of a volume in the volume's metadata.
    """
    made_from = {"volume": source_vol_id, "snapshot": snapshot_id, "backup": (metadata or {}).get("src_backup_id")}
    return DataDisk(
        stack=settings.stack,
        production=settings.is_production,
        volume=volume_id,
        device=data_device(volume_id),
        origin=origin,
        copy=any(origin == f"{source} {id_}" for source, id_ in made_from.items() if id_),
        blank=made_empty(origin) and not any(made_from.values()),
    )


def restore_point_metadata(settings: Settings) -> dict[str, str] | None:
    """What is written on the volume for `toybox restore-points run`, which reads no settings but those of its stack.
    ConoHa takes its backups without being told by a volume, and whatever it writes there stays as it is."""
    policy = settings.snapshot_policy
    return policy.as_metadata() if policy.driver == "openstack" else None


def another_size(before: int, after: int) -> str:
    """What to tell an operator who changed the size of a data volume that is there."""
    return (
        f"toybox:dataVolume.size: is {after} GB, and the data volume has {before} GB.\n"
        "  Why: ConoHa makes no volume larger or smaller, and the provider none that is in use. It would fail, and\n"
        "  leave the new size in the state, so that the update that puts it back would fail as well.\n"
        f"  Way out: put {before} back. A larger disk is a new volume, to which the data has to be copied."
    )


def keep_the_size(args: pulumi.ResourceHookArgs) -> None:
    """The hook before an update, and before the preview of one. Raises RuntimeError if the size would change."""
    before, after = (int((inputs or {}).get("size", 0)) for inputs in (args.old_inputs, args.new_inputs))
    if before != after:
        raise RuntimeError(another_size(before, after))


def refuse_anothers(volume_id: str, name: str, description: str, *, stack: str, urn: str) -> str:
    """Return the id of an adopted volume. Raise pulumi.RunError if its name or description says that it is another
    stack's. Both come from the cloud: an adopted volume keeps them."""
    if others := names.volume_owners(name or "", description or "") - {stack}:
        raise pulumi.RunError(
            f"toybox:dataVolume.origin: adopts {volume_id}, a volume of {', '.join(sorted(others))}: in the\n"
            f"  cloud {name} ({description}).\n"
            f"  Why: {stack} would write on that stack's data, and a staging would scrub it. There may be no\n"
            "  other copy.\n"
            "  Way out: put the former origin back. Data gets from prod to staging by `toybox refresh`. If an\n"
            "  update has already imported the volume, take it out of the state, which leaves it in the cloud:\n"
            f"  `pulumi state delete --force --stack {stack} '{urn}'`"
        )
    return volume_id


class DataVolume(pulumi.ComponentResource):
    """One block volume, `toybox-<stack>-data`.

    Destroying the stack leaves the volume in the cloud (`retain_on_delete`). In prod no update can even plan to delete
    or replace it (`protect`). Both options are on the volume itself: children inherit `protect` from a component, but
    not `retain_on_delete`.

    `disk` describes it for the host and the scrub.

    The settings' models check size and type. `keep_the_size` checks that the declared size is the volume's.
    """

    volume: openstack.blockstorage.Volume
    id: pulumi.Output[str]
    disk: pulumi.Output[DataDisk]

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        protect: bool,
        provider: Cloud,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            tokens.DATA_VOLUME,
            name,  # the state remembers the role, so that the guard can stop an update that changes it
            {"environment": settings.environment},
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(providers=[provider]), opts),
        )
        wanted = settings.data_volume
        origin = origin_arguments(wanted.origin)
        adopted = wanted.origin.id if wanted.origin.source == "adopted" else None
        keep_size = pulumi.ResourceHook(f"{name}-keep-size", keep_the_size, pulumi.ResourceHookOptions(on_dry_run=True))
        self.volume = openstack.blockstorage.Volume(
            f"{name}-volume",
            name=names.resource_name(settings.stack, "data"),
            description=names.data_description(settings.stack),
            size=wanted.size,
            volume_type=volumes.DATA.name,
            metadata=restore_point_metadata(settings),
            source_vol_id=origin.source_vol_id,
            snapshot_id=origin.snapshot_id,
            backup_id=origin.backup_id,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=protect,
                retain_on_delete=True,
                import_=adopted,
                ignore_changes=[*ORIGIN_PROPERTIES, "availability_zone", *(OWNERS_PROPERTIES if adopted else [])],
                hooks=pulumi.ResourceHookBinding(before_update=[keep_size]),
            ),
        )
        self.id = self._own(settings.stack) if adopted else self.volume.id
        # The state keeps the first value for each volume. If somebody changes the settings later, or puts them back,
        # they no longer tell its source. The engine itself keeps the value; no provider is called.
        came_as = pulumi.Stash(
            f"{name}-origin",
            input={"origin": in_words(wanted.origin)},
            opts=pulumi.ResourceOptions(parent=self, replacement_trigger=self.volume.id),
        )
        self.disk = pulumi.Output.all(
            self.id, came_as.output, self.volume.source_vol_id, self.volume.snapshot_id, self.volume.metadata
        ).apply(
            lambda known: data_disk(
                settings,
                known[0],
                known[1]["origin"],
                source_vol_id=known[2],
                snapshot_id=known[3],
                metadata=known[4],
            )
        )
        self.register_outputs({"volumeId": self.volume.id})

    def _own(self, stack: str) -> pulumi.Output[str]:
        """Return the id, for a server to attach the volume. Check an imported one first."""
        volume = self.volume
        return pulumi.Output.all(volume.id, volume.name, volume.description, volume.urn).apply(
            lambda found: refuse_anothers(*found[:3], stack=stack, urn=found[3])
        )
