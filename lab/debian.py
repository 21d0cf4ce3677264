"""Debian packages that the lab needs on this machine: installed where missing, and without starting their services."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import paths
from lab.steps import LabError, run

COMMANDS = {
    "mariadbd": "mariadb-server-core",
    "mariadb": "mariadb-client-core",
    "dockerd": "docker.io",
    "docker": "docker.io",
    "iptables": "iptables",
    "nft": "nftables",
    "docker-registry": "docker-registry",
    "mkfs.xfs": "xfsprogs",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
    "losetup": "mount",
    "rsync": "rsync",
    "psql": "postgresql-client-15",
    "flock": "util-linux",
}
"""What the lab runs, and the package that brings it."""

POLICY = Path("/usr/sbin/policy-rc.d")
"""Asked by invoke-rc.d before it starts a service; 101 forbids it (Debian's policy-rc.d specification in sysv-rc)."""


def missing(path: str) -> list[str]:
    """The packages whose commands are not to be found on a PATH."""
    return sorted({package for command, package in COMMANDS.items() if not shutil.which(command, path=path)})


@contextmanager
def no_service_starts() -> Iterator[None]:
    """While packages are installed, let none of them start a service. A policy that the machine has is left alone."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink()


def ensure_packages() -> str:
    """Install what is missing; with a fresh package list if the one at hand does not do."""
    # not everybody's PATH has the folders of the administrator's commands
    path = os.environ.get("PATH", "")
    for folder in ("/usr/sbin", "/sbin", "/usr/local/sbin"):
        if folder not in path.split(":"):
            path += f":{folder}"
    os.environ["PATH"] = path
    packages = missing(path)
    if not packages:
        return "all there"
    log = paths.LOG / "packages.log"
    apt = ("apt-get", "-o", "DPkg::Lock::Timeout=600", "-q", "-y")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with no_service_starts():
        try:
            run(*apt, "install", "--no-install-recommends", *packages, log=log, env=env)
        except LabError:
            run(*apt, "update", log=log, env=env)
            run(*apt, "install", "--no-install-recommends", *packages, log=log, env=env)
    return ", ".join(packages)
