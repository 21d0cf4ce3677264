"""Restore points: what is declared, what ConoHa makes of it, and that no secret of it is seen."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.data.snapshot_policy import effect
from settings import SnapshotPolicy
from tests.unit.program.conftest import canaries, configuration
from tests.unit.program.recording import Run, Secret, run_program
from tests.unit.test_settings import parse

LOCAL = "command:local:Command"


def with_policy(stack: str, policy: Mapping[str, object], folder: Path) -> Run:
    config, encrypted = configuration(stack)
    return run_program(stack, {**config, "toybox:snapshotPolicy": json.dumps(policy)}, encrypted, folder)


def requested(run: Run) -> dict[str, Any]:
    stdin = run.one("snapshots-subscription").inputs["stdin"]
    assert isinstance(stdin, Secret)
    return dict(json.loads(stdin.value))


def test_prods_server_is_subscribed_with_the_account_on_standard_input_alone(runs: dict[str, Run]) -> None:
    run = runs["prod"]
    subscription = run.one("snapshots-subscription")
    assert requested(run) == {
        "auth_url": "http://127.0.0.1:5000/v3",
        "region": "c3j1",
        "domain": "gnc",
        "tenant": "gnct00000001",
        "user": "gncu00000001",
        "password": canaries("prod")["openstackPassword"],
        "server": run.exports["serverId"],
        "retention": 14,
    }
    assert {key: value for key, value in subscription.inputs.items() if key != "stdin"} == {
        "create": ".venv/bin/python -m conoha.automatic_backup create",
        "update": ".venv/bin/python -m conoha.automatic_backup update",
        "delete": ".venv/bin/python -m conoha.automatic_backup delete",
        "triggers": [run.exports["serverId"]],
        "addPreviousOutputInEnv": False,
        "logging": "none",
    }
    assert set(subscription.request.additionalSecretOutputs) == {"stdin", "stdout", "stderr"}


def test_a_subscription_goes_before_its_server(runs: dict[str, Run]) -> None:
    """It is cancelled while its server exists; `deletedWith` would leave it to ConoHa to stop charging."""
    subscription = runs["prod"].one("snapshots-subscription")
    assert "server-instance" in runs["prod"].before(subscription)
    assert subscription.request.deleteBeforeReplace
    assert not subscription.request.deletedWith
    assert not subscription.request.protect
    assert not subscription.request.retainOnDelete


def test_a_stack_without_restore_points_has_no_subscription(runs: dict[str, Run]) -> None:
    """What is not there any more, the engine deletes: the subscription is cancelled."""
    assert not [resource for resource in runs["staging"].custom() if resource.type == LOCAL]
    assert runs["staging"].exports["restorePoints"] == "No restore points are taken."


def test_conoha_is_told_by_no_volume(run: Run) -> None:
    """What ConoHa writes in a volume's metadata stays as it is."""
    assert "metadata" not in run.one("data-volume").inputs


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_another_openstack_is_told_by_the_volume(stack: str, tmp_path: Path) -> None:
    """`toybox restore-points run` reads it there; nothing on the server and nothing of ConoHa's takes part."""
    run = with_policy(stack, {"driver": "openstack", "schedule": "daily", "keep": 7}, tmp_path)
    metadata = run.one("data-volume").inputs["metadata"]
    assert metadata == {"toybox-schedule": "daily", "toybox-keep": "7"}
    policy = SnapshotPolicy.from_metadata(metadata)
    assert policy is not None
    assert (policy.driver, policy.schedule, policy.keep) == ("openstack", "daily", 7)
    assert not [resource for resource in run.custom() if resource.type == LOCAL]


def test_a_policy_that_is_off_says_so_on_the_volume(tmp_path: Path) -> None:
    run = with_policy("staging", {"driver": "openstack", "schedule": "off"}, tmp_path)
    assert run.one("data-volume").inputs["metadata"] == {"toybox-schedule": "off"}


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"toybox-schedule": "weekly", "toybox-keep": "7"}, "schedule"),
        ({"toybox-schedule": "daily", "toybox-keep": "seven"}, "seven"),
        ({"toybox-schedule": "daily", "toybox-keep": "0"}, "keep"),
        ({"toybox-schedule": "daily"}, "toybox-keep is missing"),
    ],
)
def test_a_policy_that_somebody_broke_is_none_that_one_can_read(metadata: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        SnapshotPolicy.from_metadata(metadata)


def test_a_volume_without_a_policy_has_none() -> None:
    assert SnapshotPolicy.from_metadata({"attached_mode": "rw"}) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["keeps 14", "(7 are requested, and ConoHa keeps no fewer)", "¥1,210 a month for 300 GB", "2026-09-28"]),
        (
            {"snapshotPolicy.keep": 20},
            ["keeps 20", "boot and data volume, at an hour that it chooses", "¥2,398 a month"],
        ),
        ({"dataVolume.size": 1000}, ["a price that ConoHa's list does not have for 1100 GB"]),
        ({"snapshotPolicy": {"driver": "conoha", "schedule": "off"}}, ["No restore points are taken."]),
        (
            {"openstack.authUrl": "http://127.0.0.1:5000/v3", "snapshotPolicy.driver": "openstack"},
            ["7 are kept, one a day, taken by `toybox restore-points run`"],
        ),
    ],
)
def test_the_preview_says_what_becomes_of_the_wish(changes: dict[str, Any], words: list[str]) -> None:
    said = effect(parse(changes))
    assert not [each for each in words if each not in said], said


def test_what_becomes_of_the_wish_is_an_output(runs: dict[str, Run]) -> None:
    assert "ConoHa keeps 14 nightly backups" in runs["prod"].exports["restorePoints"]
