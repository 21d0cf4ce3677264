"""The two Docker networks of a host."""

import pulumi
import pulumi_docker as docker

from components.docker_host import DockerHost


class Networks(pulumi.ComponentResource):
    """`edge`: Caddy and the web container, with a way out. `backend`: internal, no way in or out; the database, Redis
    and everything that needs them."""

    edge: docker.Network
    backend: docker.Network

    def __init__(self, name: str, *, host: DockerHost) -> None:
        super().__init__("toybox:services:Networks", name)
        self.edge = docker.Network(f"{name}-edge", name="edge", driver="bridge", opts=host.options(self))
        self.backend = docker.Network(
            f"{name}-backend",
            name="backend",
            driver="bridge",
            internal=True,
            opts=host.options(self),
        )
        self.register_outputs({})
