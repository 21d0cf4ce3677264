"""`pulumi up`, killed before and after each of its steps in the cloud: what the next one says leads to its end."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops import OpsError
from ops.data.adopt.adopt import Adopt
from ops.leftovers.commands import clear
from tests.unit.ops.data.world import NOW, Interrupted, MemoryCloud, MemoryStack, World

STEPS = range(1, 12)
"""More than any of them has; beyond the last step nothing is interrupted."""

Update = Callable[[World], object]

UPDATES: dict[str, Update] = {
    "up": lambda world: MemoryStack("prod", world).engine(),
    "up --replace server-boot-volume": lambda world: MemoryStack("prod", world).engine(replace_boot=True),
}


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adopting looks at the cloud in memory, and the site answers."""
    monkeypatch.setattr("ops.data.adopt.adopt.cinder.volumes", lambda connection: connection.volumes())
    monkeypatch.setattr("ops.data.volume.bring_up.await_site", lambda *_: None)


def destroyed(world: World, stack: str) -> None:
    """Nothing of the stack is there, and its state knows nothing: before its first update."""
    for server in world.tagged(stack):
        world.delete_server(server.id)
    for volume in [v for v in world.volumes.values() if v.name.startswith(f"toybox-{stack}-")]:
        del world.volumes[volume.id]
    world.states[stack]["deployment"]["resources"] = []


def goes_on(world: World, update: Update) -> str:
    """What an operator does who reads what the update says; what it said, "" if it just ran."""
    cloud: Any = MemoryCloud(world)
    stack = MemoryStack("prod", world)
    try:
        update(world)
        return ""
    except OpsError as error:
        said = str(error)
    if "Block Device Mapping is Invalid" in said:
        assert "no longer the boot volume" in world.warning
    elif "toybox leftovers --stack prod" in said:
        clear(stack, cloud, lambda _: None, lambda _: None)
        update(world)
    else:
        found = re.search(r"toybox adopt ([0-9a-f-]{36}) --stack prod", said)
        assert found, said
        Adopt(stack, cloud, NOW, lambda _: None, lambda _: None).run(found[1])
    return said


def killed(world: World, when: str, step: int, update: Update) -> bool:
    """Whether the update was killed; it may have had fewer steps."""
    world.steps = 0
    setattr(world, f"stop_{when}", step)
    try:
        update(world)
    except Interrupted:
        return True
    finally:
        world.stop_before = world.stop_after = None
    return False


def whole(world: World, stack: str = "prod") -> None:
    """One of each, together, and all in the state."""
    (server,) = world.tagged(stack)
    (boot,) = world.named(f"toybox-{stack}-boot")
    (data,) = world.named(f"toybox-{stack}-data")
    for name, id_ in (("server-instance", server.id), ("server-boot-volume", boot), ("data-volume", data)):
        resource = world.resource(stack, name)
        assert resource, name
        assert resource["id"] == id_
    assert world.volumes[boot].server_id == world.volumes[data].server_id == server.id


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("again", UPDATES)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_an_update_killed_at_any_step_can_be_run_again(
    update: str, again: str, when: str, step: int, tmp_path: Path
) -> None:
    """With the `--replace` that it had, or without it, or with one that it had not."""
    world = World(tmp_path)
    data, staging = world.data("prod"), json.dumps(world.states["staging"])
    killed(world, when, step, UPDATES[update])
    goes_on(world, UPDATES[again])
    if world.warning:  # killed while it deleted the server: Pulumi sees nothing to do, and we say so
        assert "pulumi up --stack prod --replace '**::server-boot-volume'" in world.warning
        goes_on(world, UPDATES["up --replace server-boot-volume"])
    whole(world)
    assert world.data("prod") == data
    assert json.dumps(world.states["staging"]) == staging
    whole(world, "staging")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_the_first_update_killed_at_any_step_can_be_run_again(when: str, step: int, tmp_path: Path) -> None:
    world = World(tmp_path)
    destroyed(world, "prod")
    was_killed = killed(world, when, step, UPDATES["up"])
    made = world.named("toybox-prod-data")
    said = goes_on(world, UPDATES["up"])
    whole(world)
    if made:
        assert world.data("prod") == made[0], "the data volume that was made is the one"
    assert was_killed or not said


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("then", STEPS)
def test_killed_twice_an_update_still_goes_on(step: int, then: int, tmp_path: Path) -> None:
    """Each time at another step, the second time perhaps in the middle of what the first one left."""
    world = World(tmp_path)
    data, update = world.data("prod"), UPDATES["up --replace server-boot-volume"]
    for at in (step, then):
        killed(world, "after", at, lambda it: goes_on(it, update))
    goes_on(world, update)
    whole(world)
    assert world.data("prod") == data


def test_an_update_killed_while_the_server_is_made_names_the_command_that_clears_it(tmp_path: Path) -> None:
    """Its boot volume would be deleted first, and cannot be: the look stands before that."""
    world = World(tmp_path)
    update = UPDATES["up --replace server-boot-volume"]
    making = next(step for step in STEPS if after(tmp_path, update, step))
    assert killed(world, "after", making, update)
    (unknown,) = world.tagged("prod")
    said = goes_on(world, update)
    assert f"server toybox-prod (id {unknown.id}" in said
    assert "toybox leftovers --stack prod" in said


def after(folder: Path, update: Update, step: int) -> bool:
    """Whether the cloud has a server that the state does not know, if the update is killed after this step."""
    world = World(folder)
    killed(world, "after", step, update)
    known = world.resource("prod", "server-instance") or {}
    return any(server.id != known.get("id") for server in world.tagged("prod"))


def test_nothing_is_removed_before_the_name_is_typed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.volume("toybox-prod-boot")
    there = dict(world.volumes)

    def refuse(_: str) -> None:
        raise OpsError("That was not 'prod'.")

    cloud: Any = MemoryCloud(world)
    with pytest.raises(OpsError, match="That was not"):
        clear(MemoryStack("prod", world), cloud, lambda _: None, refuse)
    assert world.volumes == there


def test_a_data_volume_is_never_removed_and_no_name_is_asked_for(tmp_path: Path) -> None:
    world = World(tmp_path)
    left = world.volume("toybox-prod-data")

    def asked(_: str) -> None:
        raise AssertionError("there is nothing to remove")

    cloud: Any = MemoryCloud(world)
    with pytest.raises(OpsError, match=f"toybox adopt {left} --stack prod"):
        clear(MemoryStack("prod", world), cloud, lambda _: None, asked)
    assert left in world.volumes


def test_with_nothing_left_it_says_so_and_asks_nothing(tmp_path: Path) -> None:
    world, said = World(tmp_path), list[str]()
    cloud: Any = MemoryCloud(world)
    clear(MemoryStack("prod", world), cloud, said.append, said.append)
    assert said == ["The cloud has nothing of prod that the state does not know."]
