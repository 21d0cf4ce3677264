"""Whether a stack has what its data volume held, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ops.data.volume import census
from ops.data.volume.census import Census

VOLUME = "906380c8-16ff-46e6-b31f-6ddd81851237"
MADE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
FIRST = Census(
    disk=("virtio-906380c8-16ff-46e6-b",),
    identifier=int((MADE - timedelta(days=300)).timestamp()) << 32 | 4711,
    rows={"posts_post": 12, "django_session": 0},
    newest=MADE - timedelta(hours=5),
    files=400,
    bytes=304_100_000,
)
NOW = replace(FIRST, rows={"posts_post": 13, "django_session": 1}, newest=MADE + timedelta(minutes=5))
"""Minutes later: the site lives."""


def test_a_site_that_lives_on_what_its_volume_held_is_well() -> None:
    assert census.problems(FIRST, NOW, VOLUME, MADE) == []
    assert census.problems(None, NOW, VOLUME, MADE) == []


@pytest.mark.parametrize(
    ("first", "now", "says"),
    [
        pytest.param(FIRST, replace(NOW, disk=("virtio-ffff",)), "virtio-ffff, and not volume", id="another disk"),
        pytest.param(replace(FIRST, disk=()), NOW, "nothing, and not volume", id="no disk at first"),
        pytest.param(
            None, replace(NOW, identifier=int(MADE.timestamp() + 30) << 32), "the database is a new one", id="initdb"
        ),
        pytest.param(None, replace(NOW, rows={"posts_post": 0}), "no rows at all", id="empty"),
        pytest.param(
            replace(FIRST, newest=MADE + timedelta(minutes=10)), NOW, "its newest write was of", id="written later"
        ),
        pytest.param(
            FIRST, replace(NOW, identifier=FIRST.identifier + 1), "another database runs now", id="another database"
        ),
        pytest.param(FIRST, replace(NOW, rows={"django_session": 1}), "posts_post had 12 rows", id="a table is gone"),
        pytest.param(FIRST, replace(NOW, files=0), "all 400 uploaded files", id="files"),
    ],
)
def test_whatever_is_not_as_it_was_is_named(first: Census | None, now: Census, says: str) -> None:
    found = census.problems(first, now, VOLUME, MADE)
    assert [each for each in found if says in each], found


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (replace(FIRST, identifier=FIRST.identifier + 1), "another database"),
        (replace(FIRST, rows={"posts_post": 0}), "all 12 rows are gone"),
        (replace(FIRST, newest=FIRST.newest - timedelta(minutes=1) if FIRST.newest else None), "its newest write was"),
        (replace(FIRST, newest=None), "its newest write was"),
        (replace(FIRST, files=0), "all 400 uploaded files are gone"),
    ],
)
def test_an_adopted_volume_is_compared_with_what_is_recorded_on_it(now: Census, says: str) -> None:
    (found,) = census.since(census.words(FIRST), now)
    assert says in found


def test_rows_may_come_and_go_until_the_server_is_off() -> None:
    assert census.since(census.words(FIRST), replace(FIRST, rows={"posts_post": 11})) == []
    assert census.since("a word of somebody", NOW) == []


def test_the_script_s_output_is_read() -> None:
    text = (
        '{"disk": ["virtio-906380c8-16ff-46e6-b"], "identifier": 7712363744981708820, "rows": {"posts_post": 1}, '
        '"newest": 1795675854.27779, "media": {"files": 2, "bytes": 3}}'
    )
    found = census.parsed(text)
    assert found.lies_on(VOLUME)
    assert found.newest == datetime(2026, 11, 26, 6, 50, 54, 277790, tzinfo=UTC)
    assert census.parsed(text.replace("1795675854.27779", "null")).newest is None
    assert f"{found.made:%Y-%m-%d}" == "2026-11-26"
