"""Data that a stack did not begin with: scrubbed in staging, adopted as it is, and never met by an old root disk."""

import base64
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pulumi
import pytest

from components.data.data_volume import ORIGIN_PROPERTIES, refuse_anothers
from tests.unit.program.conftest import configuration
from tests.unit.program.recording import Run, run_program

BACKUP = {"source": "backup", "id": "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64", "size": 200}
KEPT = {"source": "keeper", "to": "2026-01-22T20:49:00+09:00"}
ADOPTED = {"source": "adopted", "id": "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"}


def with_origin(stack: str, origin: Mapping[str, object], folder: Path) -> Run:
    """The stack's program with another origin of the data volume."""
    config, encrypted = configuration(stack)
    volume = {**json.loads(config["toybox:dataVolume"]), "origin": origin}
    return run_program(stack, {**config, "toybox:dataVolume": json.dumps(volume)}, encrypted, folder)


def test_staging_is_scrubbed_before_anything_of_the_application_is_made(runs: dict[str, Run]) -> None:
    """The release runs migrations and a trial of the web process: it counts as the application."""
    run = runs["staging"]
    scrub = run.one("scrub-done")
    assert {"postgres-password", "redis-healthy"} <= run.before(scrub)
    for name in (
        "django-release",
        *(f"django-{each}-container" for each in ("web", "worker", "beat")),
        "caddy-container",
    ):
        assert "scrub-done" in run.before(run.one(name)), name


def test_prod_is_never_scrubbed(runs: dict[str, Run]) -> None:
    assert not [resource.name for resource in runs["prod"].resources.values() if "scrub" in resource.name]


def test_what_the_settings_say_of_the_origin_cannot_turn_the_scrub_off(runs: dict[str, Run], tmp_path: Path) -> None:
    """Somebody may put `blank` back after a scrub that failed."""
    blank, restored = runs["staging"], with_origin("staging", BACKUP, tmp_path)
    for run in (blank, restored):
        assert "scrub-done" in run.before(run.one("django-release"))


def test_the_scrub_is_told_which_volume_it_is_about(runs: dict[str, Run]) -> None:
    run = runs["staging"]
    archive = io.BytesIO(base64.b64decode(run.one("scrub-done").inputs["stdin"]))
    with tarfile.open(fileobj=archive) as bundle:
        file = bundle.extractfile("program/components/staging_scrub/parameters.json")
        assert file is not None
        parameters = json.load(file)
    assert parameters["disk"]["volume"] == run.exports["dataVolumeId"]


def test_another_data_volume_means_another_boot_volume(run: Run) -> None:
    """The old root disk starts its containers by itself, on whatever data it finds."""
    trigger = run.one("server-boot-volume").request.replacement_trigger
    assert trigger.string_value == run.exports["dataVolumeId"]


def test_a_server_goes_before_the_boot_volume_that_it_runs_on(run: Run) -> None:
    """The engine asks the provider whether the server must be replaced when its boot volume is, and the provider says
    no as long as it does not know which one comes."""
    assert "blockDevices" in run.one("server-instance").request.replaceOnChanges


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_a_new_origin_replaces_the_volume_in_no_stack(stack: str, tmp_path: Path) -> None:
    request = with_origin(stack, BACKUP, tmp_path).one("data-volume").request
    assert len(request.ignoreChanges) >= len(ORIGIN_PROPERTIES)
    assert {"backupId", "snapshotId", "sourceVolId", "imageId"} <= set(request.ignoreChanges)
    assert not request.HasField("replacement_trigger")


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_an_adopted_volume_is_imported_as_it_is(stack: str, tmp_path: Path) -> None:
    """An import that would need a change is refused by the engine; and what somebody else wrote on it is theirs."""
    volume = with_origin(stack, ADOPTED, tmp_path).one("data-volume")
    assert volume.request.importId == ADOPTED["id"]
    assert {"name", "description", "metadata"} <= set(volume.request.ignoreChanges)
    assert not {"size", "volumeType"} & set(volume.request.ignoreChanges), "another size is another volume"
    assert not {"backupId", "snapshotId", "sourceVolId"} & set(volume.inputs)
    assert volume.request.protect is (stack == "prod")


