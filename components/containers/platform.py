"""What every service stands on."""

from dataclasses import dataclass

from components.containers.named_volumes import NamedVolumes
from components.containers.networks import Networks
from components.host import DockerHost
from components.host.host_secrets import HostSecrets


@dataclass(frozen=True)
class Platform:
    """A host that is ready, with its networks, volumes and secret files."""

    host: DockerHost
    networks: Networks
    volumes: NamedVolumes
    secrets: HostSecrets
