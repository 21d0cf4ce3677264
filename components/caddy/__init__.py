"""Caddy: the only thing that the outside reaches. TLS, redirects, security headers, static and media files, the proxy.

Its image is built on the server with the Caddyfile inside, and tagged by the hash of its build context.
"""

import base64
import hashlib
import string

import bcrypt
import pulumi
import pulumi_docker as docker

from components.caddy.build_context import CONTEXT, content_hash, read_context
from components.containers.container_spec import ContainerSpec, HealthCheck
from components.containers.memory import memory_limit
from components.containers.platform import Platform
from components.containers.service import Service
from inventory import ports, tokens
from inventory.volumes import CADDY_CONFIG, CADDY_DATA, DJANGO_UID, MEDIA, STATIC
from settings import Settings, Tls

ACCESS_FILE = "access"
ACCESS_USER = "toybox"
ACCESS_COST = 10
"""Bcrypt's work factor: the least that OWASP's Password Storage Cheat Sheet allows. Every preview and every check of
Caddy's pays for it, and the password is a random one of 20 characters."""


def build_arguments(*, image: str, domain: str, tls: Tls, access: str) -> dict[str, str]:
    """The Dockerfile's arguments."""
    return {
        "CADDY_IMAGE": image,
        "DOMAIN": domain,
        "TLS": "internal" if tls.issuer == "internal" else str(tls.email),
        "ACCESS": access,
    }


def render_access(password: str, domain: str) -> str:
    """The line of a basicauth block: user and bcrypt hash. The salt comes from the domain, so that two runs render the
    same file; from the password it would give a guesser a fast hash beside the slow one.

    Raises:
        ValueError: the password has more than 72 bytes, of which bcrypt would read only the first 72.
    """
    seed = hashlib.sha256(f"toybox access {domain}".encode()).digest()[:16]
    salt = f"$2b${ACCESS_COST}$".encode() + bcrypt_base64(seed)
    return f"{ACCESS_USER} {bcrypt.hashpw(password.encode(), salt).decode()}\n"


def bcrypt_base64(data: bytes) -> bytes:
    """16 bytes in bcrypt's own base64 alphabet, 22 characters."""
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits
    to_bcrypt = bytes.maketrans(f"{letters}+/".encode(), f"./{letters}".encode())
    return base64.b64encode(data).rstrip(b"=").translate(to_bcrypt)


def caddy_spec(access: str, memory: int) -> ContainerSpec:
    """Return the container's spec for a server with `memory` MiB. It publishes the only two ports of the host. Caddy
    reads Django's files as a member of Django's group: root without capabilities has only a user's rights."""
    return ContainerSpec(
        name="caddy",
        command=(
            "caddy",
            "run",
            "--config",
            "/etc/caddy/Caddyfile",
            "--adapter",
            "caddyfile",
        ),
        volumes={
            "/data": (CADDY_DATA, False),
            "/config": (CADDY_CONFIG, False),
            "/srv/static": (STATIC, True),
            "/srv/media": (MEDIA, True),
        },
        secrets=(ACCESS_FILE,) if access == "password" else (),
        health=HealthCheck(("wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8081/"), start=60),
        stop_seconds=15,
        ports=ports.WEB,
        memory=memory_limit("caddy", memory),
        processes=256,
        groups=(str(DJANGO_UID),),
        capabilities=("CAP_NET_BIND_SERVICE",),
    )


class Caddy(pulumi.ComponentResource):
    """Image and container. A Caddyfile that does not validate fails the build, and the old container keeps serving."""

    image: docker.RemoteImage
    services: list[Service]
    reference: str

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        memory: int,
        platform: Platform,
        depends_on: list[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.CADDY, name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        arguments = build_arguments(
            image=settings.images.caddy, domain=settings.domain, tls=settings.tls, access=settings.access
        )
        tag = content_hash(read_context(), arguments)
        self.reference = f"toybox-caddy:{tag}"
        self.image = docker.RemoteImage(
            f"{name}-image",
            name=self.reference,
            build=docker.RemoteImageBuildArgs(
                # relative, like every path in the inputs: it must be the same for every operator
                context=str(CONTEXT.relative_to(CONTEXT.parents[2])),
                build_args=arguments,
                # Docker 20.10, which Debian ships, has no buildx
                use_legacy_builder=True,
            ),
            triggers={"context": tag},
            keep_locally=True,
            opts=platform.host.options(self),
        )
        self.services = [
            Service(
                name,
                spec=caddy_spec(settings.access, memory),
                image_id=self.image.image_id,
                platform=platform,
                networks=[platform.networks.edge],
                depends_on=depends_on,
                opts=child,
            )
        ]
        self.register_outputs({})
