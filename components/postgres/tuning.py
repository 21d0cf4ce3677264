"""PostgreSQL's memory settings for its container's limit."""

MAX_CONNECTIONS = 80
"""Gunicorn's threads, twice while a release tries the new ones beside the old, Celery's processes and some room, on the
largest server; each may use work_mem several times over."""

PARALLEL_WORKERS = 8
"""PostgreSQL's default of max_parallel_workers."""


def memory_settings(limit: int) -> dict[str, str]:
    """Return the settings for a container that may use `limit` MiB, its page cache included.

    A quarter for shared_buffers is the advice of PostgreSQL's manual ("Resource Consumption", 15). work_mem is another
    quarter, spread over all connections. Each of autovacuum's three workers would take maintenance_work_mem. The rest
    is for the processes themselves and for the page cache.
    """
    return {
        "shared_buffers": f"{limit // 4}MB",
        "effective_cache_size": f"{limit * 3 // 4}MB",
        "maintenance_work_mem": f"{max(limit // 16, 16)}MB",
        "autovacuum_work_mem": f"{max(limit // 64, 1)}MB",
        "work_mem": f"{work_mem(limit)}MB",
        "max_connections": str(MAX_CONNECTIONS),
        "max_parallel_workers": str(PARALLEL_WORKERS),
    }


def work_mem(limit: int) -> int:
    """Return the MiB for one sort; a hash table may have twice that (hash_mem_multiplier)."""
    return max(limit // 4 // MAX_CONNECTIONS, 1)


def shared_memory(limit: int) -> int:
    """Return the MiB of /dev/shm, where the processes of a parallel query share a hash table. At most PARALLEL_WORKERS
    processes help, one in each of as many queries. Each helper and each query brings its part of the table. The minimum
    is Docker's 64 MiB."""
    return max(2 * work_mem(limit) * 2 * PARALLEL_WORKERS, 64)
