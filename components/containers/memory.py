"""Divide a server's memory among the containers, so that their limits together are less than the server has.

When a container reaches its limit, the kernel kills a process of that container only. A Celery task that eats all
memory ends neither the database nor the site.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """One container's part of the memory.

    Attributes:
        least: MiB that it needs on the smallest server. Measured with the lab's image: its peak at the start, plus its
            health check, plus a quarter.
        parts: its share of the remaining memory, of `PARTS`.
        oom_score: the kernel kills the highest first if the server's memory still runs out. Only the database has 0.
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
    # the new web process in its trial beside the old one, and the migrations before it
    "release": Share(least=128, parts=3, oom_score=900),
}

SYSTEM = Share(least=144, parts=4, oom_score=0)
"""The share of kernel, Docker, SSH and logs."""

PARTS = SYSTEM.parts + sum(share.parts for share in SHARES.values())

LEAST = SYSTEM.least + sum(share.least for share in SHARES.values())
"""MiB of the smallest server that TOYBOX fits in."""


def memory_limit(container: str, memory: int) -> int:
    """Return the MiB of a container on a server with `memory` MiB. Raise ValueError for a server that is too small."""
    if memory < LEAST:
        raise ValueError(f"TOYBOX needs {LEAST} MiB of memory, and the server has {memory}")
    share = SHARES[container]
    return share.least + (memory - LEAST) * share.parts // PARTS
