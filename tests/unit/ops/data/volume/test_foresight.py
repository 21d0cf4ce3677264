"""What an update would do besides what a command is for."""

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest

from ops import OpsError
from ops.data.volume import foresight
from ops.guard import declared, preview, rules
from ops.guard.finding import Rule
from tests.unit.ops.data.world import MemoryStack, World, nothing_to_do
from tests.unit.ops.guard import recordings

URN = f"urn:pulumi:prod::toybox::{declared.DATA_VOLUME}::data-volume"
CADDY = "urn:pulumi:prod::toybox::docker:index/container:Container::caddy-container"


def looked(world: World, previewed: dict[str, Any], harms: Collection[Rule] | None = None) -> list[str]:
    world.previewed = previewed
    said: list[str] = []
    foresight.refuse_more(MemoryStack("prod", world), said.append, harms)
    return said


def with_step(op: str, urn: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    """The preview of a prod in which nothing is to be done but this."""
    previewed = nothing_to_do("prod")
    step = {"op": op, "urn": urn, "oldState": old, "newState": new}
    steps = [each for each in previewed["steps"] if each["urn"] != urn]
    return {**previewed, "steps": [*steps, step], "changeSummary": {"same": len(steps), op: 1}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_else_would_change_is_said(world: World) -> None:
    assert looked(world, nothing_to_do("prod")) == ["The update does nothing else."]
    network = {"type": "docker:index/network:Network", "inputs": {"name": "edge"}}
    urn = "urn:pulumi:prod::toybox::docker:index/network:Network::edge"
    said = looked(world, with_step("update", urn, network, network))
    assert said[1:] == ["  update  edge"]
    assert "(1 changes" in said[0]


@pytest.mark.parametrize(
    "previewed",
    [
        pytest.param(
            with_step("delete", URN, {"type": declared.DATA_VOLUME, "id": "x", "protect": True}, None), id="deletes"
        ),
        pytest.param(
            with_step("create", f"{CADDY}2", None, {
                "type": "docker:index/container:Container",
                "inputs": {"name": "db", "ports": [{"external": 5432}]},
            }),
            id="opens a port",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("harms", [None, foresight.MAKING])
def test_what_the_guard_finds_stops_the_command(
    world: World, previewed: dict[str, Any], harms: Collection[Rule] | None
) -> None:
    with pytest.raises(OpsError, match=r"the guard stops it\. Nothing was changed"):
        looked(world, previewed, harms)


def test_a_volume_that_the_command_brings_is_its_own_purpose_only_where_the_state_has_none(world: World) -> None:
    made = with_step("create", URN, None, {"type": declared.DATA_VOLUME, "protect": True, "retainOnDelete": True})
    other = {"type": "openstack:compute/keypair:Keypair", "id": "k"}
    step = {"op": "same", "urn": "urn:pulumi:prod::toybox::k::k", "oldState": other, "newState": other}
    made = {**made, "steps": [*made["steps"], step], "changeSummary": {"same": 2, "create": 1}}
    assert looked(world, made, foresight.MAKING)[1:] == ["  create  data-volume"]
    with pytest.raises(OpsError, match="data-volume: recreate"):
        looked(world, made)


def test_a_volume_that_a_killed_refresh_left_to_be_deleted_does_not_stop_the_next_refresh(world: World) -> None:
    """The engine has the new one in the state, and the former one marked. In production nothing leaves one so."""
    previewed = nothing_to_do("prod")
    step = next(each for each in previewed["steps"] if each["urn"] == URN)
    delete = {**step, "op": "delete", "newState": None}
    previewed = {**previewed, "steps": [*previewed["steps"], delete], "changeSummary": {"same": 2, "delete": 1}}
    looked(world, previewed, foresight.REPLACING)
    for harms in (None, foresight.MAKING):
        with pytest.raises(OpsError, match="data-volume: delete"):
            looked(world, previewed, harms)


@pytest.mark.parametrize(("device", "own"), [("/srv/toybox/postgres", True), ("/srv/toybox/media", False)])
def test_pointers_that_follow_the_server_are_no_finding_after_an_update_that_failed(
    world: World, device: str, own: bool
) -> None:
    """It had made the server, and not yet the Docker volumes on it: neither the way on nor the way back would begin."""

    def pointer(to: str) -> dict[str, Any]:
        options = {"type": "none", "o": "bind", "device": to}
        return {"type": declared.DOCKER_VOLUME, "id": "x", "inputs": {"driver": "local", "driverOpts": options}}

    urn = f"urn:pulumi:prod::toybox::{declared.DOCKER_VOLUME}::volumes-postgres"
    previewed = with_step("replace", urn, pointer("/srv/toybox/postgres"), pointer(device))
    if own:
        assert looked(world, previewed) == ["The update does nothing else."]
    else:
        with pytest.raises(OpsError, match="volumes-postgres: replace"):
            looked(world, previewed)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda: ("", "error: passphrase", False), "passphrase"),
        (lambda: (json.dumps(nothing_to_do("prod")), "error: it broke off", False), "it broke off"),
        (lambda: (json.dumps({**nothing_to_do("prod"), "changeSummary": None}), "", True), "did not finish"),
    ],
)
def test_without_a_whole_preview_nothing_begins(
    world: World, broken: Callable[[], tuple[str, str, bool]], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryStack, "preview", lambda *_, **__: broken())
    with pytest.raises(OpsError, match=says):
        foresight.refuse_more(MemoryStack("prod", world), lambda _: None)


@pytest.mark.parametrize(
    ("recording", "harms", "left"),
    [
        pytest.param("no-change", None, set(), id="nothing else"),
        pytest.param("data-volume-gone", foresight.MAKING, set(), id="a restore that was killed took it out"),
        pytest.param("state-lost", foresight.MAKING, set(), id="a lost state is adopted"),
        pytest.param("flavor", None, set(), id="another flavor: the server is new anyway"),
        pytest.param("data-volume-gone", None, {("recreate", "data-volume")}, id="nothing is to bring one"),
        pytest.param("data-volume-adopted", None, {("adopt", "data-volume")}, id="nothing is to import one"),
        pytest.param(
            "data-volume-replaced", foresight.REPLACING, {("unprotect", "data-volume")}, id="it loses its protection"
        ),
    ],
)
def test_of_the_engines_own_previews_only_what_is_not_the_commands_purpose_is_left(
    recording: str, harms: Collection[Rule] | None, left: set[tuple[str, str]]
) -> None:
    found = preview.read(recordings.text(recording))
    beyond = foresight.beyond(rules.findings(found), found, harms)
    assert {(each.action, each.name) for each in beyond} == left


def test_what_a_killed_adoption_of_a_lost_state_had_not_made_yet_does_not_stop_the_next_one() -> None:
    """A state on which no update has come to its end: its commands on the host are new to it alone."""
    document = recordings.document("no-change")
    step = recordings.step(document, "host-ready")
    step["op"] = "create"
    del step["oldState"]
    document["changeSummary"] = {"create": 1, "same": document["changeSummary"]["same"] - 1}
    found = preview.read(json.dumps(document))
    findings = rules.findings(found)
    assert ("run", "host-ready") in {(each.action, each.name) for each in findings}
    assert ("run", "host-ready") in {(each.action, each.name) for each in foresight.beyond(findings, found, None)}
    assert foresight.beyond(findings, found, None, first=True) == ()
