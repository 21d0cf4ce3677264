"""One container's excess is that container's trouble, and a release that was given up is over."""

import base64
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.lab.test_staging_refresh import cached, sql
from tests.lab.test_update import changed_image
from tests.lab.toybox import Toybox

KILLED = (
    "docker exec worker sh -c"
    " 'cat /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events 2>/dev/null | grep \"^oom_kill \"'"
)
"""How the kernel counts them for a container: in the first file by cgroup v1, in the second by v2."""


def bomb(side: int) -> bytes:
    """A PNG of some kilobytes with side x side pixels, each of which takes 4 bytes once it is opened."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(1)
    row = bytes(1 + 3 * side)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def started(prod: Toybox) -> str:
    """When each container but the worker began, and how often Docker started it again."""
    template = "{{.Name}} {{.State.StartedAt}} {{.RestartCount}} {{.State.OOMKilled}}"
    return prod.ssh(f"docker inspect --format '{template}' postgres redis cache web beat caddy")


def kills(prod: Toybox) -> int:
    """How many of the worker's processes the kernel has ended because its memory was full."""
    return int(prod.ssh(KILLED).split()[-1])


def test_a_celery_task_that_eats_all_memory_takes_neither_the_database_nor_the_site_down(prod: Toybox) -> None:
    """A picture that is small to upload and large to open. The task is given to the next process each time, until the
    post is deleted."""
    before, killed = started(prod), kills(prod)
    path = "/srv/toybox/media/bomb.png"
    prod.ssh(f"base64 -d >{path}; chmod 644 {path}", base64_lines(bomb(13000)))
    image = "INSERT INTO posts_image (post_id, file, thumbnail) SELECT min(id), 'bomb.png', '' FROM posts_post"
    number = sql(prod, f"{image} RETURNING id").split()[0]
    try:
        task = f"from posts.tasks import make_thumbnail; make_thumbnail.delay({number})"
        prod.manage(f'shell -c "{task}"')
        deadline = time.monotonic() + 120
        while kills(prod) == killed:
            assert time.monotonic() < deadline, "the worker's memory did not run out"
            assert prod.browser().get("/").status_code == 200
            time.sleep(0.5)
        assert prod.browser().get("/healthz").status_code == 200
        assert sql(prod, "UPDATE posts_post SET body = body WHERE id = (SELECT min(id) FROM posts_post)") == "UPDATE 1"
    finally:
        sql(prod, "DELETE FROM posts_image WHERE file = 'bomb.png'")
        prod.ssh(f"rm {path}")
    assert started(prod) == before


def base64_lines(data: bytes) -> str:
    """Bytes as text for base64(1)."""
    return base64.encodebytes(data).decode()


def test_a_full_cache_makes_room_and_jobs_go_on(prod: Toybox) -> None:
    """In one Redis with the broker it would refuse every job: "command not allowed when used memory > 'maxmemory'"."""
    cached(prod, "[cache.set(f'large-{n}', 'x' * 1_000_000, 600) for n in range(400)]")
    count = "SELECT count(*) FROM posts_heartbeat"
    beats = int(sql(prod, count))
    prod.manage('shell -c "from posts.tasks import heartbeat; heartbeat.delay()"')
    deadline = time.monotonic() + 60
    while int(sql(prod, count)) <= beats:
        assert time.monotonic() < deadline, "the job was not run within 60 s"
        time.sleep(0.5)
    # which of them are left is chance: Redis compares their ages by whole seconds
    counted = "print(sum(f'large-{n}' in cache for n in range(400)), len(cache.get('large-399'))); cache.clear()"
    left, newest = cached(prod, counted).split()[-2:]
    assert 0 < int(left) < 400
    assert newest == "1000000"


MIGRATION = b"""\
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("posts", "0001_initial")]
    operations = [
        migrations.RunSQL("ALTER TABLE posts_post ADD COLUMN withdrawn integer"),
        migrations.RunSQL("SELECT pg_sleep(20)"),
    ]
"""


def test_a_migration_that_waits_for_a_lock_gives_up_and_the_old_site_answers_meanwhile(prod: Toybox) -> None:
    image = changed_image("migrates", {"app/posts/migrations/0002_withdrawn.py": MIGRATION})
    with prod.changed_settings(images__django=image), reader_of(prod, "posts_post"), visitor(prod) as answers:
        said = prod.failing_up()
    assert "canceling statement due to lock timeout" in said
    assert set(answers) == {200}
    assert not column(prod)
    prod.up()


def test_a_release_that_was_killed_and_withdrawn_applies_nothing_later(prod: Toybox) -> None:
    """Its session on the server outlives the engine; and the update back to the old image finds nothing to change."""
    image = changed_image("migrates", {"app/posts/migrations/0002_withdrawn.py": MIGRATION})
    sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
    with prod.changed_settings(images__django=image):
        command = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive")
        prod.killed(*command, seen=lambda: sql(prod, sleeps) == "1", seconds=120)
    assert "toybox-release" in prod.ssh("docker ps --format '{{.Names}}'")
    prod.pulumi("cancel", "--yes")
    prod.up()
    assert "toybox-release" not in prod.ssh("docker ps --all --format '{{.Names}}'")
    deadline = time.monotonic() + 10
    while sql(prod, sleeps) != "0":
        assert time.monotonic() < deadline, "the migration's query runs on"
        time.sleep(0.5)
    assert not column(prod)
    assert prod.browser().get("/").status_code == 200


def column(prod: Toybox) -> bool:
    """Whether the migration was applied."""
    found = (
        "SELECT count(*) FROM information_schema.columns WHERE table_name = 'posts_post' AND column_name = 'withdrawn'"
    )
    return sql(prod, found) != "0"


@contextmanager
def reader_of(prod: Toybox, table: str) -> Iterator[None]:
    """A transaction that has read the table and does not end: what a report or a forgotten shell is."""
    waits = f"BEGIN; LOCK TABLE {table} IN ACCESS SHARE MODE; SELECT pg_sleep(300)"
    prod.ssh(f"docker exec -d postgres psql -U postgres -d toybox -c '{waits}'")
    try:
        yield
    finally:
        sql(prod, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'")


@contextmanager
def visitor(prod: Toybox) -> Iterator[list[int]]:
    """Somebody who asks for the front page again and again: what they got. A page that takes 15 s is none."""
    answers: list[int] = []
    over = threading.Event()

    def visit() -> None:
        browser = prod.browser()
        while not over.wait(0.5):
            try:
                answers.append(browser.get("/", timeout=15).status_code)
            except requests.RequestException:
                answers.append(0)

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()
