"""What the cloud has under a stack's names and its state does not know: what is removable, and what blocks."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from conoha import leftovers
from conoha.leftovers import There, known, refusal

BOOT, DATA, SERVER = "b007", "da7a", "5e71"


def state(*resources: tuple[str, str, str], **flags: Any) -> leftovers.Known:
    """A state that has these: (type, name, id)."""
    found = [{"type": type_, "urn": f"urn::{name}", "id": id_, **flags} for type_, name, id_ in resources]
    return known(json.dumps({"deployment": {"resources": found}}))


VOLUME = leftovers.TYPES["data volume"]
WHOLE = (
    (VOLUME, "data-volume", DATA),
    (VOLUME, "server-boot-volume", BOOT),
    (leftovers.TYPES["server"], "server-instance", SERVER),
    (leftovers.TYPES["key pair"], "server-key-pair", "toybox-prod"),
    (leftovers.TYPES["security group"], "server-security-group", "6409"),
)


def volume(id_: str, name: str, server: str = "", status: str = "") -> Any:
    """A volume as the SDK shows it."""
    return SimpleNamespace(
        id=id_,
        name=name,
        description="TOYBOX prod: put aside",
        size=200,
        status=status or ("in-use" if server else "available"),
        created_at="2026-11-24T08:53:27",
        attachments=[{"server_id": server}] if server else [],
    )


def server(id_: str, *attached: str, status: str = "ACTIVE", tag: str = "toybox-prod") -> Any:
    """A server as the SDK shows it, called by ConoHa."""
    return SimpleNamespace(
        id=id_,
        name="vm-4f1c",
        status=status,
        created_at="2026-11-24T08:53:37Z",
        metadata={"instance_name_tag": tag},
        attached_volumes=[{"id": each} for each in attached],
    )


PAIR = SimpleNamespace(name="toybox-prod", fingerprint="86:9f")
GROUP = SimpleNamespace(id="6409", name="toybox-prod", description="TOYBOX prod")
BOOT_VOLUME, DATA_VOLUME = volume(BOOT, "toybox-prod-boot", SERVER), volume(DATA, "toybox-prod-data", SERVER)


def found(
    there: There, of: leftovers.Known, *, adopted: str | None = None, blank: bool = False
) -> list[tuple[str, str, bool, bool]]:
    """Kind, id, whether it is removable, whether it blocks."""
    return [
        (each.kind, each.id, each.removable, each.blocks)
        for each in leftovers.leftovers("prod", there, of, adopted=adopted, blank=blank)
    ]


def test_what_the_state_knows_is_no_leftover_and_another_stacks_is_none_either() -> None:
    there = There(
        [server(SERVER, BOOT, DATA), server("other", tag="toybox-prod2")],
        [
            BOOT_VOLUME,
            DATA_VOLUME,
            volume("x", "toybox-prod2-data"),
            volume("y", "toybox-prod-data-before-20261124T0900Z"),
        ],
        [PAIR, SimpleNamespace(name="yuki", fingerprint="")],
        [GROUP, SimpleNamespace(id="d", name="default", description="")],
    )
    assert found(there, state(*WHOLE)) == []
    assert refusal("prod", leftovers.leftovers("prod", there, state(*WHOLE))) == ""


def test_what_is_still_to_be_deleted_is_known() -> None:
    """The former data volume, between the making of the new one and the end of the update."""
    there = There([], [volume(DATA, "toybox-prod-data")], [], [])
    assert found(there, state((VOLUME, "data-volume", DATA), delete=True)) == []


def test_a_server_on_the_states_boot_volume_is_removable_and_its_volumes_are_no_leftovers_of_their_own() -> None:
    there = There([server("new", BOOT, DATA)], [BOOT_VOLUME, DATA_VOLUME], [], [])
    assert found(there, state(*WHOLE)) == [("server", "new", True, True)]
    failed = There([server("new", status="ERROR")], [BOOT_VOLUME, DATA_VOLUME], [], [])
    assert found(failed, state(*WHOLE)) == [("server", "new", True, True)]


@pytest.mark.parametrize("of", [state(), state(*WHOLE)], ids=["lost", "old"])
def test_a_server_whose_boot_volume_the_state_does_not_know_is_not_removable(of: leftovers.Known) -> None:
    """The state is lost, or an old copy: this is prod itself, with all its data."""
    there = There(
        [server("live", "other-boot", "other-data")],
        [volume("other-boot", "toybox-prod-boot", "live"), volume("other-data", "toybox-prod-data", "live")],
        [],
        [],
    )
    assert found(there, of) == [("server", "live", False, True)]
    said = refusal("prod", leftovers.leftovers("prod", there, of))
    assert "toybox adopt --stack prod" in said
    assert "toybox leftovers" not in said


def test_a_boot_volume_is_removable_unless_a_server_has_it() -> None:
    for used_by, removable in (("", True), ("somebodys", False)):
        there = There([], [volume("new", "toybox-prod-boot", used_by)], [], [])
        assert found(there, state(*WHOLE)) == [("boot volume", "new", removable, True)]


def test_a_data_volume_is_never_removable_and_blocks_only_where_the_state_has_none() -> None:
    """An update that was killed, a stack that was destroyed and a state that was lost look alike. Beside one that the
    state has, it costs money and is told; a refresh of staging that is run again must not stop at it."""
    there = There([], [volume("other", "toybox-prod-data")], [], [])
    assert found(there, state()) == [("data volume", "other", False, True)]
    assert found(there, state(*WHOLE)) == [("data volume", "other", False, False)]
    assert found(there, state(), adopted="other") == []
    said = refusal("prod", leftovers.leftovers("prod", there, state()))
    assert "toybox adopt other --stack prod" in said
    assert "toybox leftovers" not in said


def test_no_empty_data_volume_is_made_where_the_stack_had_one() -> None:
    """A restore that was killed leaves a state without one; a clone with the former settings, which say blank, would
    bring up an empty site."""
    volumes = [volume("old", f"toybox-{stack}-data-before-20261124T0900Z") for stack in ("prod", "staging")]
    there = There([], volumes[:1], [], [])
    assert found(there, state(), blank=True) == [("data volume", "old", False, True)]
    assert found(there, state()) == [], "the restore that put it aside goes on"
    assert found(there, state(*WHOLE), blank=True) == []
    assert found(There([], volumes[1:], [], []), state(), blank=True) == []
    said = refusal("prod", leftovers.leftovers("prod", there, state(), blank=True))
    assert "toybox adopt old --stack prod" in said
    assert "TOYBOX prod: put aside" in said


def test_key_pairs_and_security_groups_are_found_by_name() -> None:
    there = There([], [], [PAIR], [GROUP])
    assert found(there, state()) == [
        ("key pair", "toybox-prod", True, True),
        ("security group", "6409", True, True),
    ]


def test_a_key_pair_is_known_by_its_name_only_while_it_is_there() -> None:
    """One with another key is deleted before it is made again under the same name."""
    there = There([], [], [PAIR], [])
    pair = (leftovers.TYPES["key pair"], "server-key-pair", "toybox-prod")
    assert found(there, state(pair)) == []
    assert found(there, state(pair, pendingReplacement=True)) == [("key pair", "toybox-prod", True, True)]


def test_a_server_goes_before_what_it_holds_on_to() -> None:
    boot_volumes = [volume(BOOT, "toybox-prod-boot", "new"), volume("left", "toybox-prod-boot")]
    there = There([server("new", BOOT)], boot_volumes, [PAIR], [GROUP])
    kinds = [each[0] for each in found(there, state((VOLUME, "server-boot-volume", BOOT)))]
    assert kinds == ["server", "boot volume", "key pair", "security group"]


def test_the_refusal_names_each_thing_and_the_commands() -> None:
    there = There([], [volume("left", "toybox-prod-boot"), volume("other", "toybox-prod-data")], [PAIR], [])
    said = refusal("prod", leftovers.leftovers("prod", there, state()))
    for part in ("id left", "id other", "key pair toybox-prod", "toybox adopt other --stack prod", "docs/runbook.md"):
        assert part in said, part
    assert "        toybox leftovers --stack prod\n" in said
    assert max(map(len, said.splitlines())) <= 120


def test_what_is_still_being_made_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conoha.leftovers.time.sleep", lambda _: None)
    looks = iter([volume("new", "toybox-prod-boot", status="creating"), volume("new", "toybox-prod-boot")])
    monkeypatch.setattr("conoha.leftovers.ask", lambda _: There([], [next(looks)], [], []))
    told: list[str] = []
    (only,) = leftovers.find(None, "prod", "{}", told.append).leftovers  # type: ignore[arg-type]
    assert only.status == "available"
    assert len(told) == 1


def test_a_server_or_boot_volume_that_the_cloud_no_longer_has_is_told_with_the_command() -> None:
    """`pulumi up` would say "67 unchanged"."""
    whole = There([server(SERVER, BOOT, DATA)], [BOOT_VOLUME, DATA_VOLUME], [], [])
    assert leftovers.gone("prod", whole, state(*WHOLE)) == ""
    for there, kind in (
        (There([], [BOOT_VOLUME, DATA_VOLUME], [], []), "server"),
        (There(whole.servers, [DATA_VOLUME], [], []), "boot volume"),
    ):
        said = leftovers.gone("prod", there, state(*WHOLE))
        assert f"no longer the {kind}" in said
        assert "pulumi up --stack prod --replace '**::server-boot-volume'" in said
    assert leftovers.gone("prod", There([], [], [], []), state(*WHOLE, pendingReplacement=True)) == ""
