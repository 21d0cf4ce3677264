"""The record on a volume that was put aside: in its description, which every operator's clone reads."""

from dataclasses import replace
from datetime import UTC, datetime

from conoha import names
from ops.data.volume import aside
from ops.data.volume.aside import Record
from tests.unit.ops.data.volume.test_state import volume

RECORD = Record(
    since=datetime(2026, 11, 24, 9, 0, tzinfo=UTC),
    purpose="restore 7b59c87d-0000-4000-8000-000000000001",
    under_way=True,
    held="database 7712363744981708820 with 1204 rows in 18 tables, newest write 2026-11-24T08:59:59Z, and 400 files",
    before="Ask Yuki.",
)


def test_what_is_written_is_read_again() -> None:
    for record in (RECORD, replace(RECORD, under_way=False), replace(RECORD, held="", before="")):
        assert aside.read(aside.written("prod", record)) == record


def test_it_fits_into_a_description_and_is_read_however_long_the_former_one_was() -> None:
    text = aside.written("prod", replace(RECORD, before="x" * 300))
    assert len(text) == aside.LONGEST
    found = aside.read(text)
    assert found is not None
    assert (found.purpose, found.under_way) == (RECORD.purpose, True)


def test_other_descriptions_are_no_record() -> None:
    for text in ("", "Ask Yuki", names.data_description("prod")):
        assert aside.read(text) is None
        assert aside.ended("prod", text) is None


def test_an_attempt_ends_once() -> None:
    text = aside.ended("prod", aside.written("prod", RECORD))
    assert text is not None
    assert aside.read(text) == replace(RECORD, under_way=False)
    assert aside.ended("prod", text) is None


def test_the_record_says_whose_volume_it_is() -> None:
    assert names.volume_owners("renamed-by-hand", aside.written("prod", RECORD)) == {"prod"}


def test_a_volume_gets_the_description_back_that_it_had() -> None:
    assert aside.former_description("prod", aside.written("prod", RECORD)) == "Ask Yuki."
    ours = aside.written("prod", replace(RECORD, before=""))
    assert aside.former_description("prod", ours) == names.data_description("prod")


def test_only_the_stacks_own_kept_volumes_are_under_way() -> None:
    under_way, done = aside.written("prod", RECORD), aside.written("prod", replace(RECORD, under_way=False))
    volumes = [
        replace(volume("toybox-prod-data-before-20261124T0901Z", "second"), description=under_way),
        replace(volume("toybox-prod-data-before-20261124T0900Z", "first"), description=under_way),
        replace(volume("toybox-prod-data-before-20261123T0900Z", "done"), description=done),
        replace(volume("toybox-prod-data", "present"), description=under_way),
        replace(volume("toybox-staging-data-before-20261124T0900Z", "staging"), description=under_way),
    ]
    assert [each.id for each in aside.under_way(volumes, "prod")] == ["first", "second"]
