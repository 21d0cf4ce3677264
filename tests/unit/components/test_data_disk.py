"""A disk says whose it is: no stack opens another's, no staging scrubs an original, and nothing is formatted but a
disk that was made from nothing."""

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import data_disk
from components.data_disk import FORMER, DataDisk, RefusedError, blank_refusal, scrub_refusal, short, verdict
from conoha import names

VOLUME = "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"
PRODS = "prod:6606c"
"""The label of prod's disk, on a volume 6606c…: this stack's volume is another one."""


def disk(**changes: Any) -> DataDisk:
    """Staging's disk, as `toybox staging refresh` makes it from a backup of prod; with some of it changed."""
    given_: dict[str, Any] = {
        "stack": "staging",
        "production": False,
        "volume": VOLUME,
        "origin": "backup 7b59c87d-0000-4000-8000-000000000000",
        "copy": True,
        "blank": False,
    } | changes
    return DataDisk(**given_, device=f"/dev/disk/by-id/virtio-{given_['volume'][:20]}")


def prods(**changes: Any) -> DataDisk:
    """Prod's disk, adopted, with some of it changed."""
    return disk(**{"stack": "prod", "production": True, "origin": f"adopted {VOLUME}", "copy": False} | changes)


def refusal(of: DataDisk, found: str, scrubbed: str = "") -> str:
    """Why the host does not open it."""
    with pytest.raises(RefusedError) as caught:
        verdict(of, found, scrubbed)
    return str(caught.value)


@given(st.from_regex(names.STACK, fullmatch=True), st.uuids())
def test_every_label_fits_into_a_superblock_and_is_known_again(stack: str, volume: object) -> None:
    label = disk(stack=stack, volume=str(volume)).label
    assert len(label.encode()) <= 16
    found = data_disk.PATTERN.fullmatch(label)
    assert found
    assert found["stack"] == short(stack)
    assert label != FORMER


@given(st.from_regex(names.STACK, fullmatch=True), st.from_regex(names.STACK, fullmatch=True))
def test_two_stacks_never_share_a_label(one: str, other: str) -> None:
    assert (short(one) == short(other)) == (one == other)


def test_names_that_begin_alike_are_told_apart() -> None:
    names_ = ["production", "productions", "production-eu", "production-eu-2", "production-eu-3"]
    assert len({short(name) for name in names_}) == len(names_)
    assert short("production") == "production"


# whose it is


def test_a_stack_opens_its_own_disk() -> None:
    assert verdict(disk(), disk().label, "") == "open"
    assert verdict(prods(), prods().label, "") == "open"


def test_a_stack_that_was_put_back_on_a_restore_point_relabels_its_own_data() -> None:
    assert verdict(prods(origin="backup x", copy=True), PRODS, "") == "relabel"


def test_staging_never_opens_prods_own_disk_whatever_settings_and_cloud_say() -> None:
    """The volume that `prod restore` kept may itself have been made from a restore point: the cloud says so, and a lie
    in the settings would agree. The label names the volume that the file system lives on."""
    kept = disk(volume="6606cb9e-a255-41fe-98ac-c98ada369cd3")
    said = refusal(kept, PRODS)
    assert "it is the disk of stack prod itself" in said
    assert "left untouched" in said
    assert f"toybox adopt prod {kept.volume}" in said


@pytest.mark.parametrize("origin", [f"adopted {VOLUME}", "blank", "backup x"])
def test_staging_opens_a_disk_with_prods_label_only_if_the_cloud_made_it_from_a_restore_point(origin: str) -> None:
    assert verdict(disk(), PRODS, "") == "open"
    said = refusal(disk(origin=origin, copy=False), PRODS)
    assert "does not confirm" in said
    assert "toybox staging refresh" in said


def test_a_disk_without_a_stack_in_its_label_may_be_prods_only_copy() -> None:
    """Even if the cloud says that it was made from a restore point: prod's own may have been."""
    assert "production's only copy" in refusal(disk(), FORMER)
    assert "toybox staging refresh" in refusal(disk(), FORMER, scrubbed="another-volume")


def test_disks_from_before_get_the_label_of_the_stack_that_has_them() -> None:
    assert verdict(prods(), FORMER, "") == "relabel"
    assert verdict(disk(), FORMER, VOLUME) == "relabel", "the record of its scrub says that it is staging's"


