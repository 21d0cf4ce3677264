"""A machine of the lab as a system container: what Docker has to give it, its disks, and the ways in which it ends.

A disk is a file behind a loop device. The container's first process (lab/server_image/first-process) makes the device's
node from `hardware/disks`, which is written here before every start.

Standard library only: nova's driver runs this in OpenStack's environment, lab/keeper_machine.py in the project's.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping

LOOP_MAJOR = 7

# all but SYS_RESOURCE, which not every machine may give
CAPABILITIES = """
    AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK
    IPC_OWNER KILL LEASE LINUX_IMMUTABLE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP
    SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_NICE SYS_PACCT SYS_PTRACE SYS_TIME SYS_TTY_CONFIG SYSLOG
    """.split()  # noqa: SIM905 (a list of words reads better so)


def run(*command: str, check: bool = True, data: bytes | None = None) -> str:
    """Run a command and return its output.

    Raises:
        RuntimeError: it failed, and `check` is set.
    """
    done = subprocess.run(command, capture_output=True, input=data, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])}: {done.stderr.decode().strip()}")
    return done.stdout.decode().strip()


def options(*, network: str, address: str, memory: int, hardware: str) -> list[str]:
    """Return what `docker create` needs besides name, labels and image. `memory` is in MiB, `hardware` the folder that
    `write_disks` writes to."""
    return [
        *("--network", network, "--ip", address),
        # A server's Docker switches this on where it is off, which a container may not do: without it, Docker
        # started only where this machine forwards itself, because a new network namespace takes that over.
        *("--sysctl", "net.ipv4.ip_forward=1"),
        *("--memory", f"{memory}m", "--memory-swap", "-1"),
        *(f"--cap-add={capability}" for capability in CAPABILITIES),
        *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
        *("--device-cgroup-rule", "a *:* rwm", "--cgroupns", "private"),
        *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp"),
        *("--volume", f"{hardware}:/hardware:ro"),
        "--tty",
    ]


def locked(command: str, path: str, lock: str) -> str:
    """Run a shell command on a file's loop device ($1 is the file), one at a time for all who name this lock file."""
    # a lock taken in this process would stop its other green threads, the lock's holder among them
    return run("flock", lock, "sh", "-c", command, "sh", path)


def attach_loop(path: str, lock: str) -> str:
    """Return the loop device of a file, made if need be. One that is on its way out (AUTOCLEAR) is waited for."""
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
        lock,
    )


def detach_loop(path: str, lock: str) -> None:
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
        lock,
    )


def loop_minor(path: str, lock: str) -> int:
    """Return the minor number of a file's loop device, made if need be."""
    return os.minor(os.stat(attach_loop(path, lock)).st_rdev)


def read_disks(hardware: str) -> dict[str, tuple[str, str]]:
    """Return the disks as last written for the container: name to file and serial."""
    try:
        with open(f"{hardware}/disks") as file:
            lines = [line.rstrip("\n").split(" ", 3) for line in file]
    except FileNotFoundError:
        return {}
    return {name: (path, serial) for name, _, serial, path in lines}


def write_disks(hardware: str, disks: Mapping[str, tuple[str, str]], lock: str) -> None:
    """Attach the files' loop devices and write the list for the container's first process."""
    lines = [f"{name} {loop_minor(path, lock)} {serial} {path}\n" for name, (path, serial) in sorted(disks.items())]
    os.makedirs(hardware, exist_ok=True)
    with open(f"{hardware}/disks.new", "w") as file:
        file.writelines(lines)
    os.rename(f"{hardware}/disks.new", f"{hardware}/disks")


def shut_down(name: str, seconds: int) -> bool:
    """Ask the container to shut down, as by its power button, and return whether it ended within `seconds`."""
    run("docker", "kill", "--signal", "SIGRTMIN+3", name, check=False)
    return run("timeout", str(seconds), "docker", "wait", name, check=False) != ""


def cut_power(name: str, disks: Iterable[str], lock: str) -> None:
    """End a running container as a power cut does: what was not written to its disks by now is lost.

    A container's mounts are the kernel's, which writes all of it out when they go. So the disks are put back to what
    they held, by clones that share their blocks. Nothing is acknowledged meanwhile: the container is frozen first. Its
    root disk is the container's file system and forgets nothing.
    """
    there = [path for path in disks if os.path.exists(path)]
    run("docker", "pause", name)
    for path in there:
        run("cp", "--reflink=always", "--preserve=all", path, f"{path}.cut")
    run("docker", "kill", "--signal", "SIGKILL", name)
    for path in there:
        detach_loop(path, lock)  # with the last mount, and the kernel's cache of the device
        os.rename(f"{path}.cut", path)
