"""Refreshing staging, restoring prod and adopting, interrupted before and after each of their steps: run again, they
come to the same end, and nothing of prod's is lost on the way."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from conoha import names
from ops import OpsError
from ops.data.adopt.adopt import Adopt
from ops.data.kept.kept import Deletion
from ops.data.refresh.refresh import Refresh
from ops.data.restore.volume import RestoreVolume
from ops.data.volume import aside
from ops.state.locks import Lock
from tests.unit.ops.data.world import NOW, Interrupted, MemoryCloud, MemoryStack, World, nothing_to_do

STEPS = range(1, 22)
"""More than any of them has; beyond the last step nothing is interrupted."""

both = pytest.mark.parametrize("when", ["before", "after"])


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is the cloud in memory, and the site answers."""
    for module in ("ops.data.refresh.refresh", "ops.data.restore.volume"):
        monkeypatch.setattr(f"{module}.driver_for", lambda _settings, connection: connection)
    monkeypatch.setattr("ops.restore_points.cinder.volumes", lambda connection: connection.volumes())
    monkeypatch.setattr("ops.data.volume.bring_up.await_site", lambda *_: None)
    monkeypatch.setattr("ops.data.refresh.refresh.await_site", lambda *_: None)


def refresh(world: World) -> None:
    Refresh(MemoryStack("staging", world), MemoryCloud(world), NOW, lambda _: None).run(None, allow_older=False)  # type: ignore[arg-type]


def restore(world: World, confirm: Callable[[str], None] = lambda _: None) -> list[str]:
    cloud: Any = MemoryCloud(world)
    said: list[str] = []
    RestoreVolume(MemoryStack("prod", world), cloud, NOW, said.append, confirm).run(world.point.id)
    return said


def adopt(world: World, volume: str | None = None, stack: str = "prod") -> list[str]:
    cloud: Any = MemoryCloud(world)
    said: list[str] = []
    Adopt(MemoryStack(stack, world), cloud, NOW, said.append, lambda _: None).run(volume)
    return said


def delete(world: World, volume: str) -> None:
    cloud: Any = MemoryCloud(world)
    Deletion(MemoryStack("prod", world), cloud, lambda _: None, lambda *_: None).run(volume)


def interrupted_and_run_again(world: World, when: str, step: int, command: Callable[[World], object]) -> None:
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
def test_two_interrupted_refreshes_converge(when: str, step: int, tmp_path: Path) -> None:
    """The second one stops where the first one did, on what that one left."""
    world = World(tmp_path)
    for _ in range(2):
        setattr(world, f"stop_{when}", world.steps + step)
        with suppress(Interrupted):
            refresh(world)
    world.stop_before = world.stop_after = None
    refresh(world)
    assert world.named("toybox-staging-data") == [world.data("staging")]
    assert len(world.named("toybox-staging-boot")) == 1
    assert len(world.tagged("staging")) == 1


@both
@pytest.mark.parametrize("step", STEPS)
def test_the_former_volume_outlives_every_refresh_until_one_was_found_right(
    when: str, step: int, tmp_path: Path
) -> None:
    world = World(tmp_path)
    former, world.right = world.data("staging"), False
    setattr(world, f"stop_{when}", step)
    for _ in range(3):
        with pytest.raises((Interrupted, OpsError)):
            refresh(world)
        assert former in world.volumes
        world.stop_before = world.stop_after = None
    world.right = True
    refresh(world)
    assert former not in world.volumes
    assert world.named("toybox-staging-data") == [world.data("staging")]


def test_a_refresh_goes_on_without_stagings_server(tmp_path: Path) -> None:
    """Somebody deleted it in the control panel; the state knows the volume that it had, twice from the same restore
    point."""
    world = World(tmp_path)
    refresh(world)
    (server,) = world.tagged("staging")
    world.delete_server(server.id)
    refresh(world)
    assert world.named("toybox-staging-data") == [world.data("staging")]


