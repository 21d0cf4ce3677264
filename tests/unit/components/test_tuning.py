"""Memory and processes by server size, for every plan and for sizes that nobody sells yet."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.caddy import caddy_spec
from components.containers.container_spec import ContainerSpec
from components.containers.memory import LEAST, SHARES, SYSTEM, memory_limit
from components.django.specs import (
    beat_spec,
    celery_concurrency,
    environment,
    gunicorn_workers,
    release_options,
    web_spec,
    worker_spec,
)
from components.postgres import postgres_spec
from components.postgres.tuning import MAX_CONNECTIONS, PARALLEL_WORKERS, memory_settings
from components.redis import ITSELF, cache_spec, redis_spec
from conoha.flavors import FLAVORS, Flavor

MEMORY = st.integers(min_value=LEAST, max_value=1024 * 1024)
"""MiB: from the smallest server that TOYBOX fits in."""

IMAGE = "toybox@sha256:" + "feed" * 16
VARIABLES = environment("toybox.example", IMAGE, database_login="toybox_1", sends_mail=True)

LIMIT = st.integers(min_value=SHARES["postgres"].least, max_value=1024 * 1024)
"""MiB for PostgreSQL's container."""

CONNECTION = 2
"""MiB of a connection's own process, beside its sorts and what it shares."""

plans = pytest.mark.parametrize(
    "plan", [plan for plan in FLAVORS.values() if plan.memory >= LEAST], ids=lambda plan: plan.name
)


def specs(plan: Flavor) -> list[ContainerSpec]:
    """Every container on a server of this plan."""
    return [
        postgres_spec(plan.memory),
        redis_spec(plan.memory),
        cache_spec(plan.memory),
        web_spec(VARIABLES, plan.vcpus, plan.memory),
        worker_spec(VARIABLES, plan.vcpus, plan.memory),
        beat_spec(VARIABLES, plan.memory),
        caddy_spec("public", plan.memory),
    ]


def megabytes(settings: dict[str, str]) -> dict[str, int]:
    """Those of `settings` that are sizes, in MB."""
    return {name: int(value[:-2]) for name, value in settings.items() if value.endswith("MB")}


def redis_megabytes(spec: ContainerSpec) -> int:
    """What a Redis may fill with keys."""
    return int(spec.command[spec.command.index("--maxmemory") + 1].removesuffix("mb"))


@given(MEMORY)
def test_all_containers_together_get_less_memory_than_the_server_has(memory: int) -> None:
    """The release's trial beside the running site, and an eighth of what is not everybody's least for the system."""
    limits = {name: memory_limit(name, memory) for name in SHARES}
    assert all(limit >= SHARES[name].least for name, limit in limits.items())
    assert sum(limits.values()) + SYSTEM.least + (memory - LEAST) // 8 <= memory


@plans
def test_every_container_has_its_share_as_its_limit(plan: Flavor) -> None:
    found = {spec.name: spec.memory for spec in specs(plan)}
    assert found == {name: memory_limit(name, plan.memory) for name in SHARES if name != "release"}
    web = next(spec for spec in specs(plan) if spec.name == "web")
    options = release_options(
        web, plan.memory, network="backend", secrets={name: f"/secrets/{name}" for name in web.secrets}
    )
    limit = f"{memory_limit('release', plan.memory)}m"
    assert options[options.index("--memory") + 1] == options[options.index("--memory-swap") + 1] == limit


def test_the_kernel_ends_the_database_last() -> None:
    scores = {name: share.oom_score for name, share in SHARES.items()}
    assert scores.pop("postgres") == 0
    assert min(scores.values()) > 0
    assert max(scores, key=scores.__getitem__) == "release"


