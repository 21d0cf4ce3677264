"""What a container sees of the host: named volumes, secret files, and memory that it may write to."""

import pulumi_docker as docker

from components.containers.container_spec import SECRETS_IN_CONTAINER, ContainerSpec
from components.host.host_secrets import HostSecrets, folder
from host.look import SECRETS


def tmpfs_options(megabytes: int) -> str:
    """Return the options of a tmpfs that every user of the container may write to."""
    return f"rw,noexec,nosuid,nodev,mode=1777,size={megabytes}m"


def mounts(spec: ContainerSpec, secrets: HostSecrets) -> list[docker.ContainerMountArgs]:
    """Return the container's mounts: volumes by name, and each secret as one read-only file, or as its folder.

    The names are texts and not the Docker volumes' outputs, which are unknown while the server is replaced. In each
    preview the guard must see which volume is mounted at which path.
    """
    sources = {secret: secrets.path(secret) for secret in spec.secrets}
    sources |= {secret: f"{SECRETS}/{folder(secret)}" for secret in spec.accepted}
    volume_mounts = [
        docker.ContainerMountArgs(target=target, type="volume", source=volume.name, read_only=read_only)
        for target, (volume, read_only) in spec.volumes.items()
    ]
    secret_mounts = [
        docker.ContainerMountArgs(
            target=f"{SECRETS_IN_CONTAINER}/{secret}",
            type="bind",
            source=path,
            read_only=True,
        )
        for secret, path in sources.items()
    ]
    return volume_mounts + secret_mounts