def test_a_refresh_of_a_destroyed_staging_keeps_its_volume_until_the_new_one_was_found_right(tmp_path: Path) -> None:
    world = World(tmp_path)
    former, world.right = world.data("staging"), False
    (server,) = world.tagged("staging")
    world.delete_server(server.id)
    for boot in world.named("toybox-staging-boot"):
        del world.volumes[boot]
    world.states["staging"]["deployment"]["resources"] = []
    with pytest.raises(OpsError, match="not as it should be"):
        refresh(world)
    assert names.is_aside(world.volumes[former].name, "staging")
    world.right = True
    refresh(world)
    assert names.is_aside(world.volumes[former].name, "staging"), "what another run put aside, `toybox kept` shows"
    assert world.named("toybox-staging-data") == [world.data("staging")]


def test_a_refresh_with_a_lost_state_touches_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.states["staging"] = {"version": 3, "deployment": {}}
    with pytest.raises(OpsError, match="toybox adopt --stack staging"):
        refresh(world)
    assert world.steps == 0


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


@pytest.mark.parametrize("wanted", [None, "present"])
def test_the_volume_that_prod_runs_on_is_not_adopted_and_nothing_is_stopped(wanted: str | None, tmp_path: Path) -> None:
    world = World(tmp_path)
    said = adopt(world, world.data("prod") if wanted else None)
    (line,) = said
    assert line.startswith(f"Volume {world.data('prod')} is the data volume of prod already, attached to its server.")
    assert "Nothing was changed" in line
    assert world.steps == 0
    assert origin(world, "prod") == {"source": "blank"}


@pytest.mark.parametrize(("status", "command"), [("SHUTOFF", "pulumi up --stack prod"), (None, "server-boot-volume")])
def test_a_stack_whose_server_is_off_or_gone_has_nothing_to_adopt(
    status: str | None, command: str, tmp_path: Path
) -> None:
    world = World(tmp_path)
    (server,) = [each for each in world.servers.values() if each.name == "toybox-prod"]
    if status:
        server.status = status
    else:
        world.delete_server(server.id)
    with pytest.raises(OpsError, match="is the data volume of prod already") as caught:
        adopt(world, world.data("prod"))
    assert command in str(caught.value)
    assert world.steps == 0


def test_a_finished_restore_does_not_make_the_next_one_a_no_op(tmp_path: Path) -> None:
    """Somebody deletes the posts and wants the same restore point back: it was taken for done, and nothing happened."""
    world = World(tmp_path)
    first = world.data("prod")
    restore(world)
    second = world.data("prod")
    restore(world)
    third = world.data("prod")
    assert len({first, second, third}) == 3
    assert world.named(aside.aside_name("prod", NOW)) == [first, second]
    assert aside.under_way(list(world.volumes.values()), "prod") == [], "a finished attempt ends as such"


@both
@pytest.mark.parametrize("step", STEPS)
def test_an_attempt_that_is_killed_is_recorded_and_the_next_one_names_every_way_back(
    when: str, step: int, tmp_path: Path
) -> None:
    """Recorded before anything but the record changes; and where `pulumi up` had made a volume, that one may have been
    written on: it is kept, and never gone on with."""
    world = World(tmp_path)
    former, there = world.data("prod"), set(world.volumes)
    world.stop_before, world.stop_after = (step, None) if when == "before" else (None, step)
    try:
        restore(world)
    except Interrupted:
        world.stop_before = world.stop_after = None
    else:
        return
    (tmp_path / "whole").mkdir()
    whole = World(tmp_path / "whole")
    restore(whole)
    changed, done = step > 1 or when == "after", step == whole.steps and when == "after"
    recorded = [each.id for each in aside.under_way(list(world.volumes.values()), "prod")]
    assert recorded == ([former] if changed and not done else [])
    half_made = set(world.named("toybox-prod-data")) - there
    said = restore(world)
    assert world.data("prod") not in half_made
    assert f"  toybox adopt {former} --stack prod" in said or done
    assert {world.volumes[each].name for each in half_made} <= {aside.aside_name("prod", NOW)}
    assert aside.under_way(list(world.volumes.values()), "prod") == []


