"""Memory and processes by server size, for every plan and for sizes that nobody sells yet."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.django.specs import celery_concurrency, gunicorn_workers
from components.postgres.tuning import MAX_CONNECTIONS, memory_settings
from components.redis import redis_spec
from conoha.flavors import FLAVORS, Flavor

MEMORY = st.integers(min_value=512, max_value=1024 * 1024)
"""MiB: from the smallest plan."""

plans = pytest.mark.parametrize("plan", FLAVORS.values(), ids=lambda plan: plan.name)


def megabytes(settings: dict[str, str]) -> dict[str, int]:
    """Those of `settings` that are sizes, in MB."""
    return {name: int(value[:-2]) for name, value in settings.items() if value.endswith("MB")}


def redis_megabytes(memory: int) -> int:
    """What Redis may fill with keys."""
    command = redis_spec(memory).command
    return int(command[command.index("--maxmemory") + 1].removesuffix("mb"))


@given(MEMORY)
def test_postgres_and_redis_leave_half_of_the_server_to_django(memory: int) -> None:
    """The worst case of one sort in every connection and one index build, and a Redis that is full. Redis may need as
    much again while it rewrites its append-only file."""
    sizes = megabytes(memory_settings(memory))
    postgres = sizes["shared_buffers"] + sizes["work_mem"] * MAX_CONNECTIONS + sizes["maintenance_work_mem"]
    assert postgres + redis_megabytes(memory) <= memory // 2
    assert sizes["effective_cache_size"] < memory


@given(MEMORY, MEMORY)
def test_more_memory_never_means_a_smaller_setting(one: int, other: int) -> None:
    small, large = sorted((one, other))
    less, more = megabytes(memory_settings(small)), megabytes(memory_settings(large))
    assert less.keys() == more.keys()
    assert all(less[name] <= more[name] for name in less)
    assert redis_megabytes(small) <= redis_megabytes(large)


@given(MEMORY)
def test_postgres_starts_with_these_settings(memory: int) -> None:
    """PostgreSQL 15's minima: 128 kB of shared_buffers, 64 kB of work_mem, 1 MB of maintenance_work_mem."""
    settings = memory_settings(memory)
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


def test_a_larger_plan_never_has_fewer_processes() -> None:
    by_size = sorted(FLAVORS.values(), key=lambda plan: plan.memory)
    for small, large in itertools.pairwise(by_size):
        assert gunicorn_workers(small.vcpus, small.memory) <= gunicorn_workers(large.vcpus, large.memory)
        assert celery_concurrency(small.vcpus) <= celery_concurrency(large.vcpus)
