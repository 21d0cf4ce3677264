"""An exception lets its own finding pass until a day, and nothing else."""

from datetime import date, timedelta

import pytest
from hypothesis import given

from ops.guard.allowed import LONGEST, ExceptionsError
from ops.guard.data_volumes import REPLACE
from ops.guard.finding import Finding
from ops.guard.judgement import judge
from tests.unit.ops.guard.test_allowed import DAYS, URN, entry

FINDING = Finding(REPLACE, URN, "It would be replaced.", "Nothing.", "Do not.")


@pytest.mark.parametrize("resource", ["data-volume", URN])
def test_an_entry_lets_its_finding_pass(resource: str) -> None:
    judged = judge([FINDING], [entry(resource=resource)], "prod", date(2026, 11, 24))
    assert judged.stopped == ()
    assert judged.unused == ()
    assert judged.excepted[0][0] is FINDING


@pytest.mark.parametrize(
    "changes", [{"action": "delete"}, {"resource": "data"}, {"resource": "*"}, {"stack": "staging"}], ids=str
)
def test_an_entry_lets_nothing_else_pass(changes: dict[str, object]) -> None:
    judged = judge([FINDING], [entry(**changes)], "prod", date(2026, 11, 24))
    assert judged.stopped == (FINDING,)
    assert judged.excepted == ()


def test_an_entry_that_nothing_needs_is_told_in_its_own_stack() -> None:
    unused = entry(action="delete")
    assert judge([FINDING], [unused], "prod", date(2026, 11, 24)).unused == (unused,)
    assert judge([FINDING], [unused], "staging", date(2026, 11, 24)).unused == ()


@given(expires=DAYS, today=DAYS)
def test_an_entry_counts_until_the_end_of_its_day_and_not_after(expires: date, today: date) -> None:
    one = entry(expires=expires.isoformat())
    if today <= expires <= today + LONGEST:
        assert judge([FINDING], [one], "prod", today).stopped == ()
    else:
        with pytest.raises(ExceptionsError, match="which is over" if expires < today else "14 days ahead"):
            judge([FINDING], [one], "prod", today)


@pytest.mark.parametrize("expires", ["9999-12-31", "2026-12-09"])
def test_an_entry_that_ends_too_late_stops_with_the_latest_day_that_it_may_have(expires: str) -> None:
    """An exception without an end is a rule, and one until the year 9999 has none."""
    with pytest.raises(ExceptionsError) as refused:
        judge([], [entry(expires=expires)], "prod", date(2026, 11, 24))
    assert f"expires is {expires}, more than 14 days ahead" in str(refused.value)
    assert "2026-12-08" in str(refused.value)
    judge([], [entry(stack="staging", expires=expires)], "prod", date(2026, 11, 24))
    judge([], [entry(expires="2026-12-08")], "prod", date(2026, 11, 24))


def test_an_expired_entry_is_an_error_even_if_nothing_needs_it() -> None:
    with pytest.raises(ExceptionsError) as refused:
        judge([], [entry(expires="2026-11-23")], "prod", date(2026, 11, 24))
    assert "guard-exceptions.yaml: exceptions[0].expires is 2026-11-23, which is over" in str(refused.value)


def test_an_expired_entry_of_another_stack_stops_nothing() -> None:
    judge([], [entry(stack="staging", expires="2026-11-23")], "prod", date(2026, 11, 24))


def test_one_entry_may_let_several_findings_of_one_thing_pass() -> None:
    later = entry(expires=(date(2026, 11, 24) + timedelta(days=1)).isoformat())
    assert judge([FINDING, FINDING], [later], "prod", date(2026, 11, 24)).stopped == ()