def test_a_restore_whose_update_failed_late_is_brought_to_its_end_by_adopting_what_it_made(tmp_path: Path) -> None:
    """An operator mended it and ran `pulumi up`: the site has been written on since. Restored once more, that would be
    lost; and the record would say for ever that the restore has not come to its end."""
    world = World(tmp_path)
    former = world.data("prod")
    (tmp_path / "whole").mkdir()
    whole = World(tmp_path / "whole")
    restore(whole)
    world.stop_after = whole.steps - 1
    with pytest.raises(Interrupted):
        restore(world)
    world.stop_after = None
    made, servers = world.data("prod"), set(world.servers)
    assert made != former
    assert aside.under_way(list(world.volumes.values()), "prod")
    MemoryStack("prod", world).engine()
    adopt(world)
    assert world.data("prod") == made
    assert set(world.servers) == servers, "it stays"
    assert aside.under_way(list(world.volumes.values()), "prod") == []
    assert adopt(world)[0].endswith("`toybox status --stack prod`")


@pytest.mark.parametrize("command", ["restore", "adopt", "delete"])
def test_nothing_is_changed_while_the_state_is_locked(command: str, tmp_path: Path) -> None:
    """A running update, or one that was killed: prod was stopped and its volume renamed before the lock was met."""
    world = World(tmp_path)
    kept = world.volume(aside.aside_name("prod", NOW))
    world.locks = (Lock("ada", "desk", 4711, "2026-11-24T09:00:00"),)
    commands: dict[str, Callable[[], object]] = {
        "restore": lambda: restore(world, lambda _: pytest.fail("it asked before it looked")),
        "adopt": lambda: adopt(world, kept),
        "delete": lambda: delete(world, kept),
    }
    with pytest.raises(OpsError, match=r"is locked\. Nothing was changed") as caught:
        commands[command]()
    assert "pulumi cancel --yes --stack prod" in str(caught.value)
    assert world.steps == 0
    assert origin(world, "prod") == {"source": "blank"}


def test_an_update_that_begins_while_the_name_is_typed_stops_the_restore(tmp_path: Path) -> None:
    world = World(tmp_path)

    def typing(_: str) -> None:
        world.locks = (Lock("ada", "desk", 4711, "2026-11-24T09:00:00"),)

    with pytest.raises(OpsError, match="Nothing was changed"):
        restore(world, typing)
    world.locks = ()

    def updated(_: str) -> None:
        world.states["prod"]["deployment"]["manifest"] = {"time": "later"}

    with pytest.raises(OpsError, match=r"changed its state since.*Nothing was changed"):
        restore(world, updated)
    assert world.steps == 0


def test_an_update_that_came_in_between_is_not_overwritten(tmp_path: Path) -> None:
    """While the server shuts down, for minutes. What that update wrote stays, and there is a way back."""
    world = World(tmp_path)
    former = world.data("prod")
    world.on_stop = lambda: world.states["prod"]["deployment"].update(manifest={"time": "later"})
    with pytest.raises(OpsError, match="It was not overwritten") as caught:
        restore(world)
    assert world.states["prod"]["deployment"]["manifest"] == {"time": "later"}
    assert world.data("prod") == former
    assert f"Go back: `toybox adopt {former} --stack prod`" in str(caught.value)
    world.on_stop = lambda: None
    adopt(world, former)
    assert world.volumes[former].name == "toybox-prod-data"
    assert world.volumes[former].description == names.data_description("prod")
    (server,) = [each for each in world.servers.values() if each.name == "toybox-prod"]
    assert (server.status, server.data) == ("ACTIVE", former)


def test_a_lock_that_comes_in_between_leaves_the_state_alone_and_names_the_way_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    former = world.data("prod")
    world.on_stop = lambda: setattr(world, "locks", (Lock("ada", "desk", 4711, "2026-11-24T09:00:00"),))
    with pytest.raises(OpsError, match="The state was not changed") as caught:
        restore(world)
    assert world.data("prod") == former
    assert f"Go back: `toybox adopt {former} --stack prod`" in str(caught.value)


