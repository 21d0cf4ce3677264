"""The two Docker networks of a host."""

import pulumi
import pulumi_docker as docker

from components.docker_host import DockerHost
from components.docker_host.make_room import NAME_LABEL


class Networks(pulumi.ComponentResource):
    """`edge`: Caddy and the web container, with a way out. `backend`: internal, no way in or out; the database, Redis
    and everything that needs them."""

    edge: docker.Network
    backend: docker.Network

    def __init__(self, name: str, *, host: DockerHost) -> None:
        super().__init__("toybox:services:Networks", name)

        def network(network_name: str, *, internal: bool) -> docker.Network:
            return docker.Network(
                f"{name}-{network_name}",
                name=network_name,
                driver="bridge",
                internal=internal,
                labels=[docker.NetworkLabelArgs(label=NAME_LABEL, value=network_name)],
                opts=host.options(self, ignore_changes=["labels"]),
            )

        self.edge = network("edge", internal=False)
        self.backend = network("backend", internal=True)
        self.register_outputs({})
