"""A second has a zone, and is one that the keeper has."""

import pytest

from ops import OpsError
from ops.data.restore import moment


@pytest.mark.parametrize(
    "text", ["2026-01-22 20:49:00 JST", "2026-01-22T20:49:00+09:00", "2026-01-22 20:49 JST", "2026-01-22 20:49:00JST"]
)
def test_a_time_in_japan_is_one_with_its_offset(text: str) -> None:
    assert moment.read(text) == "2026-01-22T20:49:00+09:00"


def test_parts_of_a_second_and_the_last_one_that_is_kept_can_be_asked_for() -> None:
    assert moment.read("2026-01-22T11:49:00.5Z") == "2026-01-22T11:49:00.500000+00:00"
    assert moment.read("latest") == "latest"


@pytest.mark.parametrize("text", ["2026-01-22 20:49:00", "20:49 JST", "yesterday", "2026-13-40 20:49:00 JST", ""])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(OpsError, match=r"is not a time with a zone\. Nothing was changed"):
        moment.read(text)


KEPT = {"source": "prod", "from": "2026-01-10T00:00:00.000Z", "to": "2026-01-22T12:00:00.000Z"}


def test_a_second_that_the_keeper_does_not_have_is_refused_before_anything_is_changed() -> None:
    moment.refuse_unkept("2026-01-22T20:49:00+09:00", KEPT)
    moment.refuse_unkept("latest", KEPT)
    for to in ("2026-01-22T21:00:01+09:00", "2026-01-09T00:00:00+00:00"):
        with pytest.raises(OpsError, match=r"it has 2026-01-10T00:00:00\.000Z to 2026-01-22T12:00"):
            moment.refuse_unkept(to, KEPT)
    with pytest.raises(OpsError, match="has no full backup of prod yet"):
        moment.refuse_unkept("latest", {**KEPT, "from": None})
