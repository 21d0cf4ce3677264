"""`toybox restore-points`: what is printed, the JSON that programs rely on, and the exit code."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ops import OpsError
from ops.cloud import opened
from ops.restore_points import commands, render
from ops.restore_points.conoha import NightlyBackups
from settings import Settings
from tests.unit.ops.restore_points.cloud import NOW, MemoryCloud, point, volume
from tests.unit.test_settings import parse

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHT = "toybox-prod-data"
CHECKOUT = Path(__file__).resolve().parents[4]
ANOTHER = {
    "openstack.authUrl": "http://127.0.0.1:5000/v3",
    "operators": ["198.51.100.1/32"],
    "snapshotPolicy.driver": "openstack",
}

Toybox = Callable[..., Result]


@pytest.fixture
def toybox(monkeypatch: pytest.MonkeyPatch) -> Toybox:
    """`toybox restore-points` of stack prod, at three o'clock, on the cloud that it is given."""

    def run(cloud: Any, *arguments: str, settings: Settings | None = None) -> Result:
        monkeypatch.setattr(commands, "now", lambda: cloud.now if isinstance(cloud, MemoryCloud) else NOW)
        monkeypatch.setattr(commands, "opened", lambda stack: stack)
        monkeypatch.setattr(commands, "declared", lambda stack: settings or parse())
        monkeypatch.setattr(commands, "connect", lambda stack: None)
        monkeypatch.setattr(commands, "driver_for", lambda settings, connection: cloud)
        return CliRunner().invoke(commands.app, [*arguments, "--stack", "prod"])

    return run


def nights(*ages: timedelta, **others: Any) -> MemoryCloud:
    points = [point(age, key=f"night-{i}", source="backup", name=NIGHT) for i, age in enumerate(ages)]
    return MemoryCloud([volume(), volume("boot", name="toybox-prod-boot")], points, name="conoha", **others)


def test_the_list_says_age_size_state_source_and_when_the_next_one_comes(toybox: Toybox) -> None:
    cloud = nights(3 * HOUR, 27 * HOUR)
    cloud.points.append(point(2 * DAY, key="broken", state="error", source="backup"))
    done = toybox(cloud, "list")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["age", "taken", "(UTC)", "GB", "state", "source", "id", "name"]
    assert lines[1] == ["3", "h", "2026-11-24", "00:00", "200", "available", "backup", "night-0", NIGHT]
    assert "error" in lines[3]
    assert done.stdout.splitlines()[-1] == "The next one: tonight, at an hour that ConoHa chooses."
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (3 * HOUR, "The next one is due in 21 h at the latest."),
        (22 * HOUR, "The next one is due: `toybox restore-points run` takes it."),
    ],
)
def test_on_another_openstack_the_list_says_whether_one_is_due(toybox: Toybox, age: timedelta, words: str) -> None:
    done = toybox(MemoryCloud([volume()], [point(age)]), "list", settings=parse(ANOTHER))
    assert done.stdout.splitlines()[-1] == words


def test_the_restore_points_of_former_data_volumes_are_listed(toybox: Toybox) -> None:
    """After a restore the new volume has none for a night, and the one to go back to is of the volume put aside."""
    cloud = nights()
    cloud.volumes().append(volume("aside", name="toybox-prod-data-before-20261123T0915Z"))
    cloud.points += [
        point(HOUR, key="of-aside", volume="aside", source="backup", name=NIGHT),
        point(DAY, key="of-gone", volume="gone", source="backup", name=NIGHT),
        point(DAY, key="of-boot", volume="gone-too", source="backup", name="toybox-prod-boot"),
        point(DAY, key="of-staging", volume="gone-three", source="backup", name="toybox-staging-data"),
    ]
    listed = json.loads(toybox(cloud, "list", "--json").stdout)
    assert [each["id"] for each in listed["restorePoints"]] == ["of-aside", "of-gone"]
    assert not listed["fresh"], "a restore point of a former volume is none of the present one"
    assert toybox(cloud, "list").stdout.splitlines()[0].split()[-1] == "volume"


def test_a_volume_without_restore_points_says_so(toybox: Toybox) -> None:
    assert toybox(nights(), "list").stdout.splitlines()[0] == "There is no restore point yet."


def test_the_list_is_of_the_data_volume_and_with_all_of_every_volume(toybox: Toybox) -> None:
    cloud = nights(HOUR)
    cloud.points.append(point(HOUR, key="other", volume="boot", source="backup"))
    assert "other" not in toybox(cloud, "list").stdout
    assert "other" in toybox(cloud, "list", "--all").stdout


def test_a_list_after_the_volume_was_deleted_still_shows_what_is_left(toybox: Toybox) -> None:
    """On ConoHa backups outlive their volume: that is when one needs them."""
    cloud = MemoryCloud([], [point(HOUR, source="backup")], name="conoha")
    done = toybox(cloud, "list")
    assert isinstance(done.exception, OpsError)
    assert "restore-points list --all" in str(done.exception)
    assert "backup" in toybox(cloud, "list", "--all").stdout
    assert json.loads(toybox(cloud, "list", "--all", "--json").stdout)["volume"] is None


