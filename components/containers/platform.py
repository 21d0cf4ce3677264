"""What every service stands on."""

from dataclasses import dataclass, field

import pulumi

from components.containers.named_volumes import NamedVolumes
from components.containers.networks import Networks
from components.host import DockerHost
from components.host.host_secrets import HostSecrets


@dataclass(frozen=True)
class Platform:
    """A host that is ready, with its networks, volumes and secret files.

    Attributes:
        healthy: the health gates of the services that were declared so far; each adds its own.
    """

    host: DockerHost
    networks: Networks
    volumes: NamedVolumes
    secrets: HostSecrets
    healthy: list[pulumi.Resource] = field(default_factory=list)
