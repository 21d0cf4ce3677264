"""What an exported state is, and what importing one would change in what Pulumi knows."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ops import OpsError
from ops.state import exports
from ops.state.store import Version

PROVIDER = {
    "urn": "urn:pulumi:prod::toybox::pulumi:providers:openstack::openstack",
    "type": "pulumi:providers:openstack",
    "custom": True,
    "id": "1",
}


def volume(name: str, its_id: str, stack: str = "prod") -> dict[str, Any]:
    kind = "toybox:data:DataVolume$openstack:blockstorage/volume:Volume"
    return {"urn": f"urn:pulumi:{stack}::toybox::{kind}::{name}", "type": "x", "custom": True, "id": its_id}


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"version": 3, "deployment": {"manifest": {"time": "2026-11-24T03:00:00Z"}, "resources": list(resources)}}


def test_providers_and_the_stack_itself_are_not_counted() -> None:
    root = {"urn": "urn:pulumi:prod::toybox::pulumi:pulumi:Stack::toybox-prod", "type": "pulumi:pulumi:Stack"}
    noted = exports.notes(state(root, PROVIDER, volume("data", "v1")), {"GITHUB_SHA": "abc"})
    assert noted == {"resources": "1", "updated": "2026-11-24T03:00:00Z", "commit": "abc"}
    assert "commit" not in exports.notes(state(), {})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"deployment": null}', '{"deployment": {"resources": [{}]}}'])
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(OpsError, match="Version 1 is no state"):
        exports.parsed(text, "prod", "toybox", "Version 1")


def test_the_state_of_another_stack_is_refused() -> None:
    """Imported, it would have prod's next update change staging's server."""
    with pytest.raises(OpsError, match="the state of another stack") as caught:
        exports.parsed(json.dumps(state(volume("data", "v1", "staging"))), "prod", "toybox", "Version 1")
    assert "Nothing was changed" in str(caught.value)


def test_an_empty_stack_has_a_state_too() -> None:
    assert exports.parsed('{"version": 3, "deployment": {}}', "prod", "toybox", "It")


def test_the_difference_is_told_by_name() -> None:
    present = state(PROVIDER, volume("new", "v2"), volume("data", "v3"))
    older = state(PROVIDER, volume("gone", "v0"), volume("data", "v1"))
    change = exports.difference(present, older)
    kind = "toybox:data:DataVolume$openstack:blockstorage/volume:Volume::"
    assert change == exports.Difference((f"{kind}new",), (f"{kind}gone",), (f"{kind}data",))
    told = exports.told(change)
    assert "1 known now and not in that version; the next update would make them a second time" in told
    assert f"    {kind}gone\n" in told
    assert exports.told(exports.difference(older, older)) == "  the same resources with the same ids\n"


def test_a_lost_state_forgets_nothing_more() -> None:
    change = exports.difference(None, state(volume("data", "v1")))
    assert (change.forgotten, len(change.remembered), change.another) == ((), 1, ())


def versions(*ids: str) -> tuple[Version, ...]:
    return tuple(Version(each, datetime(2026, 11, 24, tzinfo=UTC), 10) for each in ids)


def test_the_beginning_of_a_version_is_enough_if_it_is_one() -> None:
    there = versions("abc1", "abd2")
    assert exports.chosen(there, "abc", "prod").id == "abc1"
    for wanted, said in {
        "ab": "the beginning of 2 versions",
        "xyz": "There is no version 'xyz'",
        "": "no version",
    }.items():
        with pytest.raises(OpsError, match=said):
            exports.chosen(there, wanted, "prod")
    with pytest.raises(OpsError, match="Did you mean abc1"):
        exports.chosen(there, "abx1", "prod")
    with pytest.raises(OpsError, match="There is no exported state of prod"):
        exports.chosen((), "abc", "prod")
