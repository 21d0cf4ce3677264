"""The keeper's own word is no proof: "verified" is said of what a record names that the pinned machine has signed."""

from dataclasses import replace
from typing import Any

import pytest

from ops.backup import proof
from ops.backup.asking import Keeper
from ops.init import ed25519_key
from settings import ssh_public_key
from tests.unit.ops.backup.conftest import Sign

NOW = 1_800_000_000.0
RECORD: dict[str, Any] = {
    "kind": "drill",
    "ok": True,
    "source": "prod",
    "started_at": NOW - 3600,
    "backup": "20260122T030000",
    "snapshot": "0a1b2c3d" + "0" * 56,
    "dump": "toybox-20260122T031500Z.dump",
}


def test_a_signed_record_of_this_stack_is_a_proof(pinned: Keeper, sign: Sign) -> None:
    assert proof.proved(sign(RECORD), pinned, "drill", NOW) == RECORD


def test_a_record_that_was_edited_by_one_character_proves_nothing(pinned: Keeper, sign: Sign) -> None:
    signed = sign(RECORD)
    signed["text"] = signed["text"].replace("20260122T030000", "20260122T030001")
    with pytest.raises(proof.UnprovedError, match="its signature is not that of"):
        proof.proved(signed, pinned, "drill", NOW)


def test_a_record_that_another_machine_signed_proves_nothing(pinned: Keeper, sign: Sign) -> None:
    for key in (ssh_public_key(ed25519_key()), ""):
        with pytest.raises(proof.UnprovedError, match="its signature is not that of"):
            proof.proved(sign(RECORD), replace(pinned, host_key=key), "drill", NOW)


def test_what_the_machine_signed_for_something_else_proves_nothing(pinned: Keeper, sign: Sign) -> None:
    with pytest.raises(proof.UnprovedError, match="its signature is not that of"):
        proof.proved(sign(RECORD, "git"), pinned, "drill", NOW)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "staging"}, "it is of stack staging"),
        ({"started_at": NOW + 301}, "it is from the future"),
        ({"kind": "drill-copy"}, "the record of something else"),
        ({"ok": False}, "the record of something else"),
    ],
)
def test_a_record_of_something_else_proves_nothing(
    pinned: Keeper, sign: Sign, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(proof.UnprovedError, match=said):
        proof.proved(sign({**RECORD, **change}), pinned, "drill", NOW)


def test_verified_is_what_the_record_names_and_not_what_the_keeper_says() -> None:
    listed = {
        "full": [{"id": "20260122T030000", "verified": False}, {"id": "20260121T030000", "verified": True}],
        "files": [{"id": "0a1b2c3d", "verified": False}, {"id": "0a1b2c3e", "verified": True}],
        "dumps": [{"name": "toybox-20260122T031500Z.dump", "verified": False}, {"name": "x", "verified": True}],
    }
    found = proof.with_verdicts(listed, RECORD)
    assert [[each["verified"] for each in found[kind]] for kind in listed] == [[True, False]] * 3
    nothing = proof.with_verdicts(listed, None)
    assert not any(each["verified"] for kind in listed for each in nothing[kind])
    assert not proof.names(RECORD, "files", "")
