"""Nova's driver of the lab: a server is a system container (systemd, cloud-init, sshd, a Docker daemon of its own).

Its root disk is the server image's file system, which is lost with the server, as a boot volume is. The boot volume and
all others are loop devices, seen inside as /dev/vda, /dev/vdb, ... and /dev/disk/by-id/virtio-<first 20 characters of
the volume's id>. Its IPv4 address is the Neutron port's, on the servers' bridge. lab/server_image has the inside of it.
"""

import base64
import json
import os
import shutil
from typing import Any

import system_container
from nova.compute import power_state
from nova.virt import fake, hardware
from oslo_config import cfg
from system_container import LOOP_MAJOR, run

CONF = cfg.CONF
CONF.register_opts(
    [
        cfg.StrOpt(
            "servers_dir",
            help="A folder for each server: what its container sees as hardware and as cloud-init's seed.",
        ),
        cfg.StrOpt("images_dir", help="A folder for each server: the images and containers that its Docker has."),
        cfg.StrOpt("image_file", help="A file that names the container image of servers."),
        cfg.StrOpt("network", help="The Docker network that servers are on."),
        cfg.StrOpt("label", help="The label on every container of the lab."),
        cfg.StrOpt("registry", help="Address and port of the lab's registry, which servers trust."),
        cfg.StrOpt("authority", help="The certificate that signed the registry's."),
    ],
    group="lab",
)

STATES = {"running": power_state.RUNNING, "paused": power_state.PAUSED}


def loop_lock() -> str:
    """The lock for those who handle the loop devices of servers."""
    return f"{CONF.lab.servers_dir}/.loop-lock"


def disk_name(mount_device: str) -> str:
    """The disk's name inside: the first is always vda, and nova's /dev/sdb and /dev/vdb are both the second."""
    return "vd" + mount_device[-1]


