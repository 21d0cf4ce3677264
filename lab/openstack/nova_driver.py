"""Nova's driver of the lab: a server is a system container (systemd, cloud-init, sshd, a Docker daemon of its own).

Its root disk is the server image's file system, which is lost with the server, as a boot volume is. The boot volume and
all others are loop devices, seen inside as /dev/vda, /dev/vdb, ... and /dev/disk/by-id/virtio-<first 20 characters of
the volume's id>. Its IPv4 address is the Neutron port's, on the servers' bridge. lab/server_image has the inside of it.
"""

import base64
import json
import os
import shutil
import subprocess
from typing import Any

from nova.compute import power_state
from nova.virt import fake, hardware
from oslo_config import cfg

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

# all but SYS_RESOURCE, which not every machine may give
CAPABILITIES = """
    AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK
    IPC_OWNER KILL LEASE LINUX_IMMUTABLE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP
    SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_NICE SYS_PACCT SYS_PTRACE SYS_TIME SYS_TTY_CONFIG SYSLOG
    """.split()  # noqa: SIM905 (a list of words reads better so)
STATES = {"running": power_state.RUNNING, "paused": power_state.PAUSED}
LOOP_MAJOR = 7


def run(*command: str, check: bool = True, data: bytes | None = None) -> str:
    """Run a command; its output."""
    done = subprocess.run(command, capture_output=True, input=data)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])}: {done.stderr.decode().strip()}")
    return done.stdout.decode().strip()


def locked(command: str, path: str) -> str:
    """Run a shell command on a file's loop device ($1 is the file), one at a time on this machine."""
    # a lock taken in this process would stop its other green threads, the lock's holder among them
    return run("flock", f"{CONF.lab.servers_dir}/.loop-lock", "sh", "-c", command, "sh", path)


def attach_loop(path: str) -> str:
    """The loop device of a file, made if need be. One that is on its way out (AUTOCLEAR) is waited for."""
    return locked(
        """
        for try in $(seq 100); do
            set -- "$1" $(losetup --noheadings --raw --output NAME,AUTOCLEAR --associated "$1")
            if [ -z "$2" ]; then exec losetup --find --show "$1"; fi
            if [ "$3" = 0 ]; then echo "$2"; exit; fi
            set -- "$1"; sleep 0.1
        done
        echo "$2 does not let go of $1" >&2; exit 1
        """,
        path,
    )


def detach_loop(path: str) -> None:
    """Free a file's loop device and wait until it is free: while a mount holds it, the kernel only marks it."""
    locked(
        """
        for device in $(losetup --noheadings --raw --output NAME --associated "$1"); do losetup --detach "$device"; done
        for try in $(seq 100); do
            [ -n "$(losetup --noheadings --associated "$1")" ] || exit 0
            sleep 0.1
        done
        """,
        path,
    )


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
        run("docker", "kill", "--signal", "SIGRTMIN+3", instance.name, check=False)
        if run("timeout", str(seconds), "docker", "wait", instance.name, check=False) == "":
            self._cut_power(instance)

    def _cut_power(self, instance: Any) -> None:
        """End the server as a power cut does: what was not written to its disks by now is lost.

        A container's mounts are the kernel's, which writes all of it out when they go. So the disks are put back to
        what they held, by clones that share their blocks. Nothing is acknowledged meanwhile: the server is frozen
        first. Its root disk is the container's file system and forgets nothing.
        """
        if self.get_info(instance).state != power_state.RUNNING:
            return
        disks = [path for path, _ in self._disks(instance).values() if os.path.exists(path)]
        run("docker", "pause", instance.name)
        for path in disks:
            run("cp", "--reflink=always", "--preserve=all", path, f"{path}.cut")
        run("docker", "kill", "--signal", "SIGKILL", instance.name)
        for path in disks:
            detach_loop(path)  # with the last mount, and the kernel's cache of the device
            os.rename(f"{path}.cut", path)

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

    def _disks(self, instance: Any) -> dict[str, tuple[str, str]]:
        """The disks as last written for the container: name to file and serial."""
        try:
            with open(f"{self._folder(instance)}/hardware/disks") as file:
                lines = [line.rstrip("\n").split(" ", 3) for line in file]
        except FileNotFoundError:
            return {}
        return {name: (path, serial) for name, _, serial, path in lines}

    def _write_disks(self, instance: Any, disks: dict[str, tuple[str, str]]) -> None:
        """Attach the files' loop devices and write the list for the container's first process."""
        lines = []
        for name, (path, serial) in sorted(disks.items()):
            minor = os.minor(os.stat(attach_loop(path)).st_rdev)
            lines.append(f"{name} {minor} {serial} {path}\n")
        folder = f"{self._folder(instance)}/hardware"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/disks.new", "w") as file:
            file.writelines(lines)
        os.rename(f"{folder}/disks.new", f"{folder}/disks")

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
            *("--network", CONF.lab.network, "--ip", address),
            # A server's Docker switches this on where it is off, which a container may not do: without it, Docker
            # started only where this machine forwards itself, because a new network namespace takes that over.
            *("--sysctl", "net.ipv4.ip_forward=1"),
            *("--memory", f"{instance.flavor.memory_mb}m", "--memory-swap", "-1"),
            *(f"--cap-add={capability}" for capability in CAPABILITIES),
            *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
            *("--device-cgroup-rule", "a *:* rwm", "--cgroupns", "private"),
            *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp"),
            *("--volume", f"{self._images(instance)}:/var/lib/docker"),
            *("--volume", f"{folder}/seed:/var/lib/cloud/seed/nocloud:ro"),
            *("--volume", f"{folder}/hardware:/hardware:ro"),
            *("--tty", image),
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
            minor = os.minor(os.stat(attach_loop(path)).st_rdev)
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
        detach_loop(connection_info["data"]["device_path"])

    def extend_volume(self, context: Any, connection_info: Any, instance: Any, requested_size: int) -> None:
        run("losetup", "--set-capacity", attach_loop(connection_info["data"]["device_path"]))

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
            detach_loop(path)
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
