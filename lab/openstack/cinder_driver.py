"""Cinder's drivers of the lab: every volume, snapshot and backup is a plain sparse file, so what it holds can be read
and compared.

In the store's folder: volume-<id>, snapshot-<id>, backups/<id>.
"""

import os
import subprocess
from typing import Any

from cinder import exception, interface, objects
from cinder.backup import driver as backup_driver
from cinder.volume import driver, volume_utils
from oslo_config import cfg

cfg.CONF.register_opts([cfg.StrOpt("lab_backup_dir")])


def copy(source: str, target: str, gib: int | None = None) -> None:
    """Copy a file by sharing its extents, whatever writes to it meanwhile; then set the size."""
    subprocess.run(["cp", "--reflink=always", source, target], check=True)
    if gib:
        os.truncate(target, gib << 30)


def remove(path: str) -> None:
    if os.path.exists(path):
        os.remove(path)


@interface.volumedriver
class FileDriver(driver.VolumeDriver):  # type: ignore[misc]
    """Volumes and snapshots as files."""

    VERSION = "1.0"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values([cfg.StrOpt("lab_volume_dir")])

    def path(self, thing: Any) -> str:
        """The file of a volume or a snapshot."""
        return f"{self.configuration.lab_volume_dir}/{thing.name}"

    def check_for_setup_error(self) -> None:
        if not os.path.ismount(self.configuration.lab_volume_dir):
            raise exception.VolumeBackendAPIException("the lab's volume store is not mounted")

    def _update_volume_stats(self) -> None:
        self._stats = {
            "volume_backend_name": self.configuration.volume_backend_name,
            "vendor_name": "lab",
            "driver_version": self.VERSION,
            "storage_protocol": "local",
            "total_capacity_gb": "infinite",
            "free_capacity_gb": "infinite",
            "reserved_percentage": 0,
            "thin_provisioning_support": True,
            "multiattach": True,
        }

    def create_volume(self, volume: Any) -> None:
        with open(self.path(volume), "wb") as new:
            new.truncate(volume.size << 30)

    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> None:
        copy(self.path(snapshot), self.path(volume), volume.size)

    def create_cloned_volume(self, volume: Any, source: Any) -> None:
        copy(self.path(source), self.path(volume), volume.size)

    def extend_volume(self, volume: Any, gib: int) -> None:
        os.truncate(self.path(volume), gib << 30)

    def delete_volume(self, volume: Any) -> None:
        remove(self.path(volume))

    def create_snapshot(self, snapshot: Any) -> None:
        copy(self.path(snapshot.volume), self.path(snapshot))

    def delete_snapshot(self, snapshot: Any) -> None:
        remove(self.path(snapshot))

    def revert_to_snapshot(self, context: Any, volume: Any, snapshot: Any) -> None:
        copy(self.path(snapshot), self.path(volume), volume.size)

    def clone_image(self, context: Any, volume: Any, location: Any, meta: Any, image_service: Any) -> tuple[None, bool]:
        """Raw images only: any other kind would need qemu-img."""
        if meta.get("disk_format") != "raw":
            raise exception.ImageUnacceptable(image_id=meta["id"], reason="the lab takes raw images only")
        with open(self.path(volume), "wb") as new:
            image_service.download(context, meta["id"], new)
            new.truncate(volume.size << 30)
        return None, True

    def copy_volume_to_image(self, context: Any, volume: Any, image_service: Any, meta: Any) -> None:
        volume_utils.upload_volume(context, image_service, meta, self.path(volume), volume)

    def initialize_connection(self, volume: Any, connector: Any) -> dict[str, Any]:
        return {"driver_volume_type": "local", "data": {"device_path": self.path(volume)}}

    def terminate_connection(self, volume: Any, connector: Any, **kwargs: Any) -> None:
        pass

    def ensure_export(self, context: Any, volume: Any) -> None:
        pass

    def create_export(self, context: Any, volume: Any, connector: Any) -> None:
        pass

    def remove_export(self, context: Any, volume: Any) -> None:
        pass


@interface.backupdriver
class FileBackupDriver(backup_driver.BackupDriver):  # type: ignore[misc]
    """Backups as files."""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.support_force_delete = True

    def path(self, backup: Any) -> str:
        """The file of a backup."""
        return f"{cfg.CONF.lab_backup_dir}/{backup.id}"

    def backup(self, backup: Any, volume_file: Any, backup_metadata: bool = False) -> None:
        copy(volume_file.name, self.path(backup))

    def restore(self, backup: Any, volume_id: str, volume_file: Any, volume_is_new: bool) -> None:
        size = objects.Volume.get_by_id(self.context, volume_id).size
        copy(self.path(backup), volume_file.name, size)

    def delete_backup(self, backup: Any) -> None:
        remove(self.path(backup))
