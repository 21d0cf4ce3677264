"""The keeper pulls from production, and gives back what was acknowledged there when all of production is gone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import loss
from tests.lab.keeper import DATA, SCRATCH, SLOT, Keeper
from tests.lab.test_staging_refresh import sql
from tests.lab.toybox import Toybox, cloud
from tests.lab.writer import new_table, writer
from tests.procedure import Procedures, Shell

CHANGES_BY_ITSELF = {"posts_heartbeat", "django_session"}
"""Tables that the site writes to without anybody."""

FINGERPRINTS = """
SELECT relname, (xpath('/row/f/text()', query_to_xml(format(
    $$SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') AS f FROM %I t$$, relname
), false, true, '')))[1] FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY relname
"""
"""For each table the number of its rows and a hash over them."""


OPEN_PORTS = """
import select, socket, sys
knocks = {}
for port in (*range(1, 900), 2049, 5432, 8000, 8080):
    knock = socket.socket()
    knock.setblocking(False)
    knock.connect_ex((sys.argv[1], port))
    knocks[knock] = port
answered = select.poll()
for knock in knocks:
    answered.register(knock, select.POLLOUT)
select.select([], [], [], 2)
for knock, port in knocks.items():
    if knock.fileno() in dict(answered.poll(0)) and not knock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        print(port)
"""
"""Prints the ports of a machine that let somebody in."""


def test_a_second_update_of_the_keeper_and_of_what_it_keeps_changes_nothing(keeper: Keeper, prod: Toybox) -> None:
    for stack in (keeper, prod):
        done = stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
        assert done.returncode == 0, done.stdout


@pytest.mark.documented("docs/guides/local-cloud.md#the-keeper-on-the-local-cloud")
def test_the_keeper_on_the_local_cloud(keeper: Keeper, procedure: Procedures) -> None:
    """The line with `eval` leads to people's keeper: the rest is run on the tests' own."""
    steps = procedure(Shell(keeper.workspace.program, os.environ))
    steps.run("eval")
    steps.shell.close()
    steps.shell = keeper.shell()
    assert "full of prod" in steps.run("toybox backup run full")
    assert "prod's database: any second from" in steps.run("toybox backup list")
    keeper.backed_up("files", "dump")
    assert "!!" not in steps.run("toybox backup status")


def fingerprints(answer: str) -> dict[str, str]:
    """{table: number of rows and hash}, of those that change only when somebody writes."""
    found = dict(line.split("|", 1) for line in answer.splitlines())
    return {table: told for table, told in found.items() if table not in CHANGES_BY_ITSELF}


def cut_power(prod: Toybox) -> Path:
    """End production's server as a power cut does, and return the file behind its data disk."""
    return loss.cut_power(prod.server()[0])


def power_on(prod: Toybox) -> None:
    """Start production's server again and wait for its database."""
    compute, server = cloud().compute, prod.server()[0]
    compute.reboot_server(server, "HARD")
    compute.wait_for_server(compute.get_server(server), "ACTIVE", interval=0.5, wait=120)
    prod.wait_for_ssh()
    prod.ssh("timeout 90 sh -c 'until systemctl is-active --quiet docker; do sleep 0.5; done'")
    prod.ssh("timeout 60 /usr/local/lib/toybox/await-healthy postgres 60")


@contextmanager
def gone(prod: Toybox) -> Iterator[None]:
    """All of production is gone at one moment: its server has no power, and its data volume is in no cloud."""
    volume = cut_power(prod)
    elsewhere = volume.with_name("gone")
    volume.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(volume)
        power_on(prod)


def test_every_acknowledged_row_comes_back_when_server_and_data_disk_are_gone(keeper: Keeper, prod: Toybox) -> None:
    new_table(prod)
    keeper.backed_up("full")
    before = fingerprints(sql(prod, FINGERPRINTS))
    with writer(prod) as acknowledged:
        acknowledged.wait(300)
        with gone(prod):
            told = set(acknowledged.rows)
            with keeper.scratch("latest") as scratch:
                there = {int(number) for number in scratch.sql("SELECT number FROM kept").split()}
                after = fingerprints(scratch.sql(FINGERPRINTS))
    lost = told - there
    assert not lost, f"{len(lost)} of {len(told)} acknowledged rows are lost, from {min(lost)} on"
    assert {**after, "kept": ""} == {**before, "kept": ""}
    assert len(before) > 10
    sql(prod, "DROP TABLE kept")
    prod.up("--refresh")


