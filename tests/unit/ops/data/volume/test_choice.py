"""Which restore point a volume is made from, and every reason for which none is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ops import OpsError
from ops.data.volume.choice import choose, described
from ops.restore_points.model import RestorePoint
from ops.restore_points.schedule import RED

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
POINT = RestorePoint(
    id="point-5h",
    source="backup",
    volume_id="prod-volume",
    name="toybox-prod-data",
    size=200,
    created_at=NOW - timedelta(hours=5),
    state="available",
    word="available",
)
OLD = replace(POINT, id="point-old", created_at=NOW - timedelta(days=3))


def chosen(
    *points: RestorePoint, wanted: str | None = None, size: int = 200, allow_older: bool = False
) -> RestorePoint:
    return choose(
        points,
        wanted,
        of="prod",
        volumes={"prod-volume"},
        others={"staging-volume"},
        size=size,
        now=NOW,
        oldest=None if allow_older else RED,
    )


def test_the_newest_usable_one_is_taken() -> None:
    broken = replace(POINT, id="broken", state="error", word="error", created_at=NOW)
    making = replace(POINT, id="making", state="creating", word="creating", created_at=NOW)
    stagings = replace(POINT, id="stagings", volume_id="staging-volume", created_at=NOW)
    assert chosen(OLD, POINT, broken, making, stagings) == POINT


def test_one_can_be_named() -> None:
    assert chosen(OLD, POINT, wanted="point-old", allow_older=True) == OLD


@pytest.mark.parametrize(
    ("points", "wanted", "size", "says"),
    [
        pytest.param([], None, 200, "no restore point yet", id="none yet"),
        pytest.param([replace(POINT, state="error", word="error")], None, 200, "point-5h is error", id="in error"),
        pytest.param(
            [replace(POINT, state="error", word="error")], "point-5h", 200, "cannot be used", id="named, in error"
        ),
        pytest.param([replace(POINT, state="creating", word="creating")], None, 200, "is creating", id="being made"),
        pytest.param([OLD], None, 200, "--allow-older", id="too old"),
        pytest.param([OLD], "point-old", 200, "--allow-older", id="named, too old"),
        pytest.param([POINT], None, 500, "set dataVolume.size to 200", id="smaller than the volume"),
        pytest.param([replace(POINT, size=500)], None, 200, "set dataVolume.size to 500", id="larger than the volume"),
        pytest.param(
            [POINT, replace(POINT, id="s", volume_id="staging-volume")],
            "s",
            200,
            "stack that is to get",
            id="staging's own",
        ),
        pytest.param(
            [POINT, replace(POINT, id="x", volume_id="else")], "x", 200, "another volume", id="another volume's"
        ),
        pytest.param([POINT], "prod-volume", 200, "id of a volume", id="a volume"),
        pytest.param([POINT], "staging-volume", 200, "id of a volume", id="staging's volume"),
        pytest.param([POINT], "unknown", 200, "another project", id="another project's"),
    ],
)
def test_whatever_cannot_be_used_is_refused_with_a_way_out(
    points: list[RestorePoint], wanted: str | None, size: int, says: str
) -> None:
    with pytest.raises(OpsError) as refusal:
        chosen(*points, wanted=wanted, size=size)
    assert says in str(refusal.value)
    assert "Way out: " in str(refusal.value)


def test_old_data_is_taken_when_it_is_meant() -> None:
    assert chosen(OLD, allow_older=True) == OLD


def test_what_it_is_made_from_is_said_with_its_age() -> None:
    assert described(POINT, NOW) == "backup point-5h, 200 GB, of 2026-11-24 04:00 UTC (5 h old)"
    assert "clock" in described(replace(POINT, created_at=NOW + timedelta(days=1)), NOW)
