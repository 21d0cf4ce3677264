"""When restore points are due, and which may go: whatever the clocks say, the last good one stays."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.restore_points import schedule
from ops.restore_points.model import STATES, RestorePoint, State, state_of
from settings import SnapshotPolicy
from tests.unit.ops.restore_points.cloud import NOW, MemoryCloud, point, volume

HOUR = timedelta(hours=1)
AGES = st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400))
WORDS: list[State] = ["available", "creating", "error", "restoring", "deleting"]
NAMES = ["toybox-prod-data-20261124T0300Z", "before-upgrade", ""]
POINTS = st.builds(
    lambda age, state, name, source, number: point(age, key=str(number), state=state, name=name, source=source),
    AGES,
    st.sampled_from(WORDS),
    st.sampled_from(NAMES),
    st.sampled_from(["snapshot", "backup"]),
    st.integers(),
)
SETS = st.lists(POINTS, max_size=12, unique_by=lambda each: each.id)
KEEP = st.integers(min_value=1, max_value=14)


@given(SETS, KEEP, AGES)
def test_the_last_good_one_stays_whatever_the_clock_says(
    points: list[RestorePoint], keep: int, skew: timedelta
) -> None:
    gone = {each.id for each in schedule.prunable(points, keep, NOW + skew)}
    good = sorted((each for each in points if each.good), key=lambda each: each.created_at)
    if good:
        assert [each for each in good if each.id not in gone]
        assert good[-1].id not in gone


@given(SETS, KEEP, AGES)
def test_as_many_good_ones_as_wished_for_stay(points: list[RestorePoint], keep: int, skew: timedelta) -> None:
    now = NOW + skew
    gone = {each.id for each in schedule.prunable(points, keep, now)}
    good = [each for each in points if each.good and schedule.credible(each, now)]
    assert len([each for each in good if each.id not in gone]) >= min(keep, len(good))


@given(SETS, KEEP, AGES)
def test_only_old_ones_of_ours_that_nobody_uses_go(points: list[RestorePoint], keep: int, skew: timedelta) -> None:
    """A backup that somebody made, one with another name, one from the future and one in the making are left alone."""
    now = NOW + skew
    for each in schedule.prunable(points, keep, now):
        assert schedule.ours(each)
        assert each.state in ("available", "error")
        assert each.age(now) > timedelta(hours=20)


@given(SETS, KEEP)
def test_pruning_twice_removes_nothing_more(points: list[RestorePoint], keep: int) -> None:
    gone = schedule.prunable(points, keep, NOW)
    assert schedule.prunable([each for each in points if each not in gone], keep, NOW) == []


@given(st.lists(st.integers(min_value=8, max_value=400), min_size=1, max_size=12, unique=True), KEEP)
def test_if_every_one_is_old_the_newest_stay(days: list[int], keep: int) -> None:
    """A schedule that stood still for months removes nothing but what is beyond the requested number."""
    points = [point(timedelta(days=each), key=str(each)) for each in days]
    gone = {int(each.id) for each in schedule.prunable(points, keep, NOW)}
    kept = sorted(set(days) - gone)
    assert kept == sorted(days)[: len(kept)], "the newest stay"
    assert len(kept) >= min(keep, len(days))
    if keep <= 8:
        assert len(kept) == min(keep, len(days)), "and no more than requested"


def test_a_handful_by_hand_does_not_push_out_last_week() -> None:
    nightly = [point(timedelta(days=day), key=f"night {day}") for day in range(7)]
    by_hand = [point(timedelta(minutes=minute), key=f"hand {minute}") for minute in range(1, 8)]
    assert schedule.prunable([*nightly, *by_hand], 7, NOW) == []


@pytest.mark.parametrize("state", ["creating", "error", "deleting"])
def test_what_is_not_good_counts_for_nothing(state: State) -> None:
    """Seven broken ones do not push out the one that is whole, nor stand for a fresh one."""
    broken = [point(hour * HOUR, key=str(hour), state=state) for hour in range(5, 12)]
    old = point(timedelta(days=30), key="good")
    assert old not in schedule.prunable([*broken, old], 1, NOW)
    assert schedule.newest_good([*broken, old], NOW) == old
    assert not schedule.fresh([*broken, old], NOW)
    assert schedule.due([*broken, old], NOW)


def test_a_broken_one_goes_after_a_day_if_there_is_a_good_one() -> None:
    broken, good = point(25 * HOUR, key="broken", state="error"), point(key="good")
    assert schedule.prunable([broken, good], 7, NOW) == [broken]
    assert schedule.prunable([broken], 7, NOW) == []
    assert schedule.prunable([point(23 * HOUR, state="error"), good], 7, NOW) == []


# Due.


@given(st.lists(st.timedeltas(min_value=-HOUR, max_value=HOUR), min_size=3, max_size=30))
def test_a_daily_run_takes_one_each_day_whatever_its_jitter(jitter: list[timedelta]) -> None:
    """An hour early or late, as at daylight saving: no day is skipped, so that the newest is never 26 hours old."""
    cloud = MemoryCloud([volume()])
    for day, shift in enumerate(jitter):
        cloud.now = NOW + timedelta(days=day) + shift
        assert schedule.due(cloud.points, cloud.now), f"day {day} was skipped"
        cloud.take(volume(), schedule.name("toybox-prod-data", cloud.now))
    assert len(cloud.points) == len(jitter)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe"])
@pytest.mark.parametrize("hour", [0, 1, 2, 3, 23])
def test_a_schedule_in_local_time_skips_no_day_at_daylight_saving(zone: str, hour: int) -> None:
    points: list[RestorePoint] = []
    for day in range(365):
        local = datetime(2026, 1, 1, hour, 30, tzinfo=ZoneInfo(zone)) + timedelta(days=day)  # wall-clock arithmetic
        moment = local.astimezone(UTC)
        assert schedule.due(points[-2:], moment), local
        points.append(point(NOW - moment, key=str(day), name=schedule.name("v", moment)))
        assert schedule.fresh(points[-2:], moment + 25 * HOUR)


@given(st.integers(min_value=1, max_value=59))
def test_a_run_every_few_minutes_takes_about_one_a_day(minutes: int) -> None:
    cloud, end = MemoryCloud([volume()]), NOW + timedelta(days=10)
    while cloud.now < end:
        if schedule.due(cloud.points, cloud.now):
            cloud.take(volume(), schedule.name("v", cloud.now))
        cloud.now += timedelta(minutes=minutes)
    assert 10 <= len(cloud.points) <= 13


def test_after_a_gap_one_is_due_at_once() -> None:
    assert schedule.due([point(timedelta(days=5))], NOW)
    assert schedule.due([], NOW)
    assert not schedule.due([point(19 * HOUR)], NOW)


def test_one_that_is_being_made_is_waited_for_and_one_that_is_stuck_is_not() -> None:
    assert not schedule.due([point(HOUR, state="creating")], NOW)
    assert schedule.due([point(5 * HOUR, state="creating")], NOW)


@given(AGES)
def test_one_from_the_future_hides_no_missing_one(skew: timedelta) -> None:
    """A clock that was wrong once must not stop the restore points for years."""
    future = point(-timedelta(days=401) - skew, key="future")
    old = point(timedelta(days=3), key="old")
    assert schedule.due([future, old], NOW)
    assert not schedule.fresh([future, old], NOW)
    assert schedule.newest_usable([future, old], NOW) == old
    assert future not in schedule.prunable([future, old], 1, NOW)


def test_clocks_a_few_minutes_apart_are_no_matter() -> None:
    just_taken = point(-timedelta(minutes=5))
    assert schedule.fresh([just_taken], NOW)
    assert not schedule.due([just_taken], NOW)


def test_the_only_one_is_usable_even_from_the_future() -> None:
    future = point(-timedelta(days=2))
    assert schedule.newest_usable([future, point(HOUR, key="b", state="error")], NOW) == future


def test_what_is_being_read_is_good_and_not_usable() -> None:
    read, older = point(HOUR, state="restoring"), point(2 * HOUR, key="older")
    assert schedule.fresh([read], NOW)
    assert schedule.newest_usable([read], NOW) is None
    assert schedule.newest_usable([read, older], NOW) == older


@pytest.mark.parametrize(("age", "fresh"), [(26 * HOUR, True), (26 * HOUR + timedelta(seconds=1), False)])
def test_red_is_past_26_hours(age: timedelta, fresh: bool) -> None:
    assert schedule.fresh([point(age)], NOW) is fresh


@given(SETS)
def test_the_next_one_is_due_within_a_day_of_the_newest(points: list[RestorePoint]) -> None:
    when = schedule.next_due(points, NOW)
    assert NOW <= when <= NOW + schedule.DAY + schedule.SKEW
    assert schedule.due(points, when) or any(each.age(when) < timedelta(0) or not each.good for each in points)


# Names.


def test_a_name_says_volume_and_minute() -> None:
    assert schedule.name("toybox-prod-data", NOW) == "toybox-prod-data-20261124T0300Z"
    tokyo = NOW.astimezone(timezone(9 * HOUR))
    assert schedule.name("toybox-prod-data", tokyo) == "toybox-prod-data-20261124T0300Z"


@given(
    st.datetimes(min_value=datetime(2020, 1, 1), timezones=st.timezones()),
    st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
)
def test_we_know_our_own_by_their_names(moment: datetime, of: str) -> None:
    assert schedule.ours(point(name=schedule.name(of, moment)))
    assert not schedule.ours(point(name=of + " by hand"))
    assert not schedule.ours(point(name=schedule.name(of, moment), source="backup"))


@given(st.text(max_size=20))
def test_a_state_that_nobody_knows_is_none_to_rely_on(word: str) -> None:
    assert state_of(word) == STATES.get(word, "error")


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (-HOUR, "0 min"),
        (timedelta(seconds=90), "2 min"),
        (119 * timedelta(minutes=1), "119 min"),
        (2 * HOUR, "2 h"),
        (26 * HOUR, "26 h"),
        (47.9 * HOUR, "47 h"),
        (48 * HOUR, "2 days"),
        (13 * timedelta(days=1), "13 days"),
    ],
)
def test_ages_in_words(age: timedelta, words: str) -> None:
    assert schedule.in_words(age) == words


@given(SETS, KEEP)
def test_the_smallest_policy_keeps_no_more_than_it_must(points: list[RestorePoint], keep: int) -> None:
    """What is kept beyond the requested number is younger than so many days, from somebody else, or untouchable."""
    policy = SnapshotPolicy.from_metadata({"toybox-schedule": "daily", "toybox-keep": str(keep)})
    assert policy is not None
    assert policy.keep is not None
    gone = schedule.prunable(points, policy.keep, NOW)
    ours = [each for each in points if schedule.ours(each) and each.usable and schedule.credible(each, NOW)]
    left = [each for each in ours if each not in gone and each.age(NOW) > timedelta(days=keep)]
    assert len(left) <= keep
