"""TOYBOX's own image: web, worker and beat, and the release step that must succeed before any of them is replaced.

What it does not do: it does not build the image. The image comes from the team's registry, by digest.
"""

import shlex
from collections.abc import Mapping

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from components.containers.container_spec import ContainerSpec
from components.containers.platform import Platform
from components.containers.pulled_image import PulledImage
from components.containers.service import Service
from components.django.specs import (
    beat_spec,
    boot_facts,
    environment,
    release_options,
    static_version,
    web_spec,
    worker_spec,
)
from components.host import commands
from conoha.flavors import Flavor
from inventory import tokens
from inventory.volumes import STATIC


def release_command(image: str, web: ContainerSpec, memory: int, secrets: Mapping[str, str]) -> str:
    """Return the command of a release on a server with `memory` MiB. `secrets` maps each secret to the path of its file
    on the server."""
    return commands.release(
        image,
        shlex.join(web.command),
        shlex.join(web.health.command),
        str(web.health.start),
        STATIC.device,
        static_version(image),
        *release_options(web, memory, network="backend", secrets=secrets),
    )


class Django(pulumi.ComponentResource):
    """Three containers of one image. `ready` resolves when /healthz of the web container says that database and Redis
    answer.

    An image that does not migrate, start or answer stops the update in the release step: the old site keeps serving.
    """

    image: PulledImage
    services: list[Service]
    ready: command.remote.Command
    boot_facts: dict[str, object]
    """What starts the web process on a keeper."""

    def __init__(
        self,
        name: str,
        *,
        image: str,
        domain: str,
        database_login: str,
        sends_mail: bool,
        flavor: Flavor,
        platform: Platform,
        depends_on: list[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.DJANGO, name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.image = PulledImage(f"{name}-image", reference=image, host=platform.host, opts=child)
        variables = environment(domain, image, database_login=database_login, sends_mail=sends_mail)
        web = web_spec(variables, flavor.vcpus, flavor.memory)
        self.boot_facts = boot_facts(image, variables)
        former = platform.host.in_every_update(commands.end_former_release())
        release = platform.host.command(
            f"{name}-release",
            create=release_command(
                image, web, flavor.memory, {name: platform.secrets.path(name) for name in web.secrets}
            ),
            triggers=[pulumi.Output.all(self.image.id, former).apply(lambda known: str(known[0]))],
            parent=self,
            depends_on=[
                *depends_on,
                *platform.volumes.all,
                platform.networks.backend,
                platform.secrets.ready,
            ],
            timeout="35m",
        )

        def service(spec: ContainerSpec, *also: docker.Network) -> Service:
            return Service(
                f"{name}-{spec.name}",
                spec=spec,
                image_id=self.image.id,
                platform=platform,
                networks=[platform.networks.backend, *also],
                depends_on=[release],
                opts=child,
            )

        self.services = [
            service(web, platform.networks.edge),
            service(worker_spec(variables, flavor.vcpus, flavor.memory)),
            service(beat_spec(variables, flavor.memory)),
        ]
        self.ready = self.services[0].ready
        self.register_outputs({})
