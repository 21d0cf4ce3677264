"""Refreshing staging, restoring prod and adopting, interrupted before and after each of their steps: run again, they
come to the same end, and nothing of prod's is lost on the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops import OpsError
from ops.adopt.adopt import Adopt
from ops.prod.restore import Restore
from ops.staging.refresh import Refresh
from tests.unit.ops.data_volume.world import NOW, Interrupted, MemoryCloud, MemoryStack, World

STEPS = range(1, 12)
"""More than any of them has; beyond the last step nothing is interrupted."""

both = pytest.mark.parametrize("when", ["before", "after"])


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is the cloud in memory, and the site answers."""
    for module in ("ops.staging.refresh", "ops.prod.restore"):
        monkeypatch.setattr(f"{module}.driver_for", lambda _settings, connection: connection)
    monkeypatch.setattr("ops.adopt.adopt.cinder.volumes", lambda connection: connection.volumes())
    monkeypatch.setattr("ops.data_volume.swap.await_site", lambda *_: None)
    monkeypatch.setattr("ops.staging.refresh.await_site", lambda *_: None)


def refresh(world: World) -> None:
    Refresh(MemoryStack("staging", world), MemoryCloud(world), NOW, lambda _: None).run(None, allow_older=False)  # type: ignore[arg-type]


def restore(world: World) -> None:
    cloud: Any = MemoryCloud(world)
    Restore(MemoryStack("prod", world), cloud, NOW, lambda _: None, lambda _: None).run(world.point.id)


def adopt(world: World, volume: str | None = None) -> None:
    cloud: Any = MemoryCloud(world)
    Adopt(MemoryStack("prod", world), cloud, NOW, lambda _: None, lambda _: None).run(volume)


def interrupted_and_run_again(world: World, when: str, step: int, command: Callable[[World], None]) -> None:
    if when == "before":
        world.stop_before = step
    else:
        world.stop_after = step
    try:
        command(world)
    except Interrupted:
        world.stop_before = world.stop_after = None
        command(world)
    else:
        assert world.steps < step


def origin(world: World, stack: str) -> dict[str, Any]:
    return dict(
        yaml.safe_load((world.folder / f"Pulumi.{stack}.yaml").read_text())["config"]["toybox:dataVolume"]["origin"]
    )


@both
@pytest.mark.parametrize("step", STEPS)
def test_a_refresh_converges(when: str, step: int, tmp_path: Path) -> None:
    world = World(tmp_path)
    prod, former = world.data("prod"), world.data("staging")
    prod_before = (world.volumes[prod], world.states["prod"], origin(world, "prod"))
    interrupted_and_run_again(world, when, step, refresh)
    present = world.data("staging")
    assert present != former
    assert world.named("toybox-staging-data") == [present], "nothing is left behind, and paid for"
    assert len(world.named("toybox-staging-boot")) == 1
    assert origin(world, "staging") == {"source": "backup", "id": world.point.id, "size": 200}
    assert (world.volumes[prod], world.states["prod"], origin(world, "prod")) == prod_before, "prod was not only read"


@both
@pytest.mark.parametrize("step", STEPS)
def test_a_restore_converges_and_keeps_the_former_volume(when: str, step: int, tmp_path: Path) -> None:
    world = World(tmp_path)
    former = world.data("prod")
    interrupted_and_run_again(world, when, step, restore)
    present = world.data("prod")
    assert present != former
    assert world.volumes[former].name == "toybox-prod-data-before-20261124T0900Z"
    assert world.volumes[present].server_id is not None
    (recorded,) = [r for r in world.states["prod"]["deployment"]["resources"] if r["urn"].endswith("data-volume")]
    assert recorded["protect"]
    assert recorded["inputs"] == {"backupId": world.point.id}


@both
@pytest.mark.parametrize("step", STEPS)
def test_the_way_back_converges(when: str, step: int, tmp_path: Path) -> None:
    world = World(tmp_path)
    former = world.data("prod")
    restore(world)
    present, world.steps = world.data("prod"), 0
    interrupted_and_run_again(world, when, step, lambda it: adopt(it, former))
    assert world.data("prod") == former
    assert world.volumes[former].name == "toybox-prod-data"
    assert world.volumes[present].name.startswith("toybox-prod-data-before-")
    assert origin(world, "prod") == {"source": "adopted", "id": former}


@both
@pytest.mark.parametrize("step", STEPS)
def test_the_adoption_of_a_stack_without_a_state_converges(when: str, step: int, tmp_path: Path) -> None:
    world = World(tmp_path)
    data, servers = world.data("prod"), set(world.servers)
    world.states["prod"] = {"version": 3, "deployment": {}}
    interrupted_and_run_again(world, when, step, adopt)
    assert world.data("prod") == data
    assert world.volumes[data].name == "toybox-prod-data"
    assert len(world.servers) == len(servers)
    assert len(world.named("toybox-prod-boot")) == 1


def test_a_state_that_is_not_lost_is_not_adopted_over(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(OpsError, match="is not lost"):
        adopt(world)
    assert world.steps == 0


def test_a_restore_point_without_a_database_is_no_success_and_the_way_back_is_named(tmp_path: Path) -> None:
    """PostgreSQL begins a new one, the site migrates and answers: all is green, and all is lost."""
    world = World(tmp_path)
    former, world.database_made = world.data("prod"), NOW + timedelta(seconds=30)
    with pytest.raises(OpsError, match="on an empty database") as caught:
        restore(world)
    assert f"`toybox adopt prod {former}`" in str(caught.value)
    assert world.volumes[former].name.startswith("toybox-prod-data-before-")
    world.database_made = NOW
    restore(world)


def test_a_restore_point_of_a_volume_that_is_gone_puts_prod_back(tmp_path: Path) -> None:
    """The kept volume costs money, and somebody deletes it; the backups of its time are still ConoHa's."""
    world = World(tmp_path)
    former = world.data("prod")
    restore(world)
    del world.volumes[former]
    world.point = replace(world.point, id="22222222-2222-4222-8222-222222222222")
    restore(world)
    assert origin(world, "prod")["id"] == world.point.id


def refuse(_: str) -> None:
    raise OpsError("That was not 'prod'.")


def test_nothing_is_restored_before_the_name_is_typed(tmp_path: Path) -> None:
    world = World(tmp_path)
    cloud: Any = MemoryCloud(world)
    with pytest.raises(OpsError, match="That was not"):
        Restore(MemoryStack("prod", world), cloud, NOW, lambda _: None, refuse).run(world.point.id)
    assert world.steps == 0
    assert origin(world, "prod") == {"source": "blank"}


def test_nothing_is_adopted_before_the_name_is_typed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.states["prod"] = {"version": 3, "deployment": {}}
    cloud: Any = MemoryCloud(world)
    with pytest.raises(OpsError, match="That was not"):
        Adopt(MemoryStack("prod", world), cloud, NOW, lambda _: None, refuse).run(None)
    assert world.steps == 0
    assert origin(world, "prod") == {"source": "blank"}
