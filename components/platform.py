"""What every service stands on."""

from dataclasses import dataclass

from components.docker_host import DockerHost
from components.host_secrets import HostSecrets
from components.named_volumes import NamedVolumes
from components.networks import Networks


@dataclass(frozen=True)
class Platform:
    """A host that is ready, with its networks, volumes and secret files."""

    host: DockerHost
    networks: Networks
    volumes: NamedVolumes
    secrets: HostSecrets