@pytest.mark.parametrize(("found", "scrubbed"), [("staging:6606c", ""), (FORMER, "6606cb9e-a255-41fe")])
def test_prod_refuses_a_disk_that_was_scrubbed(found: str, scrubbed: str) -> None:
    said = refusal(prods(), found, scrubbed)
    assert "no addresses and no passwords" in said
    assert f"e2label {prods().device} {prods().label}" in said


@pytest.mark.parametrize("found", ["", "precious", "toybox-prod", "prod:", "prod:xyz", "PROD:6606c", "prod:6606cb"])
def test_a_foreign_disk_is_nobodys(found: str) -> None:
    for each in (disk(), prods()):
        assert "is not TOYBOX's" in refusal(each, found)


# what may be scrubbed


def test_a_scrub_never_runs_on_an_adopted_disk() -> None:
    """Not on one with staging's own label either: it was not made from a restore point for this staging."""
    adopted = disk(origin=f"adopted {VOLUME}", copy=True)
    for label in (adopted.label, PRODS, FORMER):
        assert "adopted" in scrub_refusal(adopted, label)


def test_a_scrub_runs_on_stagings_own_disk_and_on_a_copy() -> None:
    assert not scrub_refusal(disk(), disk().label)
    assert not scrub_refusal(disk(), PRODS)
    assert scrub_refusal(disk(copy=False), PRODS)
    assert scrub_refusal(disk(volume="6606cb9e-a255-41fe-98ac-c98ada369cd3"), PRODS)
    assert scrub_refusal(disk(), FORMER)


@given(
    st.sampled_from(["adopted x", "blank", "backup x"]),
    st.booleans(),
    st.sampled_from([PRODS, FORMER, "staging:3f2c8", "staging:00000", "other:3f2c8", "other:00000", "", "precious"]),
    st.sampled_from(["", VOLUME, "another"]),
)
def test_whatever_is_scrubbed_was_opened_and_prod_refuses_it_from_then_on(
    origin: str, copy: bool, found: str, scrubbed: str
) -> None:
    """The scrub relabels before it changes a row, so at each moment at which it can be killed the label is one of these
    two, and only the first may be on data that is still prod's."""
    stagings = disk(origin=origin, copy=copy)
    try:
        label = stagings.label if verdict(stagings, found, scrubbed) == "relabel" else found
    except RefusedError:
        return
    if scrub_refusal(stagings, label):
        return
    assert verdict(stagings, label, "") == "open", "the next attempt goes on"
    assert verdict(stagings, stagings.label, "") == "open"
    assert not scrub_refusal(stagings, stagings.label)
    assert "left untouched" in refusal(prods(), stagings.label)


# what may be formatted


def test_only_a_volume_that_was_made_from_nothing_is_formatted() -> None:
    """If ConoHa ignored `backup_id`, an empty database would answer under a green site."""
    assert not blank_refusal(disk(origin="blank", copy=False, blank=True))
    for each in (disk(), disk(copy=False), prods(), prods(origin="blank", blank=False)):
        said = blank_refusal(each)
        assert "is empty" in said
        assert "left untouched" in said
        assert f"mkfs.ext4 -L {each.label} {each.device}" in said


def test_every_refusal_fits_on_a_terminal() -> None:
    said = [
        refusal(disk(volume="6606cb9e-a255-41fe-98ac-c98ada369cd3"), PRODS),
        refusal(disk(copy=False), PRODS),
        refusal(disk(), FORMER),
        refusal(prods(), FORMER, VOLUME),
        refusal(prods(), "staging:6606c"),
        refusal(disk(), "precious"),
        scrub_refusal(disk(origin=f"adopted {VOLUME}"), PRODS),
        blank_refusal(disk()),
    ]
    for text in said:
        assert max(map(len, text.splitlines())) <= 120, text
        assert "Why:" in text
        assert "Way out:" in text


# on the server


def ask(of: DataDisk, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it as the host does, by Python alone."""
    command = [sys.executable, "-I", data_disk.__file__, *arguments]
    return subprocess.run(command, input=json.dumps(asdict(of)), capture_output=True, text=True, check=False)


def test_the_host_asks_it_as_a_program() -> None:
    assert ask(disk(), "labelled", PRODS, "").stdout == "open\n"
    assert ask(prods(), "labelled", FORMER, "").stdout == "relabel\n"
    assert ask(disk(origin="blank", blank=True), "blank").returncode == 0
    for refused in (
        ask(disk(), "blank"),
        ask(prods(), "labelled", "staging:6606c", ""),
        ask(disk(), "labelled", "", ""),
    ):
        assert refused.returncode == 1
        assert refused.stdout == ""
        assert refused.stderr.startswith("data disk: ")
