"""The data volume in an exported state: found, and taken out without a dangling reference."""

import json
from typing import Any

import pytest

from conoha.names import is_aside
from ops.data.volume import state
from ops.data.volume.aside import aside_name
from ops.data.volume.former import deletable
from ops.restore_points.model import Volume
from tests.unit.ops.data.volume.test_choice import NOW

PREFIX = "urn:pulumi:prod::toybox::"
URN = f"{PREFIX}toybox:data:DataVolume$openstack:blockstorage/volume:Volume::data-volume"
SERVER = f"{PREFIX}openstack:compute/instance:Instance::server-instance"


def exported(*volumes: dict[str, Any]) -> str:
    resources = [
        {"urn": f"{PREFIX}pulumi:pulumi:Stack::toybox-prod", "id": ""},
        {"urn": f"{PREFIX}pulumi:providers:openstack::openstack", "id": "provider"},
        *volumes,
        {
            "urn": SERVER,
            "id": "server",
            "dependencies": [URN, "other"],
            "propertyDependencies": {"blockDevices": [URN, "other"], "name": None},
            "deletedWith": URN,
            "replaceWith": [URN],
        },
    ]
    return json.dumps(
        {"version": 3, "deployment": {"resources": resources, "pending_operations": [{"type": "creating"}]}}
    )


VOLUME = {"urn": URN, "id": "volume", "protect": True, "inputs": {"backupId": "backup"}}


def test_it_is_found_with_its_protection() -> None:
    assert state.recorded(exported(VOLUME)) == state.Recorded(URN, "volume", protected=True)
    assert state.recorded(exported()) is None
    assert state.recorded('{"version": 3, "deployment": null}') is None


def test_the_former_one_of_an_interrupted_replacement_is_not_taken_for_it() -> None:
    former = {**VOLUME, "id": "former", "delete": True}
    found = state.recorded(exported(former, VOLUME))
    assert found is not None
    assert found.id == "volume"


def test_nothing_points_to_it_once_it_is_out() -> None:
    """The engine refuses a state whose references lead nowhere."""
    after = state.without(exported(VOLUME), URN)
    assert URN not in after
    (server,) = [each for each in json.loads(after)["deployment"]["resources"] if each["urn"] == SERVER]
    assert server["dependencies"] == ["other"]
    assert server["propertyDependencies"] == {"blockDevices": ["other"], "name": []}
    assert "pending_operations" not in json.loads(after)["deployment"]


def test_a_lost_state_is_empty_and_one_with_a_server_is_not() -> None:
    assert state.is_empty('{"version": 3, "deployment": {}}')
    assert not state.is_empty(exported())


def volume(name: str, id_: str = "a", server: str | None = None, word: str = "available") -> Volume:
    return Volume(id=id_, name=name, size=200, word=word, created_at=NOW, metadata={}, server_id=server)


def test_only_stagings_own_former_volumes_are_ever_deleted() -> None:
    own = "toybox-staging-data"
    volumes = [
        volume(own, "leftover"),
        volume(own, "present", server="server"),
        volume(own, "detached"),
        volume("toybox-prod-data", "prod"),
        volume("toybox-staging-data-before-20261124T0900Z", "kept"),
        volume("made-by-hand", "adopted"),
    ]
    keep = {"detached"}
    found = deletable(volumes, "staging", keep=keep, is_production=False)
    assert [each.id for each in found] == ["leftover"]
    found = deletable(volumes, "staging", keep=keep, aside={"kept"}, is_production=False)
    assert [each.id for each in found] == ["leftover", "kept"]
    with pytest.raises(ValueError, match="prod"):
        deletable(volumes, "prod", keep=(), is_production=True)


def test_a_volume_that_was_put_aside_is_known_by_its_name() -> None:
    name = aside_name("prod", NOW)
    assert name == "toybox-prod-data-before-20261124T0900Z"
    assert is_aside(name, "prod")
    assert not is_aside(name, "staging")
    assert not is_aside("toybox-prod-data", "prod")
