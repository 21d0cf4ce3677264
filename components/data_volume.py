"""The disk that every byte of TOYBOX's users lives on.

It outlives the server, the containers, Docker's records and this project's state file. What it does not do: it makes
no restore points and it formats nothing; the host formats the disk, and only one that carries no signature at all.
"""

from dataclasses import dataclass

import pulumi
import pulumi_openstack as openstack

from settings import Blank, RestorePoint
from settings import DataVolume as DataVolumeSettings

ORIGIN_PROPERTIES = ["source_vol_id", "snapshot_id", "backup_id", "image_id"]
"""What a volume was made of. Each forces a new volume when it changes (terraform-provider-openstack 3.4.0,
resource_openstack_blockstorage_volume_v3.go), so next month's restore point would replace the disk."""


@dataclass(frozen=True)
class OriginArguments:
    """What a volume is made from, as the arguments of `blockstorage.Volume`; at most one is set."""

    source_vol_id: str | None = None
    snapshot_id: str | None = None
    backup_id: str | None = None


def origin_arguments(origin: Blank | RestorePoint) -> OriginArguments:
    """The one argument that makes the volume out of `origin`; none for a blank disk."""
    match origin.source:
        case "volume":
            return OriginArguments(source_vol_id=origin.id)
        case "snapshot":
            return OriginArguments(snapshot_id=origin.id)
        case "backup":
            return OriginArguments(backup_id=origin.id)
        case "blank":
            return OriginArguments()


class DataVolume(pulumi.ComponentResource):
    """One block volume, `toybox-<stack>-data`.

    Destroying the stack leaves the volume in the cloud (`retain_on_delete`); in prod it cannot even be planned for
    deletion or replacement (`protect`). Both stand on the volume itself, because children inherit `protect` from
    a component and not `retain_on_delete`.

    Raises no errors of its own: size and type were checked with the settings.
    """

    volume: openstack.blockstorage.Volume
    id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        settings: DataVolumeSettings,
        protect: bool,
        provider: openstack.Provider,
    ) -> None:
        super().__init__(
            "toybox:data:DataVolume",
            name,
            None,
            pulumi.ResourceOptions(providers=[provider]),
        )
        origin = origin_arguments(settings.origin)
        self.volume = openstack.blockstorage.Volume(
            f"{name}-volume",
            name=f"toybox-{stack}-data",
            description=f"TOYBOX {stack}: all user data. Never delete by hand.",
            size=settings.size,
            volume_type=settings.type,
            source_vol_id=origin.source_vol_id,
            snapshot_id=origin.snapshot_id,
            backup_id=origin.backup_id,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=protect,
                retain_on_delete=True,
                ignore_changes=[*ORIGIN_PROPERTIES, "availability_zone"],
            ),
        )
        self.id = self.volume.id
        self.register_outputs({"volumeId": self.volume.id})
