"""Jobs, disks, timers and clocks of the keeper fail one after the other: it says so, keeps what it has, and goes on."""

import json
import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from lab.openstack import system_container
from tests.lab.keeper import DATA, Keeper
from tests.lab.test_staging_refresh import sql
from tests.lab.toybox import Toybox
from tests.lab.writer import fill, new_table, writer

BASE_BACKUP = "[p]g_basebackup .*--pgdata"
"""The process that copies the database. Barman also runs the program for its version, which may fail."""


@pytest.fixture(scope="module", autouse=True)
def tables(prod: Toybox) -> Iterator[None]:
    """50 MB in the database, so that a job takes long enough to be killed."""
    fill(prod, "large", 25_000)
    new_table(prod)
    yield
    sql(prod, "DROP TABLE large; DROP TABLE kept")


def test_each_full_backup_restores_to_the_fingerprint_of_its_own_time(keeper: Keeper, prod: Toybox) -> None:
    new_table(prod)
    generations = []
    for number in range(3):
        sql(prod, f"INSERT INTO kept (number) SELECT generate_series({number * 1000}, {number * 1000 + 499})")
        keeper.backed_up("full")
        sql(prod, f"INSERT INTO kept (number) SELECT generate_series({number * 1000 + 500}, {number * 1000 + 599})")
        moment = sql(prod, """SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""")
        generations.append((moment, sql(prod, FINGERPRINT)))
    sql(prod, "INSERT INTO kept (number) VALUES (-1)")
    for moment, fingerprint in generations:
        with keeper.scratch(moment) as scratch:
            assert scratch.sql(FINGERPRINT) == fingerprint


FINGERPRINT = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY number)) FROM kept t"


def test_a_full_disk_of_the_keeper_stops_nothing_in_production_and_loses_nothing(keeper: Keeper, prod: Toybox) -> None:
    before = keeper.kept()
    # allocated and not written: the disk's file on this machine stays small. The rest is.
    keeper.ssh(
        f"cd {DATA} && fallocate -l $(($(df --output=avail -B1 . | tail -1) - (64 << 20))) full && chown barman: full"
        " && { runuser -u barman -- sh -c 'cat /dev/zero >>full' 2>/dev/null || true; }"
    )
    try:
        assert keeper.ssh(f"df --output=avail -B1M {DATA} | tail -1").strip() in ("0", "1"), "df rounds up"
        for kind in ("full", "files", "dump"):
            said = keeper.ssh(f"toybox-keeper run {kind} --json; echo ended with $?")
            assert "No space left on device" in said, kind
            assert "ended with 1" in said, kind
            assert "disk" in keeper.problems()
        sql(prod, "DROP TABLE IF EXISTS missed")
        sql(prod, "CREATE TABLE missed AS SELECT number, md5(number::text) FROM generate_series(1, 10000) AS number")
        assert prod.browser().get("/").status_code == 200
    finally:
        keeper.ssh(f"rm -f {DATA}/full")
    assert keeper.kept().items() >= before.items()
    keeper.await_stream()
    keeper.backed_up("full", "files", "dump")
    with keeper.scratch("latest") as scratch:
        assert scratch.sql("SELECT count(*) FROM missed") == "10000"
    sql(prod, "DROP TABLE missed")


def test_a_keeper_whose_wal_production_has_removed_takes_a_new_full_backup_by_itself(
    keeper: Keeper, prod: Toybox
) -> None:
    """As after an absence that is longer than max_slot_wal_keep_size allows: here the slot is gone at once."""
    before = keeper.kept()
    keeper.machine.stop()
    try:
        sql(prod, "SELECT pg_drop_replication_slot('keeper')")
        for _ in range(3):
            fill(prod, "missed", 15_000)
            sql(prod, "SELECT pg_switch_wal()")
            sql(prod, "CHECKPOINT")
        assert prod.browser().get("/").status_code == 200
    finally:
        keeper.machine.start()
    keeper.await_stream(240)
    deadline = time.monotonic() + 300
    while "full: " in (wrong := keeper.problems()) or keeper.ssh(f"ls {DATA}/records").count("full-wanted"):
        assert time.monotonic() < deadline, wrong
        time.sleep(3)
    assert keeper.kept().items() >= before.items()
    code, listed = keeper.run("list")
    assert code == 0
    assert listed["holes"], "the seconds that were lost are told"
    assert "was received and is gone" not in keeper.problems(), "production removed it; nothing vanished here"
    with keeper.scratch("latest") as scratch:
        assert scratch.sql("SELECT count(*) FROM missed") == "15000"
    sql(prod, "DROP TABLE missed")


