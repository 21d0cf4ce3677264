"""`toybox restore-points run`: no volume is passed over in silence, and a missing restore point is never a success."""

from datetime import datetime, timedelta

import pytest

from ops import OpsError
from ops.restore_points import rounds
from ops.restore_points.conoha import NightlyBackups
from ops.restore_points.drivers import data_volume, find_data_volume
from ops.restore_points.model import Volume
from ops.restore_points.rounds import Outcome
from settings import SnapshotPolicy
from tests.unit.ops.restore_points.cloud import NOW, MemoryCloud, point, volume
from tests.unit.test_settings import parse

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPENSTACK = SnapshotPolicy.model_validate({"driver": "openstack", "schedule": "daily", "keep": 2})
CONOHA = SnapshotPolicy.model_validate({"driver": "conoha", "schedule": "daily", "keep": 7})
OFF = SnapshotPolicy.model_validate({"driver": "conoha", "schedule": "off"})
DAILY = {"toybox-schedule": "daily", "toybox-keep": "2"}


def attend(cloud: MemoryCloud, own: Volume | None = None, policy: SnapshotPolicy = OPENSTACK) -> list[Outcome]:
    return rounds.run(cloud, own, policy, lambda: cloud.now)


def test_what_is_due_is_taken_and_named_after_its_volume() -> None:
    cloud = MemoryCloud([volume(metadata=DAILY)])
    (outcome,) = attend(cloud)
    assert (outcome.action, outcome.reason, outcome.missing) == ("taken", "toybox-prod-data-20261124T0300Z", False)
    assert [each.name for each in cloud.points] == ["toybox-prod-data-20261124T0300Z"]


def test_a_second_run_takes_nothing() -> None:
    cloud = MemoryCloud([volume(metadata=DAILY)])
    attend(cloud)
    (outcome,) = attend(cloud)
    assert (outcome.action, outcome.reason, outcome.missing) == ("not due", "the newest is 0 min old", False)
    assert len(cloud.points) == 1


def test_every_volume_is_reported_the_skipped_ones_with_the_reason() -> None:
    cloud = MemoryCloud(
        [
            volume("1", name="toybox-prod-data", metadata=DAILY),
            volume("2", name="toybox-staging-data", metadata={"toybox-schedule": "off"}),
            volume("3", name="toybox-prod-boot"),
            volume("4", name="broken", metadata={"toybox-schedule": "hourly"}),
            volume("5", name="lost", word="error", metadata=DAILY),
        ]
    )
    found = {each.volume.id: (each.action, each.missing) for each in attend(cloud)}
    assert found == {
        "1": ("taken", False),
        "2": ("skipped", False),
        "3": ("skipped", False),
        "4": ("failed", True),
        "5": ("failed", True),
    }
    reasons = [each.reason for each in attend(cloud)]
    assert reasons[1:3] == ["its policy is off", "no policy in its metadata"]
    assert reasons[3].startswith("its policy cannot be read: ")
    assert reasons[4] == "the volume is error"


def test_one_that_fails_keeps_no_other_from_its_restore_point() -> None:
    cloud = MemoryCloud([volume("1", name="full", metadata=DAILY), volume("2", metadata=DAILY)])
    cloud.refuses = {"1"}
    first, second = attend(cloud)
    assert (first.action, first.reason, first.missing) == ("failed", "the quota is used up", True)
    assert second.action == "taken"


def test_one_that_fails_while_the_last_is_still_fresh_is_not_missing_yet() -> None:
    cloud = MemoryCloud([volume(metadata=DAILY)], [point(24 * HOUR)])
    cloud.refuses = {"v"}
    (outcome,) = attend(cloud)
    assert (outcome.action, outcome.missing) == ("failed", False)
    cloud.now += 3 * HOUR
    (outcome,) = attend(cloud)
    assert (outcome.action, outcome.missing) == ("failed", True)


def test_what_is_beyond_the_wished_number_and_days_is_removed_and_named() -> None:
    names = [f"toybox-prod-data-202611{20 + day}T0300Z" for day in range(4)]
    cloud = MemoryCloud(
        [volume(metadata=DAILY)], [point(DAY * (4 - day), key=str(day), name=name) for day, name in enumerate(names)]
    )
    (outcome,) = attend(cloud)
    assert outcome.pruned == tuple(names[:3])
    assert [each.name for each in cloud.points] == [names[3], "toybox-prod-data-20261124T0300Z"]


def test_what_cannot_be_removed_fails_and_takes_nothing_back() -> None:
    cloud = MemoryCloud([volume(metadata=DAILY)], [point(DAY * day, key=str(day)) for day in (2, 3, 4)])
    cloud.refuses = {"4"}
    (outcome,) = attend(cloud)
    assert (outcome.action, outcome.missing) == ("failed", False)
    assert "the cloud keeps 4" in outcome.reason
    assert len(cloud.points) == 4


