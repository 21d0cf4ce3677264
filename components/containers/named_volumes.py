"""Docker's named volumes: pointers to directories on the data disk.

A container, a volume record and all of /var/lib/docker can vanish, and the data stays where it is.
"""

from collections.abc import Sequence

import pulumi
import pulumi_docker as docker

from components.host import DockerHost
from inventory import tokens
from inventory.volumes import VOLUMES, Volume


def driver_options(volume: Volume) -> dict[str, str]:
    """The `local` driver's options for a bind: it refuses to start a container whose directory is missing, where
    `-v /path` would create an empty one in silence (measured on Docker 20.10)."""
    return {"type": "none", "o": "bind", "device": volume.device}


class NamedVolumes(pulumi.ComponentResource):
    """One Docker volume for each entry of `VOLUMES`.

    They are not `protect`ed: they go and come back with the server, and the data is not in them. Every input of a
    Docker volume forces its replacement, a label included (kreuzwerker resource_docker_volume.go:46-66), so changes
    are ignored.

    No container is made before those that it mounts, and none of them before `after`.
    """

    resources: dict[Volume, docker.Volume]
    all: list[pulumi.Resource]

    def __init__(
        self,
        name: str,
        *,
        host: DockerHost,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.NAMED_VOLUMES, name, None, opts)
        self.resources = {
            volume: docker.Volume(
                f"{name}-{volume.name}",
                name=volume.name,
                driver="local",
                driver_opts=driver_options(volume),
                opts=host.options(
                    self,
                    depends_on=list(after),
                    retain_on_delete=True,
                    ignore_changes=["labels", "driver_opts"],
                ),
            )
            for volume in VOLUMES
        }
        self.all = list(self.resources.values())
        self.register_outputs({})
