"""A refresh that ended early is gone on with: its data volume is there, and the programs still name the former one."""

import pytest

from components.data_disk import DataDisk
from components.host.bundle import BundleFile, host_bundle, pack
from components.staging_scrub import scrub_bundle
from ops.guard.declared import DATA_VOLUME
from ops.guard.host_commands import findings
from ops.guard.preview import Change, Preview, State

FORMER, PRESENT = "764e8a94-ac94-46f7-b840-92aa1ef1941c", "37664085-3908-4968-b1e7-c9d31a0361d5"


def disk(volume: str, *, blank: bool) -> DataDisk:
    device = f"/dev/disk/by-id/virtio-{volume[:20]}"
    origin = "blank" if blank else "backup d7e9b0f3-7dfa-4659-ae93-c81dd3d7c022"
    return DataDisk("staging", False, volume, device, origin, copy=not blank, blank=blank)


def bundle(kind: str, disk: DataDisk) -> str:
    return pack(scrub_bundle(disk, "toybox_b9fe6b3c6017") if kind == "scrub" else host_bundle(disk, ["ssh-ed25519 A"]))


def stopped(before: str, after: str) -> list[str]:
    """What the guard finds in a preview where the present volume stays, and a command gets another standard input."""
    there = State(type="openstack:blockstorage/volume:Volume", id=PRESENT)
    urn = "urn:pulumi:staging::toybox::{}::{}"
    command = "command:remote:Command"
    run = [State(type=command, inputs={"stdin": text}) for text in (before, after)]
    changes = (
        Change(urn.format(DATA_VOLUME, "data-volume"), frozenset({"same"}), there, State(type=there.type)),
        Change(urn.format(command, "run"), frozenset({"replace"}), run[0], run[1]),
    )
    return [finding.happens for finding in findings(Preview("staging", changes, (), {}))]


@pytest.mark.parametrize("kind", ["scrub", "host"])
def test_a_bundle_that_names_the_volume_that_is_there_instead_of_the_former_one_passes(kind: str) -> None:
    before, after = bundle(kind, disk(FORMER, blank=True)), bundle(kind, disk(PRESENT, blank=False))
    assert stopped(before, after) == []


@pytest.mark.parametrize("kind", ["scrub", "host"])
def test_a_bundle_that_names_a_volume_that_is_not_there_is_stopped(kind: str) -> None:
    other = "00000000-1111-2222-3333-444444444444"
    assert stopped(bundle(kind, disk(FORMER, blank=True)), bundle(kind, disk(other, blank=True)))


def test_the_volume_that_is_there_does_not_become_one_to_be_formatted() -> None:
    assert stopped(bundle("host", disk(PRESENT, blank=False)), bundle("host", disk(PRESENT, blank=True)))


def test_another_list_of_what_is_personal_goes_with_it() -> None:
    present = scrub_bundle(disk(PRESENT, blank=False), "toybox_b9fe6b3c6017")
    (name,) = (name for name in present if name.endswith("parameters.json"))
    present[name] = BundleFile(present[name].text.replace('"rules": "', '"rules": "0'))
    assert stopped(bundle("scrub", disk(FORMER, blank=True)), pack(present)) == []
