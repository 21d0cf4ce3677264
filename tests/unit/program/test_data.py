"""What must survive: the data volume and Docker's pointers to it."""

import pytest
from pulumi import ResourceHookArgs

from components.data.data_volume import ORIGIN_PROPERTIES, data_disk, keep_the_size
from inventory.volumes import MOUNT_POINT, VOLUMES
from settings import Settings, from_pulumi, parse
from tests.unit.program.conftest import configuration
from tests.unit.program.recording import Run

ORIGINS = {"sourceVolId", "snapshotId", "backupId", "imageId"}


@pytest.mark.parametrize(("stack", "protected"), [("prod", True), ("staging", False)])
def test_the_data_volume_is_protected_in_prod(runs: dict[str, Run], stack: str, protected: bool) -> None:
    """`pulumi destroy` on prod stops before it. Staging is thrown away and made anew from prod's restore points."""
    assert runs[stack].one("data-volume").request.protect is protected


def test_the_data_volume_outlives_its_stack(run: Run) -> None:
    """Children do not inherit retainOnDelete from a component (measured, pulumi 3.272): it stands on the volume."""
    assert run.one("data-volume").request.retainOnDelete


def test_a_new_origin_never_replaces_the_data_volume(run: Run) -> None:
    """Each of them forces a new volume (terraform-provider-openstack 3.4.0): next month's restore point of staging
    would replace the disk."""
    ignored = set(run.one("data-volume").request.ignoreChanges)
    assert ignored >= ORIGINS | {"availabilityZone"}
    assert len(ORIGIN_PROPERTIES) == len(ORIGINS)


def test_the_data_volume_needs_nothing_that_can_be_replaced(run: Run) -> None:
    """What depends on nothing is never replaced as a side effect."""
    volume = run.one("data-volume")
    assert run.before(volume) == {"openstack"}
    assert not volume.request.deletedWith
    assert not volume.request.HasField("replacement_trigger")
    assert not volume.request.replaceOnChanges
    assert not volume.request.deleteBeforeReplace


def test_a_data_volume_keeps_its_size(run: Run) -> None:
    """A refused change stays in the state. That it is refused in the preview already: tests/lab/test_errors.py."""
    assert list(run.one("data-volume").request.hooks.before_update) == ["data-keep-size"]

    def update(before: float, after: float) -> ResourceHookArgs:
        return ResourceHookArgs("urn", "id", "data-volume", "type", {"size": after}, {"size": before})

    keep_the_size(update(200.0, 200))
    with pytest.raises(RuntimeError, match=r"^toybox:dataVolume.size: is 500 GB, and the data volume has 200 GB\."):
        keep_the_size(update(200.0, 500.0))


def test_a_boot_volume_of_another_size_is_another_one(run: Run) -> None:
    """The provider would extend it in place, and ConoHa extends nothing."""
    assert list(run.one("server-boot-volume").request.replaceOnChanges) == ["size"]


def test_only_data_is_protected_or_retained(run: Run) -> None:
    """A protected server could not be replaced, and a retained one would be left running, and paid for."""
    kept = {
        resource.name
        for resource in run.resources.values()
        if resource.request.protect or resource.request.retainOnDelete
    }
    assert kept == {"data-volume", *(f"volumes-{volume.name}" for volume in VOLUMES)}


def test_named_volumes_point_to_the_one_list_of_directories(run: Run) -> None:
    """The incident: the database volume lay in /var/lib/docker and was orphaned with it."""
    found = {
        volume.inputs["name"]: (volume.inputs["driver"], volume.inputs["driverOpts"])
        for volume in run.of_type("docker:index/volume:Volume")
    }
    assert found == {
        volume.name: ("local", {"type": "none", "o": "bind", "device": f"{MOUNT_POINT}/{volume.name}"})
        for volume in VOLUMES
    }


def test_named_volumes_are_retained_and_never_replaced_by_an_edit(run: Run) -> None:
    """Every input forces replacement, a label included (kreuzwerker resource_docker_volume.go:46-66), and deletion is
    forced. They are not protected: they come and go with the server, and the data is not in them."""
    for volume in run.of_type("docker:index/volume:Volume"):
        assert volume.request.retainOnDelete, volume.name
        assert not volume.request.protect, volume.name
        assert set(volume.request.ignoreChanges) == {"labels", "driverOpts"}, volume.name


# what it was made from

BACKUP = "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"


@pytest.fixture(scope="module")
def staging() -> Settings:
    """Staging's settings, which say `blank`."""
    values, secret = configuration("staging")
    given = from_pulumi(values)
    return parse("staging", given, [key.removeprefix("toybox:") for key in secret], {})


def known_as(
    settings: Settings, origin: str, *, volume: str = "", snapshot: str = "", backup: str = ""
) -> tuple[bool, bool]:
    """Whether the volume is a copy of its restore point, and whether it may be formatted."""
    metadata = {"src_backup_id": backup} if backup else {}
    disk = data_disk(settings, "v", origin, source_vol_id=volume, snapshot_id=snapshot, metadata=metadata)
    return disk.copy, disk.blank


def test_a_volume_is_a_copy_only_if_the_cloud_says_so_too(staging: Settings) -> None:
    """Settings alone may lie, and so may what the cloud says: prod's own volume may have been made from a backup."""
    assert known_as(staging, f"backup {BACKUP}", backup=BACKUP) == (True, False)
    assert known_as(staging, f"snapshot {BACKUP}", snapshot=BACKUP) == (True, False)
    assert known_as(staging, f"volume {BACKUP}", volume=BACKUP) == (True, False)
    for origin in (f"adopted {BACKUP}", "blank", "backup another", f"snapshot {BACKUP}"):
        assert known_as(staging, origin, backup=BACKUP) == (False, False)
    assert known_as(staging, f"backup {BACKUP}") == (False, False), "ConoHa ignored backup_id"


def test_a_volume_may_be_formatted_only_if_settings_and_cloud_say_that_it_was_made_from_nothing(
    staging: Settings,
) -> None:
    assert known_as(staging, "blank") == (False, True)
    for made_from in ("volume", "snapshot", "backup"):
        assert known_as(staging, "blank", **{made_from: BACKUP}) == (False, False)


def test_the_state_keeps_what_a_volume_was_made_from_for_as_long_as_it_is_there(run: Run) -> None:
    """A Stash's output is its first input, until it is replaced: settings that are put back to `blank` let nothing be
    formatted that was adopted or restored."""
    stash = run.one("data-origin")
    assert stash.inputs == {"input": {"origin": "blank"}}
    assert stash.request.replacement_trigger.string_value == run.exports["dataVolumeId"]
    assert not stash.request.ignoreChanges