@plans
def test_what_a_container_writes_to_memory_leaves_it_room(plan: Flavor) -> None:
    """tmpfs counts as the container's memory."""
    for spec in specs(plan):
        if spec.name != "postgres":
            assert sum(spec.temporary.values()) <= max(spec.memory // 2, SHARES[spec.name].least // 2), spec.name


@given(LIMIT)
def test_postgres_fits_its_limit_with_a_sort_in_each_connection(limit: int) -> None:
    """And an index build, and autovacuum's three workers. On the smallest servers not with all connections: there are
    as many as there are processes of Django, of which such a server has few."""
    sizes = megabytes(memory_settings(limit))
    connections = MAX_CONNECTIONS if limit >= 512 else 20
    needed = sizes["shared_buffers"] + sizes["maintenance_work_mem"] + 3 * sizes["autovacuum_work_mem"]
    assert needed + connections * (sizes["work_mem"] + CONNECTION) <= limit
    assert sizes["effective_cache_size"] < limit


@plans
def test_postgres_has_the_shared_memory_that_parallel_queries_take(plan: Flavor) -> None:
    """Docker's 64 MiB end them with "could not resize shared memory segment" (docker-library/postgres #416). A hash
    table may have hash_mem_multiplier (2) times work_mem for each process that makes it."""
    spec = postgres_spec(plan.memory)
    sizes = megabytes(dict(word.split("=", 1) for word in spec.command if "=" in word))
    assert 2 * sizes["work_mem"] * 2 * PARALLEL_WORKERS <= spec.shared_memory <= spec.memory // 2


@given(MEMORY)
def test_a_full_redis_fits_its_limit(memory: int) -> None:
    """The broker twice: while it rewrites its append-only file it may need as much again."""
    broker, cache = redis_spec(memory), cache_spec(memory)
    assert 2 * redis_megabytes(broker) + ITSELF <= broker.memory
    assert redis_megabytes(cache) * 4 // 3 + ITSELF <= cache.memory
    assert redis_megabytes(broker) >= 8
    assert redis_megabytes(cache) >= 8


def test_a_full_cache_makes_room_and_a_full_broker_keeps_every_job() -> None:
    """In one Redis with one limit either the cache stops the broker, or what makes room for it is somebody's job."""
    for spec, policy in ((redis_spec(4096), "noeviction"), (cache_spec(4096), "allkeys-lru")):
        assert spec.command[spec.command.index("--maxmemory-policy") + 1] == policy
    assert (VARIABLES["REDIS_HOST"], VARIABLES["REDIS_CACHE_HOST"]) == (redis_spec(4096).name, cache_spec(4096).name)


@given(MEMORY, MEMORY)
def test_more_memory_never_means_a_smaller_setting(one: int, other: int) -> None:
    small, large = sorted((one, other))
    for name in SHARES:
        assert memory_limit(name, small) <= memory_limit(name, large)
    for spec in (redis_spec, cache_spec):
        assert redis_megabytes(spec(small)) <= redis_megabytes(spec(large))


@given(LIMIT, LIMIT)
def test_a_higher_limit_never_means_a_smaller_setting_of_postgres(one: int, other: int) -> None:
    small, large = sorted((one, other))
    less, more = megabytes(memory_settings(small)), megabytes(memory_settings(large))
    assert less.keys() == more.keys()
    assert all(less[name] <= more[name] for name in less)


@given(LIMIT)
def test_postgres_starts_with_these_settings(limit: int) -> None:
    """PostgreSQL 15's minima: 128 kB of shared_buffers, 64 kB of work_mem, 1 MB of maintenance_work_mem."""
    settings = memory_settings(limit)
    assert all(re.fullmatch(r"[1-9][0-9]*(MB)?", value) for value in settings.values())
    assert int(settings["max_connections"]) == MAX_CONNECTIONS


@plans
def test_every_process_of_django_gets_a_connection(plan: Flavor) -> None:
    """Gunicorn's threads, Celery's processes and its main one, beat, the release's trial web beside the running one,
    and 3 that PostgreSQL keeps for the superuser."""
    web = gunicorn_workers(plan.vcpus, plan.memory) * 4
    worker = celery_concurrency(plan.vcpus) + 1
    assert 2 * web + worker + 1 + 3 <= MAX_CONNECTIONS


@plans
def test_processes_fit_the_plan(plan: Flavor) -> None:
    workers = gunicorn_workers(plan.vcpus, plan.memory)
    assert 1 <= workers <= plan.vcpus
    assert workers == 1 or workers * 1024 <= plan.memory
    assert 1 <= celery_concurrency(plan.vcpus) <= max(1, plan.vcpus // 2)


@plans
def test_a_container_may_have_the_processes_that_it_needs(plan: Flavor) -> None:
    """Threads count. Its health check runs beside them, and may not be the one that fails."""
    limits = {spec.name: spec.processes for spec in specs(plan)}
    health_check = 16
    assert limits["postgres"] >= MAX_CONNECTIONS + PARALLEL_WORKERS + health_check
    assert limits["web"] >= 1 + gunicorn_workers(plan.vcpus, plan.memory) * (1 + 4) + health_check
    assert limits["worker"] >= 1 + celery_concurrency(plan.vcpus) + health_check
    assert all(limits[name] > health_check for name in limits)
    assert sum(limits.values()) < 4096


def test_a_larger_plan_never_has_fewer_processes() -> None:
    by_size = sorted(FLAVORS.values(), key=lambda plan: plan.memory)
    for small, large in itertools.pairwise(by_size):
        assert gunicorn_workers(small.vcpus, small.memory) <= gunicorn_workers(large.vcpus, large.memory)
        assert celery_concurrency(small.vcpus) <= celery_concurrency(large.vcpus)