@pytest.mark.parametrize(
    ("what", "kill"),
    [
        ("full", f"pkill -KILL -f '{BASE_BACKUP}'"),
        ("full", "systemctl kill --signal KILL toybox-keeper-tunnel"),
        ("full", "pkill -KILL -f '[b]arman.*backup'"),
        ("dump", "pkill -KILL -f '[p]g_dump'"),
        ("files", "pkill -KILL -x restic"),
        ("files", "pkill -KILL -x rsync"),
    ],
)
def test_a_job_that_is_killed_says_so_and_the_next_one_succeeds(
    keeper: Keeper, prod: Toybox, what: str, kill: str
) -> None:
    prod.ssh("head -c 64M /dev/urandom >/srv/toybox/media/large")
    before = keeper.kept()
    seen = kill.replace("pkill -KILL", "pgrep") if "pkill" in kill else f"pgrep -f '{BASE_BACKUP}'"
    script = f"""
set -u
rm -f /run/ended
(toybox-keeper run {what} --json >/run/said 2>&1; echo $? >/run/ended) </dev/null &
until {seen} >/dev/null || [ -e /run/ended ]; do sleep 0.02; done
{kill}
timeout 120 sh -c 'until [ -e /run/ended ]; do sleep 0.2; done'
cat /run/ended /run/said
"""
    said = keeper.ssh(script)
    assert said.split()[0] == "1", said
    assert keeper.kept().items() >= before.items()
    keeper.await_stream()
    keeper.backed_up(what)


def test_killed_postgresql_comes_back_and_the_keeper_goes_on(keeper: Keeper, prod: Toybox) -> None:
    new_table(prod)
    with writer(prod) as acknowledged:
        time.sleep(3)
        prod.ssh("docker kill --signal KILL postgres")
    rows = set(acknowledged.rows)
    assert rows
    prod.ssh("docker start postgres >/dev/null; timeout 60 /usr/local/lib/toybox/await-healthy postgres 60")
    keeper.await_stream()
    with keeper.scratch("latest") as scratch:
        assert rows <= {int(number) for number in scratch.sql("SELECT number FROM kept").split()}


def mark_received(keeper: Keeper, seconds: float = 60) -> float:
    """Write a mark into production's database, wait until the keeper has received its commit, and return its time."""
    deadline = time.monotonic() + seconds
    while "ended with 0" not in (said := keeper.ssh("toybox-keeper run mark; echo ended with $?")):
        assert time.monotonic() < deadline, said
        time.sleep(0.5)
    newest = float(keeper.ssh(f"cat {DATA}/records/marks/* | tail -n 1"))
    while datetime.fromisoformat(keeper.run("list")[1]["to"]).timestamp() < newest - 0.001:
        assert time.monotonic() < deadline, "the newest mark was not received"
    return newest


BOOT_DISK = "systemd-journal|dockerd|containerd"
"""Processes that write to the boot disk: they hang when it does, and so do new logins and the site."""


def test_a_boot_disk_that_hangs_keeps_no_second_of_the_database_from_the_keeper(keeper: Keeper, prod: Toybox) -> None:
    """GitLab's archive hung on one, while the data disk went on (INC-14518). A container's cannot be frozen: here all
    that writes to it stands still, and is woken from outside."""
    server = f"label=toybox.lab.server={prod.server()[0]}"
    container = system_container.run("docker", "ps", "--quiet", "--filter", server).strip()
    signal = ("docker", "exec", container, "pkill", "--exact", BOOT_DISK, "--signal")
    system_container.run(*signal, "STOP")
    try:
        mark_received(keeper)
        keeper.backed_up("full")
        newest = mark_received(keeper)
        with keeper.scratch("latest") as scratch:
            found = scratch.sql("SELECT max(extract(epoch FROM at)) FROM mark", database="keeper")
        assert float(found) >= newest - 0.001
    finally:
        system_container.run(*signal, "CONT")
    keeper.backed_up("files")


def test_a_segment_of_wal_that_vanished_is_red(keeper: Keeper) -> None:
    wals = f"{DATA}/barman/prod/wals"
    found = keeper.ssh(f"find {wals} -regextype egrep -regex '.*/[0-9A-F]{{24}}' | sort").split()
    keeper.ssh(f"mv {found[-3]} /var/tmp/vanished")
    try:
        assert f"segment {found[-3].rpartition('/')[2]} was received and is gone" in keeper.problems()
    finally:
        keeper.ssh(f"mv /var/tmp/vanished {found[-3]}")
    assert "was received and is gone" not in keeper.problems()


def test_a_timer_that_is_switched_off_is_red_and_the_next_update_switches_it_on(keeper: Keeper) -> None:
    keeper.ssh("systemctl disable --now toybox-keeper-full.timer 2>&1")
    assert "toybox-keeper-full.timer" in keeper.problems()
    keeper.up()
    assert "toybox-keeper-full.timer" not in keeper.problems()


@pytest.mark.parametrize("clock", ["+1 day", "-1 year"])
def test_a_keeper_whose_clock_is_wrong_is_red_and_removes_nothing(keeper: Keeper, clock: str) -> None:
    """The kernel's clock is this machine's, too: the keeper's programs are given another one by libfaketime."""
    before = keeper.kept()
    for kind, said in (("full", "The keeper's clock is"), ("files", '"skipped": '), ("dump", "The keeper's clock is")):
        told = keeper.ssh(f"runuser -u barman -- faketime '{clock}' toybox-keeper run {kind} --json", check=False)
        assert said in told, told
        assert keeper.kept().items() >= before.items()
    told = keeper.ssh(f"runuser -u barman -- faketime '{clock}' toybox-keeper status --json", check=False)
    assert json.loads(told)["problems"]
    keeper.backed_up("full", "files", "dump")