@pytest.mark.parametrize("skew", [-400 * DAY, -DAY, 400 * DAY])
def test_a_wrong_clock_leaves_the_last_good_one(skew: timedelta) -> None:
    cloud = MemoryCloud([volume(metadata=DAILY)], [point(HOUR, key="last")], now=NOW + skew)
    cloud.refuses = {"v"}  # not even a new one can be taken
    attend(cloud)
    assert [each.id for each in cloud.points] == ["last"]


def test_an_adopted_volume_has_no_metadata_and_the_settings_speak_for_it() -> None:
    adopted = volume("old", name="data of 2025")
    cloud = MemoryCloud([adopted, volume("other", name="other")])
    first, second = attend(cloud, own=adopted)
    assert (first.action, first.reason) == ("taken", "data of 2025-20261124T0300Z")
    assert second.action == "skipped"


# ConoHa: nothing is taken, and the report and the exit code are the same.


@pytest.mark.parametrize(
    ("age", "volume_age", "action", "missing"),
    [
        (3 * HOUR, 90 * DAY, "not due", False),
        (26 * HOUR, 90 * DAY, "not due", False),
        (27 * HOUR, 90 * DAY, "failed", True),
        (None, 90 * DAY, "failed", True),
        (None, 27 * HOUR, "failed", True),
        (None, 5 * HOUR, "not due", False),
    ],
)
def test_on_conoha_the_nights_are_looked_at(
    age: timedelta | None, volume_age: timedelta, action: str, missing: bool
) -> None:
    own = volume(age=volume_age)
    points = [] if age is None else [point(age, source="backup", name="toybox-prod-data")]
    cloud = MemoryCloud([own, volume("boot", name="toybox-prod-boot")], points, name="conoha")
    outcome, other = attend(cloud, own, CONOHA)
    assert (outcome.action, outcome.missing) == (action, missing)
    assert (other.action, other.reason) == ("skipped", "not this stack's data volume")
    assert cloud.points == points


def test_on_conoha_a_policy_that_is_off_misses_nothing() -> None:
    own = volume()
    (outcome,) = attend(MemoryCloud([own], name="conoha"), own, OFF)
    assert (outcome.action, outcome.missing) == ("skipped", False)


def test_conoha_takes_none_on_demand_and_says_what_to_do() -> None:
    with pytest.raises(OpsError, match=r"(?s)at night only.*Why: .*Way out: .*--volume v before-change"):
        NightlyBackups(None).take(volume(), "toybox-prod-data-20261124T0300Z")  # type: ignore[arg-type]


def test_conoha_prunes_by_itself() -> None:
    NightlyBackups(None).prune([])  # type: ignore[arg-type]
    with pytest.raises(OpsError, match="removes its nightly backups by itself"):
        NightlyBackups(None).prune([point()])  # type: ignore[arg-type]


# Which volume is the stack's data.


def test_the_data_volume_is_known_by_its_name() -> None:
    own = volume()
    assert find_data_volume(parse(), "prod", [volume("boot", name="toybox-prod-boot"), own]) == own
    assert find_data_volume(parse(), "staging", [own]) is None


def test_an_adopted_volume_is_known_by_its_id() -> None:
    identity = "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"
    adopted = volume(identity, name="data of 2025")
    settings = parse({"dataVolume.origin": {"source": "adopted", "id": identity}})
    assert find_data_volume(settings, "prod", [volume(), adopted]) == adopted


def test_of_two_with_the_name_it_is_the_attached_one() -> None:
    """A destroyed stack leaves its volume behind."""
    left, own = volume("left", server=None, word="available"), volume("own")
    assert find_data_volume(parse(), "prod", [left, own]) == own
    with pytest.raises(OpsError, match=r"(?s)2 volumes are called toybox-prod-data.*left, left2"):
        find_data_volume(parse(), "prod", [left, volume("left2", server=None)])


def test_a_data_volume_that_is_gone_is_missed_with_a_way_out() -> None:
    with pytest.raises(OpsError, match=r"(?s)no volume is called toybox-prod-data.*restore-points list --all"):
        data_volume(parse(), "prod", [])


def test_the_clock_is_asked_when_it_matters() -> None:
    """A snapshot of a large disk takes minutes: the verdict is of the moment after it."""
    cloud = MemoryCloud([volume(metadata=DAILY)])
    asked: list[datetime] = []

    def clock() -> datetime:
        asked.append(cloud.now + len(asked) * HOUR)
        return asked[-1]

    (outcome,) = rounds.run(cloud, None, OPENSTACK, clock)
    assert not outcome.missing
    assert len(asked) >= 2
