"""What a container is made of, apart from its image. Each service declares its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from inventory.volumes import Volume

SECRETS_IN_CONTAINER = "/run/secrets"


def locked_entrypoint(lock_file: str, script: str) -> tuple[str, ...]:
    """Return the container's entrypoint: a script under a lock on the data disk, which ends with the image's own
    entrypoint and the arguments. Two databases on the same files destroy them. PostgreSQL's own check does not see a
    process in another container; the kernel's lock does."""
    return ("flock", "--no-fork", "--nonblock", lock_file, "bash", "-c", script, "entrypoint")


@dataclass(frozen=True)
class HealthCheck:
    """How Docker finds out that a container hangs.

    Attributes:
        command: the program and its arguments, run inside the container.
        interval, timeout: seconds.
        start: seconds after the start in which failures do not count; also how long an update waits.
    """

    command: tuple[str, ...]
    start: int
    interval: int = 30
    timeout: int = 10


@dataclass(frozen=True)
class ContainerSpec:
    """A container's properties, apart from its image.

    Attributes:
        stop_seconds: how long the process may take to end after SIGTERM (or the image's own signal). Unset, the Docker
            provider kills at once (kreuzwerker resource_docker_container_funcs.go:1086).
        volumes: {path in the container: (volume, read-only)}.
        secrets: names of secrets. The present value of each is a file below /run/secrets.
        accepted: names of secrets. Every value that is still accepted is a file in the folder of that name below
            /run/secrets. A new value replaces no container.
        entrypoint: in place of the image's own, if not empty.
        memory: MiB, page cache and tmpfs included.
        processes: how many processes and threads it may have, its health check's included.
        user: uid:gid in place of the image's own, if not empty.
        groups: further groups' ids, for files that another container writes.
        capabilities: all of Docker's default ones that it keeps, as Docker writes them (CAP_...). With a shorter name a
            refresh would find a difference.
        temporary: {directory: MiB} in memory that it may write to. The rest of its root is read-only.
        shared_memory: MiB of /dev/shm; Docker's default.
    """

    name: str
    command: tuple[str, ...]
    health: HealthCheck
    stop_seconds: int
    memory: int
    processes: int
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, tuple[Volume, bool]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    entrypoint: tuple[str, ...] = ()
    user: str = ""
    groups: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    temporary: Mapping[str, int] = field(default_factory=lambda: {"/tmp": 16})
    shared_memory: int = 64
