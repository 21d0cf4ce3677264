"""An image that the server pulls from a registry."""

import pulumi
import pulumi_docker as docker

from components.host import DockerHost
from inventory import tokens


class PulledImage(pulumi.ComponentResource):
    """The image `reference`; containers use `id`, so that they follow a new digest and nothing else.

    Replaced images stay on the server (`keep_locally`): the way back to yesterday's release needs no registry.
    """

    id: pulumi.Output[str]
    digest: pulumi.Output[str]

    def __init__(
        self, name: str, *, reference: str, host: DockerHost, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(tokens.PULLED_IMAGE, name, None, opts)
        image = docker.RemoteImage(f"{name}-pulled", name=reference, keep_locally=True, opts=host.options(self))
        self.id = image.image_id
        self.digest = image.repo_digest
        self.register_outputs({})
