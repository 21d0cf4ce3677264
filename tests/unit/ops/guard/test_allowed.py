"""The file of exceptions: an entry names one thing, with a reason and a day; all else is an error."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ops.guard.allowed import FILE, Entry, ExceptionsError, parse, read
from tests.unit.ops.guard import recordings

URN = "urn:pulumi:prod::toybox::toybox:data:DataVolume$openstack:blockstorage/volume:Volume::data-volume"
GOOD = {
    "stack": "prod",
    "resource": "data-volume",
    "action": "replace",
    "reason": "The disk is moved to 500 GB; a restore point of today is put on it.",
    "expires": "2026-12-01",
}
DAYS = st.dates(date(2026, 1, 1), date(2026, 3, 1))


def written(*entries: dict[str, object]) -> str:
    return yaml.safe_dump({"exceptions": list(entries)})


def entry(**changes: object) -> Entry:
    (one,) = parse(written({**GOOD, **changes}))
    return one


def problems(text: str) -> str:
    with pytest.raises(ExceptionsError) as refused:
        parse(text)
    for problem in refused.value.problems:
        assert problem.wrong
        assert problem.why
        assert problem.remedy
    return str(refused.value)


def test_no_file_and_an_empty_one_are_no_exceptions(tmp_path: Path) -> None:
    assert read(tmp_path / "none.yaml") == ()
    assert parse("") == parse("# nothing\n") == parse("exceptions: []\n") == ()


def test_the_committed_file_can_be_read() -> None:
    assert read(recordings.RECORDED.parents[4] / FILE) == ()


@given(DAYS)
def test_a_date_is_the_same_with_and_without_quotes(day: date) -> None:
    assert parse(f"exceptions:\n  - {{{_inline(day.isoformat())}}}\n") == parse(
        f"exceptions:\n  - {{{_inline(chr(34) + day.isoformat() + chr(34))}}}\n"
    )


def _inline(day: str) -> str:
    return f"stack: prod, resource: data-volume, action: replace, reason: because of a test, expires: {day}"


@pytest.mark.parametrize(
    "expires",
    ["never", "", "2026-13-01", "2026-02-30", "01.12.2026", 20261201, None, True, "2026-12-01T00:00:00", ["2026-12-01"],
     datetime(2026, 12, 1, tzinfo=UTC)],
)  # fmt: skip
def test_what_is_no_day_is_refused(expires: object) -> None:
    said = problems(written({**GOOD, "expires": expires}))
    assert "exceptions[0].expires" in said
    assert "2026-12-01" in said


@given(st.text(max_size=20))
def test_no_text_but_a_date_is_a_date(text: str) -> None:
    try:
        expires = entry(expires=text).expires
    except ExceptionsError:
        return
    assert date.fromisoformat(text) == expires


@pytest.mark.parametrize("key", sorted(GOOD))
def test_every_key_is_required(key: str) -> None:
    said = problems(written({name: value for name, value in GOOD.items() if name != key}))
    assert f"guard-exceptions.yaml: exceptions[0].{key} is missing." in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"action": "replcae"}, "Did you mean replace?"),
        ({"action": 3}, "exceptions[0].action"),
        ({"until": "2026-12-01"}, "exceptions[0].until is a key that nobody knows."),
        ({"reason": "because"}, "which is no reason"),
        ({"reason": "             "}, "which is no reason"),
        ({"reason": None}, "exceptions[0].reason"),
        ({"resource": ""}, "exceptions[0].resource"),
        ({"resource": URN.replace("prod", "staging")}, "another stack"),
        ({"stack": 7}, "exceptions[0].stack"),
    ],
)
def test_what_is_wrong_is_named_with_a_way_out(changes: dict[str, object], said: str) -> None:
    assert said in problems(written({**GOOD, **changes}))


def test_all_problems_are_told_together() -> None:
    said = problems(written({**GOOD, "action": "x"}, {**GOOD, "expires": "x"}, {}))
    assert "has 7 problems" in said
    assert "exceptions[1].expires" in said


@pytest.mark.parametrize(
    "text", ["[]", "3", "exceptions: 3", "exceptions: {}", "exceptions:", "other: []", "a: [", "\t"]
)
def test_a_file_of_another_shape_is_refused(text: str) -> None:
    problems(text)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExceptionsError):
        read(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ExceptionsError):
        read(tmp_path / "binary")