def test_the_lists_json(toybox: Toybox) -> None:
    assert json.loads(toybox(nights(3 * HOUR), "list", "--json").stdout) == {
        "stack": "prod",
        "volume": {"id": "v", "name": NIGHT, "size": 200, "state": "in-use", "serverId": "s"},
        "policy": {"driver": "conoha", "schedule": "daily", "keep": 7},
        "due": False,
        "nextDueAt": "2026-11-25T00:00:00Z",
        "fresh": True,
        "restorePoints": [
            {
                "id": "night-0",
                "source": "backup",
                "volumeId": "v",
                "name": NIGHT,
                "size": 200,
                "createdAt": "2026-11-24T00:00:00Z",
                "ageSeconds": 10800,
                "state": "available",
                "cloudState": "available",
                "instanceId": None,
                "usable": True,
            }
        ],
    }


def test_one_is_shown_with_what_makes_a_volume_of_it(toybox: Toybox) -> None:
    done = toybox(nights(3 * HOUR), "show", "night-0")
    assert done.stdout.splitlines()[-1] == "As the origin of a new volume: {source: backup, id: night-0, size: 200}"
    assert json.loads(toybox(nights(3 * HOUR), "show", "night-0", "--json").stdout)["id"] == "night-0"


def test_one_that_is_not_there_is_missed_with_a_way_out(toybox: Toybox) -> None:
    done = toybox(nights(), "show", "gone")
    assert isinstance(done.exception, OpsError)
    assert "There is no restore point gone." in str(done.exception)


def test_a_run_takes_reports_and_succeeds(toybox: Toybox) -> None:
    cloud = MemoryCloud([volume(metadata={"toybox-schedule": "daily", "toybox-keep": "2"}), volume("b", name="boot")])
    done = toybox(cloud, "run", settings=parse(ANOTHER))
    assert done.exit_code == 0
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert rows == [
        "volume result why removed",
        "toybox-prod-data taken toybox-prod-data-20261124T0300Z",
        "boot skipped no policy in its metadata",
    ]


def test_a_run_that_leaves_a_volume_without_a_fresh_one_fails(toybox: Toybox) -> None:
    done = toybox(nights(27 * HOUR), "run")
    assert done.exit_code == 1
    assert "toybox-prod-data should have a restore point of the last 26 h, and has none." in done.stdout
    assert "failed" in done.stdout
    assert "Way out: if ConoHa has no outage" in done.stdout


@pytest.mark.parametrize("way_out", commands.WAY_OUT.values())
def test_the_page_that_is_named_is_there(way_out: str) -> None:
    for page, heading in re.findall(r'(docs/\S+\.md), "([^"]+)"', way_out):
        assert f"# {heading}\n" in (CHECKOUT / page).read_text()


def test_a_run_without_the_data_volume_fails(toybox: Toybox) -> None:
    done = toybox(MemoryCloud([], name="conoha"), "run")
    assert done.exit_code == 1
    assert "The data volume of stack prod is not in the cloud." in done.stdout


def test_a_run_that_cannot_remove_what_is_old_fails(toybox: Toybox) -> None:
    cloud = MemoryCloud(
        [volume(metadata={"toybox-schedule": "daily", "toybox-keep": "1"})],
        [point(day * DAY, key=str(day)) for day in (2, 3)],
    )
    cloud.refuses = {"3"}
    assert toybox(cloud, "run", settings=parse(ANOTHER)).exit_code == 1


@pytest.mark.parametrize(("age", "ok"), [(3 * HOUR, True), (27 * HOUR, False)])
def test_the_runs_json_and_exit_code_agree(toybox: Toybox, age: timedelta, ok: bool) -> None:
    done = toybox(nights(age), "run", "--json")
    report = json.loads(done.stdout)
    assert report["ok"] is ok
    assert done.exit_code == (0 if ok else 1)
    assert [(each["volume"]["name"], each["action"], each["missing"]) for each in report["volumes"]] == [
        ("toybox-prod-data", "not due" if ok else "failed", not ok),
        ("toybox-prod-boot", "skipped", False),
    ]
    assert report["volumes"][0]["newest"]["id"] == "night-0"


def test_one_is_taken_by_hand_though_none_is_due(toybox: Toybox) -> None:
    cloud = MemoryCloud([volume()], [point(HOUR)])
    done = toybox(cloud, "take", settings=parse(ANOTHER))
    assert done.stdout.startswith("taken toybox-prod-data-20261124T0300Z: snapshot v@")
    assert len(cloud.points) == 2


def test_conoha_refuses_one_by_hand(toybox: Toybox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NightlyBackups, "volumes", lambda self: [volume()])
    done = toybox(NightlyBackups(None), "take")  # type: ignore[arg-type]
    assert isinstance(done.exception, OpsError)
    assert "none on demand" in str(done.exception)


def test_an_age_from_the_future_is_none_to_believe() -> None:
    assert render.age_text(point(-DAY), NOW).plain == "in the future"
    assert render.age_text(point(-DAY), NOW).style == "red"


def test_a_shell_for_one_stack_is_not_used_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_STACK", "prod")
    monkeypatch.setenv("PULUMI_OPTION_CONFIG_FILE", "/tmp/Pulumi.prod.yaml")
    assert opened("prod").name == "prod"
    with pytest.raises(OpsError, match=r"This shell is set up for stack prod .*those of staging"):
        opened("staging")
