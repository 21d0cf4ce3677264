"""A drill restores what is kept, says so with the machine's signature, and finds every kind of damage."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.lab.keeper import DATA, Keeper
from tests.lab.test_staging_refresh import sql
from tests.lab.toybox import Toybox
from tests.procedure import Procedures, Shell

FLIP = """
import os, sys
with open(sys.argv[1], "r+b") as file:
    file.seek(os.path.getsize(sys.argv[1]) // 2)
    (byte,) = file.read(1)
    file.seek(-1, os.SEEK_CUR)
    file.write(bytes([byte ^ 1]))
"""
"""Flips one bit in the middle of a file."""

SERVER = f"[p]ostgres -D {DATA}"
"""A scratch server's process."""
BASES = "for base in barman/prod/base/*/; do find $base -type f -path '*/base/*' -size +64k | sort | head -1; done"
SEGMENTS = "for name in $(sed -n s/^begin_wal=//p barman/prod/base/*/backup.info); do ls barman/prod/wals/*/$name; done"
"""Of every full backup, for a drill chooses with which one it begins: a file, and the first segment that it needs."""


def drill(keeper: Keeper) -> dict[str, Any]:
    """What a drill on the keeper says of itself."""
    said = keeper.ssh("toybox-keeper drill --json 2>/dev/null", check=False)
    return dict(json.loads(said))


@contextmanager
def flipped(keeper: Keeper, find: str) -> Iterator[None]:
    """A bit is flipped for a while in each file of what is kept that a shell command in its folder names."""
    files = keeper.ssh(f"cd {DATA} && {find}").split()
    assert files
    keeper.ssh(
        "rm -rf /root/whole && mkdir /root/whole"
        f" && cd {DATA} && cp --preserve=all --parents {' '.join(files)} /root/whole"
    )
    try:
        for file in files:
            keeper.ssh(f"python3 - {DATA}/{file}", FLIP)
        yield
    finally:
        keeper.ssh(f"cp --preserve=all --recursive /root/whole/. {DATA}")


def between_marks(keeper: Keeper) -> None:
    """Let there be seconds with a mark on both sides, before a pull of the files."""
    keeper.ssh("toybox-keeper run mark; sleep 3; toybox-keeper run mark; toybox-keeper run archive")
    keeper.backed_up("files")


@pytest.fixture(scope="module")
def drilled(keeper: Keeper) -> dict[str, Any]:
    """A drill that found everything right."""
    keeper.backed_up("full", "dump")
    between_marks(keeper)
    keeper.backed_up("copy")
    told = drill(keeper)
    assert told["ok"], told["why"]
    return told


@pytest.mark.documented("docs/keeper.md#the-drill")
def test_a_drill_by_hand(keeper: Keeper, drilled: dict[str, Any], procedure: Procedures) -> None:
    """Everything that it restored is verified, and nothing else."""
    steps = procedure(Shell(keeper.workspace.program, keeper.environment))
    said = steps.run("toybox drill --from copy")
    assert "was restored from the copy" in said
    said = steps.run("toybox drill")
    assert "Verified, and signed by the keeper's machine" in said
    assert "no row without its file" in said
    code, listed = keeper.run("list")
    assert code == 0
    record = json.loads(listed["drill"]["text"])
    verified = [each["id"] for each in (*listed["full"], *listed["files"]) if each["verified"]]
    assert verified == [record["backup"], record["snapshot"][:8]]
    assert [each["name"] for each in listed["dumps"] if each["verified"]] == [record["dump"]]
    assert "the checksum of every file" in steps.run("toybox backup verify")
    for identifier in (record["backup"], record["snapshot"][:8], record["dump"]):
        code, told = keeper.run(f"verify {identifier}")
        assert (code, told["verified"]) == (0, True), told
    assert f"{record['second']} was restored" in steps.run("toybox backup status")
    assert keeper.ssh(f"ls -A {DATA}/restored; pgrep --full --list-full '{SERVER}' || true") == ""


def test_an_edited_record_verifies_nothing(keeper: Keeper, drilled: dict[str, Any]) -> None:
    record = f"{DATA}/records/drill.json"
    keeper.ssh(
        f'cp --preserve=all {record} /root/record && sed -i \'s/"rto_seconds": [0-9.]*/"rto_seconds": 0.1/\' {record}'
    )
    try:
        code, told = keeper.run("status")
        assert code == 1
        (line,) = [check for check in told["checks"] if check["name"] == "drill"]
        assert "its signature is not that of toybox:machine.hostKey" in line["text"]
        assert line["command"] == "toybox drill --stack keeper"
        assert not any(each["verified"] for each in keeper.run("list")[1]["full"])
    finally:
        keeper.ssh(f"cp --preserve=all /root/record {record}")


@pytest.mark.parametrize(
    ("find", "said"),
    [
        (BASES, "is damaged"),
        (SEGMENTS, "Barman"),
        ("ls -S repository/data/*/* | head -1", "Restoring snapshot"),
        ("ls dumps/*.dump | tail -1", "is not as it was written"),
    ],
    ids=["full", "segment", "pack", "dump"],
)
def test_one_flipped_bit_fails_the_drill_and_what_was_verified_stays_so(
    keeper: Keeper, drilled: dict[str, Any], find: str, said: str
) -> None:
    before = keeper.ssh(f"cat {DATA}/records/drill.json {DATA}/records/verified.json")
    with flipped(keeper, find):
        told = drill(keeper)
    assert not told["ok"]
    assert said in told["why"]
    assert keeper.ssh(f"cat {DATA}/records/drill.json {DATA}/records/verified.json") == before


def test_a_killed_drill_leaves_no_server_and_the_next_one_clears_up(keeper: Keeper, drilled: dict[str, Any]) -> None:
    kill = (
        "toybox-keeper drill >/dev/null 2>&1 & "
        f"timeout 60 sh -c 'until [ -e {DATA}/restored/.drill/socket/.s.PGSQL.5432 ]; do sleep 0.05; done'; "
        f"pkill --signal KILL --full -- '[-]m keeper drill'; sleep 1; pgrep --full --list-full '{SERVER}'; true"
    )
    assert keeper.ssh(kill) == ""
    assert keeper.ssh(f"ls -A {DATA}/restored").split() == [".drill"]
    assert drill(keeper)["ok"]
    assert keeper.ssh(f"ls -A {DATA}/restored") == ""


def test_a_row_whose_upload_is_gone_is_found(keeper: Keeper, drilled: dict[str, Any], prod: Toybox) -> None:
    file = sql(prod, "SELECT file FROM posts_image ORDER BY id LIMIT 1")
    prod.ssh(f"mv /srv/toybox/media/{file} /srv/toybox/media/away")
    try:
        keeper.backed_up("files", "dump", "files")
        told = drill(keeper)
    finally:
        prod.ssh(f"mv /srv/toybox/media/away /srv/toybox/media/{file}")
    assert not told["ok"]
    assert f"posts_image.file: {file}" in told["why"]


def test_what_comes_from_the_source_harms_nothing_that_is_kept(keeper: Keeper, prod: Toybox) -> None:
    """An intruder in the database leaves an index whose function runs a command wherever it is made or checked."""
    before = keeper.kept()
    harm = f"rm -rf {DATA}/repository {DATA}/barman {DATA}/dumps; touch /tmp/sprung /var/lib/barman/sprung; true"
    trap = f"""
        CREATE FUNCTION public.spring() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
            COPY (SELECT 1) TO PROGRAM '{harm}'; RETURN 1;
        END $$;
        CREATE FUNCTION public.trap(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
            RETURN public.spring();
        END $$;
        CREATE TABLE public.trap AS SELECT 1 AS number;
        CREATE INDEX ON public.trap (public.trap(number));
    """
    sql(prod, trap)
    try:
        keeper.backed_up("dump", "files")
        assert drill(keeper)["dump_rows"]["public.trap"] == 1
    finally:
        sql(prod, "DROP TABLE public.trap; DROP FUNCTION public.trap, public.spring")
    assert keeper.kept().items() >= before.items()
    assert keeper.ssh("ls /tmp/sprung /var/lib/barman/sprung", check=False).count("cannot access") == 2
