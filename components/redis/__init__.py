"""Redis 7, twice: Celery's broker, with every write in an append-only file, and Django's cache, in memory only.

In one Redis there is one limit and one rule for both: either a full cache stops the broker, or what makes room for it
may be somebody's job.
"""

import shlex
from pathlib import Path

import pulumi
import pulumi_command as command
from pydantic import SecretStr

from components.host_secrets import version
from components.memory import memory_limit
from components.platform import Platform
from components.pulled_image import PulledImage
from components.service import SECRETS_IN_CONTAINER, HealthCheck, Service, Spec, locked_entrypoint
from components.volumes import DATABASE_UID, REDIS

HERE = Path(__file__).parent
NAME = "redis"
CACHE = "cache"
PASSWORD_FILE = "redis_password"
PASSWORDS = f"{SECRETS_IN_CONTAINER}/{PASSWORD_FILE}"
"""The folder with every password that is still accepted, in Redis's own containers."""

APPEND_DIRECTORY = "toybox-appendonlydir"
"""Not the name that a Redis looks for by itself."""

CONFIG = "/dev/shm/toybox-redis.conf"
"""What the entrypoint writes: the passwords may not stand on a command line."""

ITSELF = 16
"""MiB that an empty Redis takes, with its health check."""

_PING = "printf 'AUTH '; cat \"$file\"; printf '\\nPING\\n'"
_PROBE = f"for file in {PASSWORDS}/*; do {{ {_PING}; }} | redis-cli | grep -q PONG && exit; done; exit 1"
HEALTH = HealthCheck(("sh", "-c", _PROBE), start=60)


def redis_spec(memory: int) -> Spec:
    """The broker's container for a server with `memory` MiB. noeviction: a broker that drops keys drops people's jobs.
    While it rewrites its append-only file it may need all of its keys' memory again."""
    limit = memory_limit(NAME, memory)
    return Spec(
        name=NAME,
        entrypoint=locked_entrypoint("/data/.lock", (HERE / "entrypoint").read_text()),
        command=(
            *("redis-server", CONFIG),
            *("--dir", "/data"),
            *("--appendonly", "yes"),
            *("--appenddirname", APPEND_DIRECTORY),
            *("--appendfsync", "everysec"),
            *("--maxmemory", f"{(limit - ITSELF) // 2}mb"),
            *("--maxmemory-policy", "noeviction"),
        ),
        environment={"APPEND_DIRECTORY": APPEND_DIRECTORY},
        volumes={"/data": (REDIS, False)},
        accepted=(PASSWORD_FILE,),
        health=HEALTH,
        stop_seconds=60,
        memory=limit,
        processes=64,
        user=f"{DATABASE_UID}:{DATABASE_UID}",
    )


def cache_spec(memory: int) -> Spec:
    """The cache's container. allkeys-lru: what was used longest ago makes room. Nothing is kept, and nothing needs a
    lock: /data, which the image declares as a volume, is a tmpfs. A quarter of its memory is for fragmentation and
    buffers."""
    limit = memory_limit(CACHE, memory)
    return Spec(
        name=CACHE,
        entrypoint=("bash", "-c", (HERE / "entrypoint").read_text(), "entrypoint"),
        command=(
            *("redis-server", CONFIG),
            *("--appendonly", "no"),
            *("--maxmemory", f"{(limit - ITSELF) * 3 // 4}mb"),
            *("--maxmemory-policy", "allkeys-lru"),
        ),
        accepted=(PASSWORD_FILE,),
        health=HEALTH,
        stop_seconds=30,
        memory=limit,
        processes=64,
        user=f"{DATABASE_UID}:{DATABASE_UID}",
        temporary={"/data": 1, "/tmp": 1},
    )


def _accept(container: str) -> str:
    return f"timeout 60 docker exec {container} bash -c {shlex.quote((HERE / 'accept').read_text())}"


ACCEPT = f"{_accept(NAME)} && {_accept(CACHE)}"
"""Makes a running Redis accept every password that has a file, and no other."""


class Redis(pulumi.ComponentResource):
    """Both containers; `ready` is when they accept the stack's own password."""

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
        services = [
            Service(
                service,
                spec=spec,
                image_id=self.image.id,
                platform=platform,
                networks=[platform.networks.backend],
                parent=self,
            )
            for service, spec in ((name, redis_spec(memory)), (f"{name}-{CACHE}", cache_spec(memory)))
        ]
        self.ready = platform.host.command(
            f"{name}-password",
            create=ACCEPT,
            triggers=[self.password],
            parent=self,
            depends_on=[service.healthy for service in services],
        )
        self.register_outputs({})