def test_a_copy_of_the_state_is_kept_before_it_is_edited(tmp_path: Path) -> None:
    world = World(tmp_path)
    before = MemoryStack("prod", world).exported()
    said = restore(world)
    assert world.copies == [before]
    assert "    a copy of the state as it was: pulumi stack import" in said


@pytest.mark.parametrize("command", ["restore", "adopt", "refresh"])
def test_a_command_that_would_do_more_than_it_is_for_does_nothing(command: str, tmp_path: Path) -> None:
    """The whole program is run, with whatever lies in the checkout: here it no longer protects the volume."""
    world = World(tmp_path)
    kept = world.volume(aside.aside_name("prod", NOW))
    previewed = nothing_to_do("staging" if command == "refresh" else "prod")
    step = next(each for each in previewed["steps"] if each["urn"].endswith("::data-volume"))
    step["oldState"] = {**step["oldState"], "protect": True}
    step["newState"] = {**step["newState"], "protect": False}
    world.previewed = previewed
    commands: dict[str, Callable[[], object]] = {
        "restore": lambda: restore(world),
        "adopt": lambda: adopt(world, kept),
        "refresh": lambda: refresh(world),
    }
    with pytest.raises(OpsError, match=r"the guard stops it\. Nothing was changed") as caught:
        commands[command]()
    assert "data-volume: unprotect" in str(caught.value)
    assert world.steps == 0


def test_a_state_that_is_lost_is_not_restored_beside_what_is_there(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.states["prod"] = {"version": 3, "deployment": {}}
    with pytest.raises(OpsError, match="The state of prod is empty") as caught:
        restore(world)
    assert "`toybox adopt --stack prod`" in str(caught.value)
    assert world.steps == 0


@pytest.mark.parametrize("wanted", ["kept", "data", "attached"])
def test_prods_volumes_are_not_adopted_by_staging(wanted: str, tmp_path: Path) -> None:
    """`restore volume` kept the only copy; and prod's own while it has no server, or while it has one: staging's
    operator is not told to detach it."""
    world = World(tmp_path)
    kept = world.volume(aside.aside_name("prod", NOW))
    data = world.volume("toybox-prod-data")
    with pytest.raises(OpsError, match="another stack's"):
        adopt(world, {"kept": kept, "data": data, "attached": world.data("prod")}[wanted], "staging")
    assert world.steps == 0


def test_an_adopted_volume_without_a_database_is_no_success(tmp_path: Path) -> None:
    """A blank one, or one that held only a file system: PostgreSQL begins a new database, and the site is empty."""
    world = World(tmp_path)
    blank, former = world.volume("made-by-hand"), world.data("prod")
    world.database_made = NOW + timedelta(seconds=30)
    with pytest.raises(OpsError, match="the database is a new one") as caught:
        adopt(world, blank)
    assert f"Go back: `toybox adopt {former} --stack prod`" in str(caught.value)
    assert aside.under_way(list(world.volumes.values()), "prod"), "it has not come to its end"


def test_an_adopted_volume_that_lost_what_it_held_is_no_success(tmp_path: Path) -> None:
    world = World(tmp_path)
    former = world.data("prod")
    restore(world)
    world.database_made -= timedelta(days=1)
    with pytest.raises(OpsError, match="another database"):
        adopt(world, former)


def test_a_restore_point_without_a_database_is_no_success_and_the_way_back_is_named(tmp_path: Path) -> None:
    """PostgreSQL begins a new one, the site migrates and answers: all is green, and all is lost."""
    world = World(tmp_path)
    former, world.database_made = world.data("prod"), NOW + timedelta(seconds=30)
    with pytest.raises(OpsError, match="the database is a new one") as caught:
        restore(world)
    assert f"`toybox adopt {former} --stack prod`" in str(caught.value)
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
        RestoreVolume(MemoryStack("prod", world), cloud, NOW, lambda _: None, refuse).run(world.point.id)
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
