"""A state that is handed over is whole, encrypted, and kept as it came; the newest of each stack stay."""

import json
import time
from typing import Any

import pytest

from keeper import states
from keeper.places import Places
from keeper.refusal import Refusal
from ops import OpsError
from ops.state import keep

SENT: dict[str, Any] = {
    "stack": "prod",
    "state": {"deployment": {"secrets_providers": {"type": "passphrase"}, "resources": [{"urn": "x"}]}},
    "settings": {"Pulumi.yaml": "name: toybox\n"},
}


def test_what_was_handed_over_lies_there_as_it_was_sent(places: Places) -> None:
    told = states.keep(places, json.dumps(SENT))
    assert json.loads((places.data / "states" / told["kept"]).read_text()) == SENT
    assert told["sha256"] == states.digest(SENT)


def test_the_same_state_is_kept_once_and_a_new_one_beside_it(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    first = states.keep(places, json.dumps(SENT))
    monkeypatch.setattr(time, "time", lambda: 4e9)
    again = states.keep(places, json.dumps(SENT))
    assert (again["kept"], again["new"]) == (first["kept"], False)
    other = states.keep(places, json.dumps({**SENT, "settings": {"Pulumi.yaml": "another"}}))
    assert states.names(places, "prod") == [other["kept"], first["kept"]]


def test_the_oldest_go_and_none_of_another_stack(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "NEWEST", 2)
    (places.data / "states" / "prod-eu-20200101T000000Z.json").write_text("{}")
    for day in range(4):
        monkeypatch.setattr(time, "time", lambda day=day: 1.8e9 + day * 86400)
        states.keep(places, json.dumps({**SENT, "settings": {"day": str(day)}}))
    assert [name[:6] for name in states.names(places, "prod")] == ["prod-2"] * 2
    assert states.names(places, "prod-eu") == ["prod-eu-20200101T000000Z.json"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stack": "../prod"}, "no whole state"),
        ({"settings": {}}, "no whole state"),
        ({"state": {}}, "no state with its settings"),
        ({"state": {"deployment": {"secrets_providers": {"type": "plain"}, "resources": [1]}}}, "not encrypted"),
    ],
)
def test_what_is_no_encrypted_state_is_not_kept(places: Places, change: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        states.keep(places, json.dumps({**SENT, **change}))
    with pytest.raises(Refusal, match="no state with its settings"):
        states.keep(places, json.dumps(SENT)[:-5])
    assert not list((places.data / "states").iterdir())


def test_the_passphrase_is_never_handed_over() -> None:
    with pytest.raises(OpsError, match="Nothing was handed over") as refused:
        keep.document("prod", SENT["state"], {"Pulumi.prod.yaml": "# canary 東京"}, "canary 東京")
    assert "canary" not in str(refused.value)
    assert keep.document("prod", SENT["state"], SENT["settings"], "canary") == SENT


def test_a_keeper_that_has_something_else_on_its_disk_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper: Any = type("Keeper", (), {"stack": type("Stack", (), {"name": "keeper"}), "ssh": "ssh x"})
    monkeypatch.setattr(keep, "answered", lambda *_, **__: {"kept": "prod.json", "sha256": "another"})
    with pytest.raises(OpsError, match="has another state on its disk"):
        keep.hand_over(keeper, SENT)