def test_an_upload_comes_back_with_its_bytes_after_it_was_deleted(keeper: Keeper, prod: Toybox) -> None:
    folder, name = "/srv/toybox/media/kept", "a picture of \u6771\u4eac.png"
    made = prod.ssh(f"mkdir -p {folder} && head -c 300000 /dev/urandom | tee '{folder}/{name}' | sha256sum")
    keeper.backed_up("files")
    code, listed = keeper.run("list")
    assert code == 0
    prod.ssh(f"rm -r {folder}")
    keeper.backed_up("files")  # which finds it deleted
    try:
        before = listed["files"][0]["of"]
        keeper.ssh(f"toybox-keeper restore-files media 'kept/{name}' --at '{before}' --target {SCRATCH}")
        found = keeper.ssh(f"find {SCRATCH} -type f -exec sha256sum {{}} +").splitlines()
        assert [line.split()[0] for line in found] == [made.split()[0]]
    finally:
        keeper.ssh(f"rm -rf {SCRATCH}")


def test_an_intruder_who_is_root_on_production_deletes_nothing_that_is_kept(keeper: Keeper, prod: Toybox) -> None:
    """It finds no credential and no way to the keeper. It deletes the data, and the keeper keeps every earlier
    second."""
    sql(prod, "CREATE TABLE loot AS SELECT generate_series(1, 1000) AS number")
    keeper.backed_up("full", "files", "dump")
    moment = sql(prod, """SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""")
    before = keeper.kept()
    machine = keeper.machine.address
    assert prod.ssh(f"python3 - {machine}", OPEN_PORTS).split() == ["22"]
    find = "find / /srv/toybox -xdev -type f -size -16k -exec grep -l '^-----BEGIN .*PRIVATE KEY' {} + 2>/dev/null"
    keys = prod.ssh(find, check=False).split()
    assert "/etc/ssh/ssh_host_ed25519_key" in keys
    known = f"-o KnownHostsCommand='/bin/echo {machine} {keeper.machine.host_key()}'"
    ssh = f"ssh -o BatchMode=yes -o IdentitiesOnly=yes {known}"
    for user in ("root", "barman"):
        tries = "; ".join(f"{ssh} -i {key} {user}@{machine} rm -rf {DATA} 2>&1" for key in keys)
        said = prod.ssh(tries, check=False)
        assert said.count(f"{user}@{machine}: Permission denied") == len(keys), said
    media = "/srv/toybox/media"
    sql(prod, "DROP TABLE loot; CHECKPOINT")
    prod.ssh(f"mkdir {media}.loot && find {media} -mindepth 1 -maxdepth 1 -exec mv -t {media}.loot {{}} +")
    try:
        code, told = keeper.run("run files")
        assert code == 1
        assert "media" in told["why"]
        assert keeper.kept().items() >= before.items()
        with keeper.scratch(moment) as scratch:
            assert scratch.sql("SELECT count(*) FROM loot") == "1000"
    finally:
        prod.ssh(f"find {media}.loot -mindepth 1 -maxdepth 1 -exec mv -t {media} {{}} + && rmdir {media}.loot")
    keeper.backed_up("files")


def test_a_dead_keeper_does_not_stop_production_and_catches_up(keeper: Keeper, prod: Toybox) -> None:
    keeper.machine.stop()
    try:
        sql(prod, "CREATE TABLE missed AS SELECT generate_series(1, 1000) AS number; SELECT pg_switch_wal();")
        assert prod.browser().get("/").status_code == 200
        assert sql(prod, SLOT) == "f|reserved"
        assert sql(prod, "SHOW max_slot_wal_keep_size") != "-1"
        code, told = keeper.run("status")
        assert code == 1
        assert not told["ok"]
    finally:
        keeper.machine.start()
    keeper.await_stream()
    with keeper.scratch("latest") as scratch:
        assert scratch.sql("SELECT count(*) FROM missed") == "1000"
    sql(prod, "DROP TABLE missed")


def test_a_job_whose_source_is_missing_or_another_one_fails_and_keeps_what_was_there(keeper: Keeper) -> None:
    keeper.backed_up("full", "files", "dump")
    before = keeper.kept()
    way = f"blackhole {keeper.prod.outputs()['address']}/32"
    keeper.ssh(f"ip route add {way} && systemctl restart --no-block toybox-keeper-tunnel")
    try:
        for kind in ("full", "files", "dump"):
            code, told = keeper.run(f"run {kind}")
            assert code == 1
            assert told["why"], kind
    finally:
        keeper.ssh(f"ip route delete {way} && systemctl restart toybox-keeper-tunnel")
    record = f"{DATA}/records/source.json"
    keeper.ssh(f"cp --preserve {record} {record}.real && sed -i 's/[0-9]\\{{19\\}}/7000000000000000001/' {record}")
    try:
        for kind in ("full", "dump"):
            code, told = keeper.run(f"run {kind}")
            assert code == 1
            assert "another database cluster" in told["why"]
    finally:
        keeper.ssh(f"mv {record}.real {record}")
    assert keeper.kept().items() >= before.items()
    keeper.backed_up("full", "files", "dump")
