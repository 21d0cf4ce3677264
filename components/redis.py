"""Redis 7: Celery's broker and Django's cache, with every write in an append-only file."""

import pulumi
import pulumi_command as command

from components.platform import Platform
from components.pulled_image import PulledImage
from components.service import SECRETS_IN_CONTAINER, HealthCheck, Service, Spec, locked_entrypoint
from components.volumes import REDIS

NAME = "redis"
PASSWORD_FILE = "redis_password"
CONFIG_FILE = "redis_conf"


def render_config(password: str) -> str:
    """redis.conf: only the password, which may not stand on the command line."""
    return f'requirepass "{password}"\n'


def redis_spec(memory: int) -> Spec:
    """The container for a server with `memory` MiB. noeviction: a broker that drops keys drops people's jobs."""
    commands = f"printf 'AUTH '; cat {SECRETS_IN_CONTAINER}/{PASSWORD_FILE}; printf '\\nPING\\n'"
    probe = f"{{ {commands}; }} | redis-cli | grep -q PONG"
    return Spec(
        name=NAME,
        entrypoint=locked_entrypoint("/data/.lock"),
        command=(
            "redis-server",
            f"{SECRETS_IN_CONTAINER}/{CONFIG_FILE}",
            *("--dir", "/data"),
            *("--appendonly", "yes"),
            *("--appendfsync", "everysec"),
            *("--maxmemory", f"{memory // 8}mb"),
            *("--maxmemory-policy", "noeviction"),
        ),
        volumes={"/data": (REDIS, False)},
        secrets=(CONFIG_FILE, PASSWORD_FILE),
        health=HealthCheck(("sh", "-c", probe), start=60),
        stop_seconds=60,
    )


class Redis(pulumi.ComponentResource):
    """The Redis container; `ready` is when it answers with the stack's own password."""

    image: PulledImage
    ready: command.remote.Command

    def __init__(
        self,
        name: str,
        *,
        image: str,
        memory: int,
        platform: Platform,
    ) -> None:
        super().__init__("toybox:services:Redis", name)
        self.image = PulledImage(f"{name}-image", reference=image, host=platform.host, parent=self)
        self.ready = Service(
            name,
            spec=redis_spec(memory),
            image_id=self.image.id,
            platform=platform,
            networks=[platform.networks.backend],
            parent=self,
        ).healthy
        self.register_outputs({})
