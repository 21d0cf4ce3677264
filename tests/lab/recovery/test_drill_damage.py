"""A drill finds damage of every kind, and what it opens harms nothing that is kept."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from keeper import retention
from lab import registry
from tests.lab.keeper import DATA, Keeper
from tests.lab.test_drill import SERVER, WEB, drill, good_drill
from tests.lab.test_staging_refresh import sql
from tests.lab.toybox import Toybox

WEB_FILE = "/etc/toybox-keeper/web.json"

FLIP = """
import os, sys
with open(sys.argv[1], "r+b") as file:
    file.seek(os.path.getsize(sys.argv[1]) // 2)
    (byte,) = file.read(1)
    file.seek(-1, os.SEEK_CUR)
    file.write(bytes([byte ^ 1]))
"""
"""Flips one bit in the middle of a file."""

BASES = "for base in barman/prod/base/*/; do find $base -type f -path '*/base/*' -size +64k | sort | head -1; done"
SEGMENTS = "for name in $(sed -n s/^begin_wal=//p barman/prod/base/*/backup.info); do ls barman/prod/wals/*/$name; done"
"""Of every full backup, for a drill chooses with which one it begins: a file, and the first segment that it needs."""


@contextmanager
def flipped(keeper: Keeper, find: str) -> Iterator[None]:
    """A bit is flipped for a while in each file of what is kept that a shell command in its folder names."""
    files = keeper.ssh(f"cd {DATA} && {find}").split()
    assert files
    keeper.ssh(
        "rm -rf /var/tmp/whole && mkdir /var/tmp/whole"
        f" && cd {DATA} && cp --preserve=all --parents {' '.join(files)} /var/tmp/whole"
    )
    try:
        for file in files:
            keeper.ssh(f"python3 - {DATA}/{file}", FLIP)
        yield
    finally:
        keeper.ssh(f"cp --preserve=all --recursive /var/tmp/whole/. {DATA}")


@pytest.fixture(scope="module")
def drilled(keeper: Keeper) -> dict[str, Any]:
    """A drill that found everything right."""
    return good_drill(keeper)


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


def test_a_drill_that_is_killed_while_toybox_starts_leaves_no_process(keeper: Keeper, drilled: dict[str, Any]) -> None:
    everything = f"{SERVER}|{WEB}|[s]ocat TCP|[r]edis-server"
    kill = (
        "toybox-keeper drill >/dev/null 2>&1 & "
        f"timeout 120 sh -c \"until pgrep --full '{WEB}' >/dev/null; do sleep 0.05; done\" || echo never; "
        f"pkill --signal KILL --full -- '[-]m keeper drill'; sleep 1; pgrep --full --list-full '{everything}'; true"
    )
    assert keeper.ssh(kill) == ""
    assert drill(keeper)["ok"]


@contextmanager
def changed_web(keeper: Keeper, **changes: Any) -> Iterator[None]:
    """The keeper is told something else for a while of how production starts its web process."""
    told = json.loads(keeper.ssh(f"cat {WEB_FILE}"))
    keeper.ssh(f"cp --preserve=all {WEB_FILE} /var/tmp/web.json && cat >{WEB_FILE}", json.dumps({**told, **changes}))
    try:
        yield
    finally:
        keeper.ssh(f"cp --preserve=all /var/tmp/web.json {WEB_FILE}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"health": {"command": ["sh", "-c", "echo the feed is empty; exit 1"], "start": -110, "timeout": 5}},
            "the last one said: the feed is empty",
        ),
        ({"command": ["python", "-c", "raise SystemExit('no such module')"]}, "no such module"),
        ({"image": f"{registry.ADDRESS}/django@sha256:{'0' * 64}"}, "cannot be fetched"),
    ],
    ids=["ill", "ended", "another digest"],
)
def test_an_image_that_does_not_start_fails_the_drill_and_what_was_verified_stays_so(
    keeper: Keeper, drilled: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    before = keeper.ssh(f"cat {DATA}/records/drill.json {DATA}/records/verified.json; ls {DATA}/images")
    with changed_web(keeper, **changes):
        told = drill(keeper)
    assert not told["ok"]
    assert said in told["why"]
    after = keeper.ssh(f"cat {DATA}/records/drill.json {DATA}/records/verified.json; ls {DATA}/images")
    assert after == before


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
    # the new dump may let the oldest go
    expired = sorted(name for name in before if name.startswith("dumps/"))[: 1 - retention.DUMPS]
    assert keeper.kept().items() >= {item for item in before.items() if item[0] not in expired}
    assert keeper.ssh("ls /tmp/sprung /var/lib/barman/sprung", check=False).count("cannot access") == 2
