"""Redis 7, twice: Celery's broker, with every write in an append-only file, and Django's cache, in memory only.

One Redis has one memory limit and one eviction policy. With one for both, either a full cache would stop the broker, or
the eviction could delete somebody's job.
"""

from pathlib import Path

import pulumi
import pulumi_command as command
from pydantic import SecretStr

from components.containers.container_spec import SECRETS_IN_CONTAINER, ContainerSpec, HealthCheck, locked_entrypoint
from components.containers.memory import memory_limit
from components.containers.platform import Platform
from components.containers.pulled_image import PulledImage
from components.containers.service import Service
from components.host import commands
from components.host.host_secrets import version
from inventory import tokens
from inventory.volumes import DATABASE_UID, REDIS

HERE = Path(__file__).parent
NAME = "redis"
CACHE = "cache"
PASSWORD_FILE = "redis_password"
PASSWORDS = f"{SECRETS_IN_CONTAINER}/{PASSWORD_FILE}"
"""The folder with every password that is still accepted, in Redis's own containers."""

APPEND_DIRECTORY = "toybox-appendonlydir"
"""Differs from Redis's default, so that no other Redis finds it by itself."""

CONFIG = "/dev/shm/toybox-redis.conf"
"""The file that the entrypoint writes: the passwords may not be on a command line."""

ITSELF = 16
"""MiB that an empty Redis takes, with its health check."""

_PING = "printf 'AUTH '; cat \"$file\"; printf '\\nPING\\n'"
_PROBE = f"for file in {PASSWORDS}/*; do {{ {_PING}; }} | redis-cli | grep -q PONG && exit; done; exit 1"
HEALTH = HealthCheck(("sh", "-c", _PROBE), start=60)


def redis_spec(memory: int) -> ContainerSpec:
    """Return the broker's spec for a server with `memory` MiB. noeviction: a broker that drops keys drops people's
    jobs. While Redis rewrites its append-only file, it may need the memory of all its keys twice."""
    limit = memory_limit(NAME, memory)
    return ContainerSpec(
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


def cache_spec(memory: int) -> ContainerSpec:
    """Return the cache's spec. allkeys-lru: Redis evicts the least recently used key first. The cache keeps nothing,
    and needs no lock: /data, which the image declares as a volume, is a tmpfs. A quarter of its memory is for
    fragmentation and buffers."""
    limit = memory_limit(CACHE, memory)
    return ContainerSpec(
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


_SCRIPT = (HERE / "accept").read_text()
ACCEPT = f"{commands.run_in(NAME, _SCRIPT)} && {commands.run_in(CACHE, _SCRIPT)}"
"""Makes a running Redis accept every password that has a file, and no other."""


class Redis(pulumi.ComponentResource):
    """Both containers. `ready` resolves when they accept the stack's own password."""

    image: PulledImage
    services: list[Service]
    password: str
    """The version of the password, not the password itself."""

    ready: command.remote.Command

    def __init__(
        self,
        name: str,
        *,
        image: str,
        memory: int,
        password: SecretStr,
        platform: Platform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.REDIS, name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.password = version(password.get_secret_value())
        self.image = PulledImage(f"{name}-image", reference=image, host=platform.host, opts=child)
        self.services = [
            Service(
                service,
                spec=spec,
                image_id=self.image.id,
                platform=platform,
                networks=[platform.networks.backend],
                opts=child,
            )
            for service, spec in ((name, redis_spec(memory)), (f"{name}-{CACHE}", cache_spec(memory)))
        ]
        self.ready = platform.host.command(
            f"{name}-password",
            create=ACCEPT,
            triggers=[self.password],
            parent=self,
            depends_on=[service.ready for service in self.services],
        )
        self.register_outputs({})