def test_only_prod_may_write_to_people(runs: dict[str, Run]) -> None:
    """Staging has copies of their accounts."""
    for stack, expected in (("prod", "on"), ("staging", "off")):
        for name in ("web", "worker", "beat"):
            assert f"TOYBOX_MAIL={expected}" in runs[stack].one(f"django-{name}-container").inputs["envs"]
        assert f"TOYBOX_MAIL={expected}" in runs[stack].one("django-release").inputs["create"]


@pytest.mark.parametrize("stack", ["prod", "staging"])
@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("toybox-{}-data", ""),
        ("toybox-{}-data-before-20261124T0900Z", ""),
        ("renamed-by-hand", "TOYBOX {}: all user data. Never delete by hand."),
    ],
)
def test_an_origin_written_by_hand_cannot_adopt_another_stacks_volume(stack: str, name: str, description: str) -> None:
    """The settings cannot know the cloud; the import can, in the preview already."""
    other = "staging" if stack == "prod" else "prod"
    with pytest.raises(pulumi.RunError, match=f"a volume of {other}") as caught:
        refuse_anothers(ADOPTED["id"], name.format(other), description.format(other), stack=stack, urn="urn:x")
    assert f"`pulumi state delete --force --stack {stack} 'urn:x'`" in str(caught.value)
    own = refuse_anothers(ADOPTED["id"], name.format(stack), description.format(stack), stack=stack, urn="urn:x")
    assert own == ADOPTED["id"]


def test_no_server_attaches_an_adopted_volume_before_that_was_looked_at(tmp_path: Path) -> None:
    """The mocks give the volume the name that the program asked for."""
    run = with_origin("prod", ADOPTED, tmp_path)
    assert run.exports["dataVolumeId"]


def test_prods_data_is_counted_before_anything_of_the_application_is_made(runs: dict[str, Run]) -> None:
    """Counted later, a restored site would be compared with itself."""
    run = runs["prod"]
    census = run.one("data-census-taken")
    assert {"postgres-password", "redis-healthy"} <= run.before(census)
    assert str(run.exports["dataVolumeId"]) in str(census.inputs["stdin"]), "another volume is counted again"
    for name in ("django-release", "django-web-container", "caddy-container"):
        assert "data-census-taken" in run.before(run.one(name)), name


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_a_keepers_backup_is_on_the_disk_before_any_container_mounts_it(stack: str, tmp_path: Path) -> None:
    """An empty volume, and PostgreSQL on it, would be an empty site under a green update."""
    run = with_origin(stack, KEPT, tmp_path)
    restore = run.one("backup-restore-done")
    assert {"host-ready", "data-origin"} <= run.before(restore)
    for container in run.of_type("docker:index/container:Container"):
        if any(mount["type"] == "volume" for mount in container.inputs["mounts"]):
            assert "backup-restore-done" in run.before(container), container.name
    for name in ("django-release", "postgres-password"):
        assert "backup-restore-done" in run.before(run.one(name)), name


def test_a_keepers_backup_is_scrubbed_in_staging(tmp_path: Path) -> None:
    run = with_origin("staging", KEPT, tmp_path)
    assert "backup-restore-done" in run.before(run.one("scrub-done"))
    assert "scrub-done" in run.before(run.one("django-release"))


def test_a_volume_for_a_keepers_backup_is_made_from_nothing(tmp_path: Path) -> None:
    run = with_origin("prod", KEPT, tmp_path)
    volume = run.one("data-volume")
    assert volume.request.protect
    assert not {"backupId", "snapshotId", "sourceVolId"} & set(volume.inputs)
    told = json.loads(run.one("backup-restore-done").inputs["stdin"])
    assert told["disk"]["origin"] == "keeper 2026-01-22T20:49:00+09:00"
    assert told["disk"]["blank"], "an empty disk may be formatted"
    assert told["disk"]["volume"] == run.exports["dataVolumeId"]
    assert told["keeperAddress"] == "192.0.2.9"


def test_without_a_keeper_as_origin_there_is_no_such_step(runs: dict[str, Run]) -> None:
    for run in runs.values():
        assert not [each.name for each in run.resources.values() if "backup-restore" in each.name]
