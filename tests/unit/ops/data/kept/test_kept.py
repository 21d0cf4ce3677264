"""Kept volumes: shown with what each is, and deleted one by one, if nothing may need them any more."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops import OpsError
from ops.data.kept import kept
from ops.data.volume import aside
from ops.data.volume.aside import Record
from ops.restore_points.model import Volume
from tests.unit.ops.data.volume.test_state import volume
from tests.unit.ops.data.world import NOW, MemoryCloud, MemoryStack, World

NAME = "toybox-prod-data-before-20261124T0900Z"
RECORD = Record(datetime(2026, 11, 24, 9, 0, tzinfo=UTC), "restore 7b59c87d", under_way=False, held="12 rows")
KEPT = replace(volume(NAME, "kept"), description=aside.written("prod", RECORD))
STATES = {"prod": json.dumps({"deployment": {"resources": [{"urn": "urn", "id": "data"}]}})}


def test_each_is_shown_with_what_it_is_and_what_it_costs() -> None:
    others = [volume("toybox-prod-data", "data"), volume(NAME.replace("prod", "staging"), "staging")]
    (row,) = kept.rows([KEPT, *others], "prod")
    assert (row["id"], row["purpose"], row["underWay"], row["yenPerMonth"]) == ("kept", "restore 7b59c87d", False, 3025)
    said = "\n".join(kept.told([row], "prod"))
    assert "¥3,025 a month" in said
    assert "put aside 2026-11-24T09:00 UTC to restore 7b59c87d, which is done" in said
    assert "held 12 rows" in said
    assert kept.told([], "prod") == ["prod has no kept volumes."]


def test_one_without_a_record_is_shown_as_well() -> None:
    (row,) = kept.rows([volume(NAME, "kept")], "prod")
    assert len(kept.told([row], "prod")) == 2


@pytest.mark.parametrize(
    ("there", "says"),
    [
        pytest.param(volume("x", "another"), "has no volume kept", id="gone"),
        pytest.param(volume("made-by-hand", "kept"), "was not put aside", id="made by hand"),
        pytest.param(volume("toybox-prod-data", "kept"), "was not put aside", id="prod's own"),
        pytest.param(volume(NAME.replace("prod", "staging"), "kept"), "one of staging", id="staging's"),
        pytest.param(replace(KEPT, description="TOYBOX staging: x"), "one of staging", id="staging's, renamed"),
        pytest.param(replace(KEPT, server_id="s"), "by server s", id="attached"),
        pytest.param(replace(KEPT, word="in-use"), "is in-use", id="in use"),
        pytest.param(replace(KEPT, id="data"), "in the state of prod", id="known to the state"),
        pytest.param(
            replace(KEPT, description=aside.written("prod", replace(RECORD, under_way=True))),
            "it is the way back",
            id="of an attempt that is under way",
        ),
    ],
)
def test_whatever_may_still_be_needed_is_not_deleted(there: Volume, says: str) -> None:
    with pytest.raises(OpsError, match=r"Nothing was deleted\.") as caught:
        kept.deletable([there], there.id if there.id == "data" else "kept", "prod", STATES)
    assert says in str(caught.value)


def test_a_volume_that_another_stack_adopted_is_not_deleted() -> None:
    with pytest.raises(OpsError, match="in the state of staging"):
        kept.deletable([KEPT], "kept", "prod", {**STATES, "staging": STATES["prod"].replace("data", "kept")})


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("ops.restore_points.cinder.volumes", lambda connection: connection.volumes())
    return World(tmp_path)


def deletion(world: World, typed: list[tuple[str, str]]) -> kept.Deletion:
    cloud: Any = MemoryCloud(world)
    return kept.Deletion(MemoryStack("prod", world), cloud, lambda _: None, lambda *words: typed.append(words))


def test_the_volume_s_own_name_is_asked_for_and_it_alone_is_deleted(world: World) -> None:
    name = aside.aside_name("prod", NOW)
    first, second, before = world.volume(name), world.volume(name), set(world.volumes)
    typed: list[tuple[str, str]] = []
    deletion(world, typed).run(first)
    assert typed == [(name, "kept volume")]
    assert before - set(world.volumes) == {first}
    with pytest.raises(OpsError, match=f"has no volume {first}"):
        deletion(world, typed).run(first)
    assert second in world.volumes


def test_one_that_is_adopted_while_the_name_is_typed_is_not_deleted(world: World) -> None:
    wanted = world.volume(aside.aside_name("prod", NOW))
    cloud: Any = MemoryCloud(world)

    def adopted(*_: str) -> None:
        world.volumes[wanted] = replace(world.volumes[wanted], name="toybox-prod-data")

    with pytest.raises(OpsError, match="was not put aside"):
        kept.Deletion(MemoryStack("prod", world), cloud, lambda _: None, adopted).run(wanted)
    assert wanted in world.volumes
