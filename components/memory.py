"""How a server's memory is divided among the containers, so that together they get less than the server has.

A limit that is reached kills a process of that container and no other: a Celery task that eats all memory takes neither
the database nor the site down.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """One container's part of the memory.

    Attributes:
        least: MiB, what it needs on the smallest server. Measured with the lab's image: its peak while it starts, its
            health check beside it, and a quarter more.
        parts: of the `PARTS` parts into which the rest is divided.
        oom_score: for the kernel, if the server's memory runs out all the same: the highest goes first. 0 is the
            database's alone.
    """

    least: int
    parts: int
    oom_score: int


SHARES = {
    "postgres": Share(least=128, parts=9, oom_score=0),
    "redis": Share(least=32, parts=2, oom_score=100),
    "caddy": Share(least=48, parts=1, oom_score=200),
    "web": Share(least=160, parts=6, oom_score=300),
    "beat": Share(least=80, parts=1, oom_score=400),
    "cache": Share(least=32, parts=2, oom_score=500),
    "worker": Share(least=192, parts=4, oom_score=600),
    # the new web process that is tried beside the old one, and the migrations before it
    "release": Share(least=128, parts=3, oom_score=900),
}

SYSTEM = Share(least=144, parts=4, oom_score=0)
"""Kernel, Docker, SSH, logs."""

PARTS = SYSTEM.parts + sum(share.parts for share in SHARES.values())

LEAST = SYSTEM.least + sum(share.least for share in SHARES.values())
"""MiB of the smallest server that TOYBOX fits in."""


def memory_limit(container: str, memory: int) -> int:
    """MiB for a container on a server with `memory` MiB. Raises ValueError for a server that is too small."""
    if memory < LEAST:
        raise ValueError(f"TOYBOX needs {LEAST} MiB of memory, and the server has {memory}")
    share = SHARES[container]
    return share.least + (memory - LEAST) * share.parts // PARTS
