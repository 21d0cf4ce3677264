"""PostgreSQL's memory settings for a server's size."""

MAX_CONNECTIONS = 80
"""Gunicorn's threads, twice while a release tries the new ones beside the old, Celery's processes and some room, on the
largest server; each may use work_mem several times over."""


def memory_settings(memory: int) -> dict[str, str]:
    """Settings for a server with `memory` MiB that runs all of TOYBOX.

    A quarter for shared_buffers and half for effective_cache_size is the PostgreSQL manual's advice ("Resource
    Consumption", 15) for a dedicated machine; this one is shared with Gunicorn, Celery and Redis, so half of that.
    work_mem: what is left for sorting, spread over all connections.
    """
    return {
        "shared_buffers": f"{memory // 8}MB",
        "effective_cache_size": f"{memory // 4}MB",
        "maintenance_work_mem": f"{max(memory // 32, 16)}MB",
        "work_mem": f"{max(memory // 16 // MAX_CONNECTIONS, 1)}MB",
        "max_connections": str(MAX_CONNECTIONS),
    }
