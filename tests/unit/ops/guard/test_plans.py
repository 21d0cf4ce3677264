"""The corpus: all plans that lose data are stopped, by what loses it; and none of the others."""

import json

import pytest

from ops.guard import preview, rules
from tests.unit.ops.guard import recordings
from tests.unit.ops.guard.plans import HARMLESS, LOSES, Plan


def judged(plan: Plan) -> preview.Preview:
    return preview.read(json.dumps(plan.document()))


def test_the_corpus_is_as_large_as_it_must_be_and_made_of_recordings() -> None:
    assert len(LOSES) >= 50
    assert len(HARMLESS) >= 30
    assert {plan.recording for plan in [*LOSES.values(), *HARMLESS.values()]} <= set(recordings.NAMES)
    assert len(recordings.NAMES) <= 12


@pytest.mark.parametrize("name", LOSES)
def test_a_plan_that_loses_data_is_stopped_by_what_loses_it(name: str) -> None:
    found = recordings.found(judged(LOSES[name]))
    assert set(LOSES[name].named) <= found


@pytest.mark.parametrize("name", HARMLESS)
def test_a_plan_that_loses_nothing_passes(name: str) -> None:
    read = judged(HARMLESS[name])
    assert [finding.happens for finding in rules.findings(read)] == []
    assert not read.errors
