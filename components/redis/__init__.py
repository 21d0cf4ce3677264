"""Redis 7: Celery's broker and Django's cache, with every write in an append-only file."""

import shlex
from pathlib import Path

import pulumi
import pulumi_command as command
from pydantic import SecretStr

from components.host_secrets import version
from components.platform import Platform
from components.pulled_image import PulledImage
from components.service import SECRETS_IN_CONTAINER, HealthCheck, Service, Spec, locked_entrypoint
from components.volumes import REDIS

HERE = Path(__file__).parent
NAME = "redis"
PASSWORD_FILE = "redis_password"
PASSWORDS = f"{SECRETS_IN_CONTAINER}/{PASSWORD_FILE}"
"""The folder with every password that is still accepted, in Redis's own container."""

APPEND_DIRECTORY = "toybox-appendonlydir"
"""Not the name that a Redis looks for by itself."""


def redis_spec(memory: int) -> Spec:
    """The container for a server with `memory` MiB. noeviction: a broker that drops keys drops people's jobs."""
    commands = "printf 'AUTH '; cat \"$file\"; printf '\\nPING\\n'"
    probe = f"for file in {PASSWORDS}/*; do {{ {commands}; }} | redis-cli | grep -q PONG && exit; done; exit 1"
    return Spec(
        name=NAME,
        entrypoint=locked_entrypoint("/data/.lock", (HERE / "entrypoint").read_text()),
        command=(
            "redis-server",
            "/dev/shm/toybox-redis.conf",
            *("--dir", "/data"),
            *("--appendonly", "yes"),
            *("--appenddirname", APPEND_DIRECTORY),
            *("--appendfsync", "everysec"),
            *("--maxmemory", f"{memory // 8}mb"),
            *("--maxmemory-policy", "noeviction"),
        ),
        environment={"APPEND_DIRECTORY": APPEND_DIRECTORY},
        volumes={"/data": (REDIS, False)},
        accepted=(PASSWORD_FILE,),
        health=HealthCheck(("sh", "-c", probe), start=60),
        stop_seconds=60,
    )


ACCEPT = f"timeout 60 docker exec {NAME} bash -c {shlex.quote((HERE / 'accept').read_text())}"
"""Makes a running Redis accept every password that has a file, and no other."""


class Redis(pulumi.ComponentResource):
    """The Redis container; `ready` is when it accepts the stack's own password."""

    image: PulledImage
    password: str
    """The version of the password, and not the password."""

    ready: command.remote.Command

    def __init__(
        self,
        name: str,
        *,
        image: str,
        memory: int,
        password: SecretStr,
        platform: Platform,
    ) -> None:
        super().__init__("toybox:services:Redis", name)
        self.password = version(password.get_secret_value())
        self.image = PulledImage(f"{name}-image", reference=image, host=platform.host, parent=self)
        service = Service(
            name,
            spec=redis_spec(memory),
            image_id=self.image.id,
            platform=platform,
            networks=[platform.networks.backend],
            parent=self,
        )
        self.ready = platform.host.command(
            f"{name}-password",
            create=ACCEPT,
            triggers=[self.password],
            parent=self,
            depends_on=[service.healthy],
        )
        self.register_outputs({})
