"""No stack gets another stack's volume, in either direction."""

import json
from dataclasses import replace

import pytest

from conoha import names
from ops import OpsError
from ops.data.adopt.ownership import refuse_anothers
from ops.restore_points.model import Volume
from tests.unit.ops.data.volume.test_state import volume

ASIDE = "toybox-{}-data-before-20261124T0900Z"


def state(*ids: str) -> str:
    return json.dumps({"version": 3, "deployment": {"resources": [{"urn": "urn", "id": each} for each in ids]}})


@pytest.mark.parametrize(("stack", "other"), [("staging", "prod"), ("prod", "staging"), ("prod", "prod-data")])
@pytest.mark.parametrize("name", ["toybox-{}-data", ASIDE, "toybox-{}-boot"])
def test_another_stacks_volume_is_known_by_its_name(stack: str, other: str, name: str) -> None:
    """`toybox-prod-data` while prod has no server; the only copy, which a restore kept; staging's scrubbed disk."""
    with pytest.raises(OpsError, match=f"another stack's: its name or description says {other}"):
        refuse_anothers(volume(name.format(other)), stack, {})


@pytest.mark.parametrize(("stack", "other"), [("staging", "prod"), ("prod", "staging")])
def test_a_volume_that_was_renamed_is_known_by_its_description(stack: str, other: str) -> None:
    renamed = replace(volume(f"toybox-{stack}-data"), description=names.data_description(other))
    with pytest.raises(OpsError, match=f"says {other}"):
        refuse_anothers(renamed, stack, {})


def test_a_volume_that_another_stacks_state_has_is_refused_whatever_it_is_called() -> None:
    """That stack adopted it, and it keeps its name; or an interrupted update has not deleted it yet."""
    with pytest.raises(OpsError, match="the state of staging has it"):
        refuse_anothers(volume("made-by-hand", "x"), "prod", {"staging": state("y", "x")})


@pytest.mark.parametrize(
    "own",
    [
        volume("toybox-prod-data"),
        volume(ASIDE.format("prod")),
        volume("made-by-hand"),
        replace(volume("made-by-hand"), description="Ask Yuki"),
        replace(volume("made-by-hand"), description=names.data_description("prod")),
    ],
)
def test_the_stacks_own_volumes_and_those_made_by_hand_are_not_refused(own: Volume) -> None:
    refuse_anothers(own, "prod", {"staging": state("another"), "new": '{"version": 3, "deployment": null}'})
