"""A drill restores what is kept, says so with the machine's signature, and finds every kind of damage."""

import json
from typing import Any

import pytest

from tests.lab.keeper import DATA, Keeper
from tests.procedure import Procedures, Shell

SERVER = f"[p]ostgres -D {DATA}"
"""A scratch server's process."""
WEB = "[g]unicorn toybox"
"""TOYBOX's own process."""


def drill(keeper: Keeper) -> dict[str, Any]:
    """What a drill on the keeper says of itself."""
    said = keeper.ssh("toybox-keeper drill --json 2>/dev/null", check=False)
    return dict(json.loads(said))


def between_marks(keeper: Keeper) -> None:
    """Let there be seconds with a mark on both sides, before a pull of the files."""
    keeper.ssh("toybox-keeper run mark; sleep 3; toybox-keeper run mark; toybox-keeper run archive")
    keeper.backed_up("files")


def good_drill(keeper: Keeper) -> dict[str, Any]:
    """What a drill says that found everything right."""
    keeper.backed_up("full", "dump")
    between_marks(keeper)
    keeper.backed_up("copy")
    told = drill(keeper)
    assert told["ok"], told["why"]
    return told


@pytest.fixture(scope="module")
def drilled(keeper: Keeper) -> dict[str, Any]:
    """A drill that found everything right."""
    return good_drill(keeper)


@pytest.mark.documented("docs/keeper.md#the-drill")
def test_a_drill_by_hand(keeper: Keeper, drilled: dict[str, Any], procedure: Procedures) -> None:
    """Everything that it restored is verified, and nothing else."""
    image = keeper.prod.outputs()["web"]["image"]
    steps = procedure(Shell(keeper.workspace.program, keeper.environment))
    said = steps.run("toybox drill --from copy")
    assert "was restored from the copy" in said
    said = steps.run("toybox drill")
    assert "Verified, and signed by the keeper's machine" in said
    assert "no row without its file" in said
    assert f"{image} starts on it, and passes its health check" in said
    code, listed = keeper.run("list")
    assert code == 0
    record = json.loads(listed["drill"]["text"])
    assert record["image"] == image
    verified = [each["id"] for each in (*listed["full"], *listed["files"]) if each["verified"]]
    assert verified == [record["backup"], record["snapshot"][:8]]
    assert [each["name"] for each in listed["dumps"] if each["verified"]] == [record["dump"]]
    assert "the checksum of every file" in steps.run("toybox backup verify")
    for identifier in (record["backup"], record["snapshot"][:8], record["dump"]):
        code, told = keeper.run(f"verify {identifier}")
        assert (code, told["verified"]) == (0, True), told
    assert f"{record['second']} was restored" in steps.run("toybox backup status")
    assert keeper.ssh(f"ls -A {DATA}/restored; pgrep --full --list-full '{SERVER}|{WEB}' || true") == ""
    assert keeper.ssh(f"ls -A {DATA}/images").split() == [image.split("@")[1].replace(":", "-")]


def test_an_edited_record_verifies_nothing(keeper: Keeper, drilled: dict[str, Any]) -> None:
    record = f"{DATA}/records/drill.json"
    keeper.ssh(
        f'cp --preserve=all {record} /run/record && sed -i \'s/"rto_seconds": [0-9.]*/"rto_seconds": 0.1/\' {record}'
    )
    try:
        code, told = keeper.run("status")
        assert code == 1
        (line,) = [check for check in told["checks"] if check["name"] == "drill"]
        assert "its signature is not that of toybox:machine.hostKey" in line["text"]
        assert line["command"] == "toybox drill --stack keeper"
        assert not any(each["verified"] for each in keeper.run("list")[1]["full"])
    finally:
        keeper.ssh(f"cp --preserve=all /run/record {record}")