class ContainerDriver(fake.FakeDriverWithoutFakeNodes):  # type: ignore[misc]
    """Nova's fake driver keeps the books (inventory, interfaces); the servers are real."""

    def _folder(self, instance: Any) -> str:
        return f"{CONF.lab.servers_dir}/{instance.uuid}"

    def _images(self, instance: Any) -> str:
        """What the server's Docker has: overlay file systems cannot be stacked on the container's own. In the store of
        volumes, whose XFS makes thousands of files as fast as ever where as many were deleted just now; an ext4 without
        a journal does not (find_inode_bit in fs/ext4/ialloc.c: 10 s of processor time for a new server)."""
        return f"{CONF.lab.images_dir}/{instance.uuid}"

    def _shut_down(self, instance: Any, seconds: int) -> None:
        """Ask the server to shut down, as by its power button; after `seconds` without an end, its power is cut."""
        if not system_container.shut_down(instance.name, seconds):
            self._cut_power(instance)

    def _cut_power(self, instance: Any) -> None:
        """End the server as a power cut does, if it runs."""
        if self.get_info(instance).state == power_state.RUNNING:
            disks = [path for path, _ in self._disks(instance).values()]
            system_container.cut_power(instance.name, disks, loop_lock())

    def _remove(self, instance: Any) -> None:
        """Take away the container, as far as it was made, and what its Docker has."""
        run("docker", "rm", "--force", "--volumes", instance.name, check=False)
        run("rm", "--recursive", "--force", self._images(instance))

    def _write_seed(self, instance: Any) -> None:
        """What cloud-init's NoCloud data source reads."""
        folder = f"{self._folder(instance)}/seed"
        os.makedirs(folder, exist_ok=True)
        meta: dict[str, Any] = {"instance-id": instance.uuid, "local-hostname": self._hostname(instance)}
        if instance.key_data:
            meta["public-keys"] = [instance.key_data.strip()]
        with open(f"{folder}/meta-data", "w") as file:
            json.dump(meta, file)
        with open(f"{folder}/user-data", "wb") as data:
            data.write(base64.b64decode(instance.user_data or "") or b"#cloud-config\n")

    def _hostname(self, instance: Any) -> str:
        return str(instance.metadata.get("instance_name_tag") or instance.hostname)[:63].lower().replace("_", "-")

    def _hardware(self, instance: Any) -> str:
        return f"{self._folder(instance)}/hardware"

    def _disks(self, instance: Any) -> dict[str, tuple[str, str]]:
        """The disks as last written for the container: name to file and serial."""
        return system_container.read_disks(self._hardware(instance))

    def _write_disks(self, instance: Any, disks: dict[str, tuple[str, str]]) -> None:
        """Attach the files' loop devices and write the list for the container's first process."""
        system_container.write_disks(self._hardware(instance), disks, loop_lock())

    def _start(self, instance: Any, block_device_info: Any) -> None:
        mapping = (block_device_info or {}).get("block_device_mapping") or []
        self._write_disks(
            instance,
            {
                disk_name(disk["mount_device"]): (
                    disk["connection_info"]["data"]["device_path"],
                    disk["connection_info"]["serial"],
                )
                for disk in mapping
            },
        )
        run("docker", "start", instance.name)

    def spawn(
        self,
        context: Any,
        instance: Any,
        image_meta: Any,
        injected_files: Any,
        admin_password: Any,
        allocations: Any,
        network_info: Any = None,
        block_device_info: Any = None,
        power_on: bool = True,
        accel_info: Any = None,
    ) -> None:
        super().spawn(
            context,
            instance,
            image_meta,
            injected_files,
            admin_password,
            allocations,
            network_info,
            block_device_info,
            power_on,
            accel_info,
        )
        address = next(ip["address"] for vif in network_info for ip in vif.fixed_ips() if ip["version"] == 4)
        folder = self._folder(instance)
        self._write_seed(instance)
        with open(CONF.lab.image_file) as file:
            image = file.read().strip()
        self._remove(instance)
        run(
            *("docker", "create", "--name", instance.name, "--hostname", self._hostname(instance)),
            *("--label", CONF.lab.label, "--label", f"toybox.lab.server={instance.uuid}"),
            *("--label", f"toybox.lab.name={instance.metadata.get('instance_name_tag') or instance.display_name}"),
            *system_container.options(
                network=CONF.lab.network,
                address=address,
                memory=instance.flavor.memory_mb,
                hardware=self._hardware(instance),
            ),
            *("--volume", f"{self._images(instance)}:/var/lib/docker"),
            *("--volume", f"{folder}/seed:/var/lib/cloud/seed/nocloud:ro"),
            image,
        )
        trust = f"{folder}/trust/etc/docker/certs.d/{CONF.lab.registry}"
        os.makedirs(trust, exist_ok=True)
        shutil.copy(CONF.lab.authority, f"{trust}/ca.crt")
        run("docker", "cp", f"{folder}/trust/.", f"{instance.name}:/")
        self._start(instance, block_device_info)

    def attach_volume(
        self,
        context: Any,
        connection_info: Any,
        instance: Any,
        mountpoint: str,
        disk_bus: Any = None,
        device_type: Any = None,
        encryption: Any = None,
    ) -> None:
        super().attach_volume(context, connection_info, instance, mountpoint, disk_bus, device_type, encryption)
        name = disk_name(mountpoint)
        path, serial = connection_info["data"]["device_path"], connection_info["serial"]
        self._write_disks(instance, {**self._disks(instance), name: (path, serial)})
        if self.get_info(instance).state == power_state.RUNNING:
            minor = system_container.loop_minor(path, loop_lock())
            self._inside(
                instance,
                f"rm -f /dev/{name}; mknod /dev/{name} b {LOOP_MAJOR} {minor}; mkdir -p /dev/disk/by-id; "
                f"ln -sf ../../{name} /dev/disk/by-id/virtio-{serial[:20]}",
            )

    def detach_volume(
        self, context: Any, connection_info: Any, instance: Any, mountpoint: str, encryption: Any = None
    ) -> None:
        super().detach_volume(context, connection_info, instance, mountpoint, encryption)
        name = disk_name(mountpoint)
        self._write_disks(instance, {k: v for k, v in self._disks(instance).items() if k != name})
        if self.get_info(instance).state == power_state.RUNNING:
            self._inside(instance, f"rm -f /dev/{name} /dev/disk/by-id/virtio-{connection_info['serial'][:20]}")
        system_container.detach_loop(connection_info["data"]["device_path"], loop_lock())

    def extend_volume(self, context: Any, connection_info: Any, instance: Any, requested_size: int) -> None:
        device = system_container.attach_loop(connection_info["data"]["device_path"], loop_lock())
        run("losetup", "--set-capacity", device)

    def _inside(self, instance: Any, script: str) -> None:
        run("docker", "exec", instance.name, "sh", "-ec", script)

    def destroy(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        destroy_disks: bool = True,
        destroy_secrets: bool = True,
    ) -> None:
        """Delete it. One that runs loses its power, and what it has not written to its disks."""
        self._cut_power(instance)
        self._remove(instance)
        for path, _ in self._disks(instance).values():
            system_container.detach_loop(path, loop_lock())
        shutil.rmtree(self._folder(instance), ignore_errors=True)
        if instance.uuid in self.instances:
            super().destroy(context, instance, network_info, block_device_info, destroy_disks)

    def power_off(self, instance: Any, timeout: int = 0, retry_interval: int = 0) -> None:
        if timeout:
            self._shut_down(instance, timeout)
        else:
            self._cut_power(instance)

    def power_on(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        accel_info: Any = None,
        share_info: Any = None,
    ) -> None:
        self._start(instance, block_device_info)

    def reboot(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        reboot_type: str,
        block_device_info: Any = None,
        bad_volumes_callback: Any = None,
        accel_info: Any = None,
        share_info: Any = None,
    ) -> None:
        if reboot_type == "SOFT":
            self._shut_down(instance, 60)
        else:
            self._cut_power(instance)
        self._start(instance, block_device_info)

    def resume_state_on_host_boot(
        self, context: Any, instance: Any, network_info: Any, share_info: Any = None, block_device_info: Any = None
    ) -> None:
        self._start(instance, block_device_info)

    def get_info(self, instance: Any, use_cache: bool = True) -> Any:
        state = run("docker", "inspect", "--format", "{{.State.Status}}", instance.name, check=False)
        return hardware.InstanceInfo(state=STATES.get(state, power_state.SHUTDOWN))

    def get_console_output(self, context: Any, instance: Any) -> bytes:
        return run("docker", "logs", instance.name).encode()
