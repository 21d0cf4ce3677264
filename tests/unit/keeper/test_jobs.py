"""A job that finds something wrong fails, keeps what was there and says so; and only a success lets anything go."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keeper import catalogue, database, jobs, mirror, notes, wal
from keeper.notes import Manifest
from keeper.places import Places
from keeper.refusal import Refusal
from keeper.retention import Backup
from tests.unit.keeper.conftest import facts

Told = Callable[..., None]


def refusing(text: str = "it is away") -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> Any:
        raise Refusal(text, "because", "wait")

    return refuse


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Sets what the source's database says of itself."""

    def say(**changes: Any) -> None:
        monkeypatch.setattr(database, "facts", lambda _: facts(**changes))

    say()
    return say


@pytest.fixture
def backups(places: Places, source: Told, monkeypatch: pytest.MonkeyPatch) -> list[Backup]:
    """Barman's catalogue, of which each full run makes one more. What was deleted is noted as "deleted ID"."""
    made: list[Backup] = []

    def take(_: Places) -> str:
        made.insert(0, Backup(f"20261126T1015{len(made):02}", "DONE", 1.0))
        return made[0].id

    known = {"begin_wal": "a", "end_wal": "b", "disk_usage_bytes": 20_000_000}
    monkeypatch.setattr(catalogue, "take_backup", take)
    monkeypatch.setattr(catalogue, "details", lambda *_: {"base_backup_information": known})
    monkeypatch.setattr(catalogue, "drop_expired_backups", lambda *_: iter(["dropped"]))
    monkeypatch.setattr(database, "rows", lambda _: {"public.posts": 7})
    monkeypatch.setattr(database, "newest_mark", lambda _: {"at": "2026-11-26T10:15:00+00:00"})
    monkeypatch.setattr(jobs, "version_of", lambda *_: "version 1")
    return made


def manifests(places: Places, kind: str) -> list[Manifest]:
    return [json.loads(file.read_text()) for file in sorted(places.manifests.glob(f"{kind}*.json"))]


def test_a_manifest_has_what_a_restore_is_compared_with(places: Places, backups: list[Backup]) -> None:
    told = jobs.run_job(places, "full")
    assert told["ok"], told
    assert [told] == manifests(places, "full")
    assert told["backup"] == backups[0].id
    assert told["rows"] == {"public.posts": 7}
    assert (told["source"], told["system_identifier"]) == ("prod", "7000000000000000001")
    assert told["newest_mark"] == "2026-11-26T10:15:00+00:00"
    assert told["versions"]["postgresql"].startswith("15")
    assert {"started", "seconds", "clock_ahead", "backup_bytes", "database_bytes"} <= told.keys()
    assert told["retention"] == {"removed": ["dropped"]}
    assert notes.record(places, "full") == told


def test_nothing_is_let_go_after_a_failure(
    places: Places, backups: list[Backup], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "take_backup", refusing("the backup broke off"))
    monkeypatch.setattr(catalogue, "drop_expired_backups", refusing("something was let go"))
    told = jobs.run_job(places, "full")
    assert not told["ok"]
    assert told["why"].startswith("the backup broke off")
    assert "retention" not in told
    assert notes.record(places, "full") is None


def test_a_failed_run_leaves_the_last_success_on_record(
    places: Places, backups: list[Backup], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = jobs.run_job(places, "full")
    monkeypatch.setattr(time, "time", lambda: good["started_at"] + 60)
    monkeypatch.setattr(database, "facts", refusing())
    assert not jobs.run_job(places, "full")["ok"]
    assert notes.record(places, "full") == good
    newest = notes.newest(places, "full")
    assert newest is not None
    assert not newest["ok"]


def test_a_database_of_less_than_half_the_size_is_refused_before_anything_is_taken(
    places: Places, source: Told, backups: list[Backup]
) -> None:
    jobs.run_job(places, "full")
    source(bytes=4_999_999)
    told = jobs.run_job(places, "full")
    assert "less than half of the last one: 4,999,999, and was 10,000,000" in told["why"]
    assert f"mv {places.records}/full.json" in told["why"]
    assert len(backups) == 1
    source(bytes=5_000_000)
    assert jobs.run_job(places, "full")["ok"]


def test_another_cluster_is_refused_and_the_message_says_how_to_go_on(
    places: Places, source: Told, backups: list[Backup]
) -> None:
    jobs.run_job(places, "full")
    source(system_identifier="7000000000000000002")
    for kind in ("full", "mark", "dump"):
        why = jobs.run_job(places, kind)["why"]
        assert "another database cluster: 7000000000000000002, and not 7000000000000000001" in why
        assert f"mv {places.data}/barman {places.records} {places.data}/former-7000000000000000001/" in why
    assert len(backups) == 1


def test_a_disk_that_keeps_another_stack_is_refused(places: Places, source: Told, backups: list[Backup]) -> None:
    notes.write(places.records / "source.json", {"source": "shop", "system_identifier": "7000000000000000001"})
    assert "This disk keeps stack shop" in jobs.run_job(places, "full")["why"]


def test_another_major_version_is_refused(places: Places, source: Told, backups: list[Backup]) -> None:
    source(major=16)
    assert "PostgreSQL 16, and the keeper is set up for 15" in jobs.run_job(places, "full")["why"]


@pytest.mark.parametrize("kind", jobs.JOBS)
def test_no_job_runs_without_the_keepers_disk(places: Places, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr("os.path.ismount", lambda _: False)
    with pytest.raises(Refusal, match="is not a mounted disk"):
        jobs.run_job(places, kind)
    assert not list(places.manifests.iterdir())


@pytest.mark.parametrize("kind", ["full", "dump"])
@pytest.mark.parametrize("ahead", [-3e7, -301.0, 301.0, 86400.0])
def test_no_backup_is_named_by_a_clock_that_is_wrong(
    places: Places, source: Told, backups: list[Backup], monkeypatch: pytest.MonkeyPatch, kind: str, ahead: float
) -> None:
    """Seen on the lab: a year back, Barman took the new full backup for the first, and deleted all WAL before it."""
    monkeypatch.setattr(catalogue, "take_backup", refusing("a backup was taken"))
    monkeypatch.setattr(catalogue, "drop_expired_backups", refusing("something was let go"))
    source(clock=time.time() - ahead)
    told = jobs.run_job(places, kind)
    assert not told["ok"]
    assert told["why"].startswith("The keeper's clock is")


def test_nothing_is_let_go_by_age_while_the_clocks_differ(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keeper whose clock is a year ahead would find every snapshot too old."""
    monkeypatch.setitem(jobs.PRUNE, "files", refusing("something was let go"))
    assert "no age is certain" in jobs.retention(places, "files", {"clock_ahead": 86400.0})["skipped"]


def test_files_are_let_go_only_while_the_sources_clock_is_known(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pull itself does not ask the database; the mark of the last minute has."""
    assert jobs.last_known_clock(places) == jobs.UNKNOWN
    notes.keep(places, notes.manifest("mark", "prod", time.time(), time.time(), clock_ahead=1.0))
    assert jobs.last_known_clock(places) == 1.0
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert jobs.last_known_clock(places) == jobs.UNKNOWN


def test_a_failing_retention_does_not_make_a_good_backup_a_bad_one(
    places: Places, backups: list[Backup], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "drop_expired_backups", refusing("a file cannot be deleted"))
    told = jobs.run_job(places, "full")
    assert told["ok"]
    assert told["retention"]["skipped"].startswith("a file cannot be deleted")


def test_heavy_jobs_run_one_at_a_time_and_light_ones_beside_them(
    places: Places, source: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "WAIT", 0.0)
    monkeypatch.setitem(jobs.JOBS, "mark", lambda _: {"clock_ahead": 0.0})
    entered, leave = threading.Event(), threading.Event()

    def slow(_: Places) -> Manifest:
        entered.set()
        assert leave.wait(10)
        return {}

    monkeypatch.setitem(jobs.JOBS, "dump", slow)
    running = threading.Thread(target=jobs.run_job, args=(places, "dump"))
    running.start()
    try:
        assert entered.wait(10)
        with pytest.raises(Refusal, match="Another job still runs"):
            jobs.run_job(places, "full")
        assert jobs.run_job(places, "mark")["ok"]
    finally:
        leave.set()
        running.join()


def test_a_program_that_is_missing_or_a_full_disk_ends_in_a_manifest(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_: Places) -> Manifest:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(jobs.JOBS, "files", full_disk)
    assert "No space left on device" in jobs.run_job(places, "files")["why"]


# files

STATS = """
Number of files: 1,204 (reg: 1,200, dir: 4)
Number of created files: 0
Number of regular files transferred: 0
Total file size: 3,221,225,472 bytes
"""
EMPTY = "Number of files: 1 (dir: 1)\nTotal file size: 0 bytes\n"


def test_rsyncs_own_count_is_read() -> None:
    assert mirror.counted(STATS) == (1200, 3221225472)
    assert mirror.counted(EMPTY) == (0, 0)
    with pytest.raises(ValueError, match="no total"):
        mirror.counted("")


@pytest.fixture
def pulled(places: Places, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What rsync says of each volume, and the log of real pulls under "pulled"."""
    said = {"media": STATS, "caddy-data": STATS, "pulled": ""}

    def run(*command: str, **_: object) -> str:
        volume = command[-2].removeprefix("source:").rstrip("/")
        if "--dry-run" not in command:
            said["pulled"] += f"{volume} "
            (places.data / "mirror" / volume / "file").write_text("12345")
        return said[volume]

    monkeypatch.setattr(mirror, "run", run)
    return said


def test_all_volumes_are_looked_at_before_one_is_pulled(places: Places, pulled: dict[str, str]) -> None:
    """caddy-data's disk is away: media is not touched either, or the two would be of different moments."""
    assert mirror.refresh(places) == {name: {"files": 1, "bytes": 5} for name in ("media", "caddy-data")}
    before = {"volumes": {"media": {"files": 1, "bytes": 5}, "caddy-data": {"files": 9, "bytes": 9}}}
    notes.write(places.records / "files.json", before)
    pulled.update({"caddy-data": EMPTY, "pulled": ""})
    with pytest.raises(Refusal, match=r"volume caddy-data \(files\) is empty: 0, and was 9"):
        mirror.refresh(places)
    assert pulled["pulled"] == ""


def test_an_empty_volume_is_right_where_there_never_was_a_file(places: Places, pulled: dict[str, str]) -> None:
    """A site without uploads."""
    pulled["media"] = EMPTY
    mirror.refresh(places)


def test_a_pull_keeps_owners_and_deletes_only_at_its_end(places: Places) -> None:
    command = mirror.pull_command(places, "media")
    assert {"--fake-super", "--numeric-ids", "--delete-delay", "--bwlimit=8192"} <= set(command)
    assert command[-2:] == ["source:media/", f"{places.data}/mirror/media/"]
    assert not {"--delete", "--delete-before"} & set(command)


# the repository


def test_a_repository_that_is_gone_is_not_made_again(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk that was mounted is another one: an empty repository would look like the first."""
    notes.write(places.records / "files.json", {"ok": True})
    monkeypatch.setattr(mirror, "refresh", refusing("the mirror was touched"))
    monkeypatch.setattr(catalogue, "must", refusing("a repository was made"))
    assert jobs.run_job(places, "files")["why"].splitlines()[0].endswith("and earlier runs filled one.")


@pytest.fixture
def restic(places: Places, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were given to restic. The first one makes a repository."""
    ran: list[str] = []

    def must(_: str, __: str, *command: str | Path, **___: object) -> str:
        ran.append(next(word for word in map(str, command) if word in ("init", "backup")))
        return json.dumps({"message_type": "summary", "snapshot_id": "1" * 64})

    monkeypatch.setattr(catalogue, "must", must)
    monkeypatch.setattr(jobs, "version_of", lambda *_: "version 1")
    monkeypatch.setattr(catalogue, "unlock", lambda _: ran.append("unlock"))
    monkeypatch.setitem(jobs.PRUNE, "files", lambda _: {})
    return ran


def test_the_first_repository_is_made_when_the_files_were_pulled(
    places: Places, restic: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In CI the timer of a new keeper made an empty one, and `restore-copy` refused the disk."""
    monkeypatch.setattr(mirror, "refresh", refusing("the source is away"))
    assert jobs.run_job(places, "files")["why"].startswith("the source is away")
    assert restic == []
    monkeypatch.setattr(mirror, "refresh", lambda _: {})
    assert jobs.run_job(places, "files")["ok"]
    assert restic == ["init", "backup"]


def test_the_first_segment_is_asked_for(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a quiet site none would come for days, and Barman takes no backup before."""
    ran: list[str] = []
    monkeypatch.setattr(database, "Session", Session)
    lists = iter([[], [Backup("20261126T101500", "DONE", 1.0)]])
    monkeypatch.setattr(catalogue, "backups", lambda _: next(lists))
    monkeypatch.setattr(catalogue, "must", lambda *command, **_: ran.append(str(command[5])))
    catalogue.take_backup(places)
    assert ran == ["switch-wal", "backup"]


def test_a_full_backup_leaves_a_third_of_a_line_of_100_mbit_to_the_visitors(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(wal, "archived", lambda _: {"00000001000000000000000A": Path()})
    lists = iter([[], [Backup("20261126T101500", "DONE", 1.0)]])
    monkeypatch.setattr(catalogue, "backups", lambda _: next(lists))
    monkeypatch.setattr(catalogue, "must", lambda *command, **_: ran.append(list(map(str, command))))
    catalogue.take_backup(places)
    (command,) = ran
    assert int(command[command.index("--bwlimit") + 1]) * 1024 * 8 < 0.7 * 100e6


def test_a_backup_without_its_wal_is_no_backup(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Barman says DONE only when the WAL that was written meanwhile has arrived."""
    lists = iter([[], [Backup("20261126T101500", "WAITING_FOR_WALS", 1.0)]])
    monkeypatch.setattr(database, "Session", Session)
    monkeypatch.setattr(catalogue, "backups", lambda _: next(lists))
    monkeypatch.setattr(catalogue, "must", lambda *_, **__: "")
    with pytest.raises(Refusal, match="ended as WAITING_FOR_WALS"):
        catalogue.take_backup(places)


# dumps


class Session:
    """A database session that answers what a dump asks."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None: ...

    def ask(self, statement: str) -> Any:
        if statement == database.ROWS:
            return {"public.posts": 7, "public.users": 2}
        return "00000003-0000001B-1" if "pg_export_snapshot" in statement else None


LISTED = "1; 0 1 TABLE DATA public posts toybox\n2; 0 2 TABLE DATA public users toybox\n"


@pytest.fixture
def dumping(places: Places, source: Told, backups: list[Backup], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """pg_dump, whose file has "bytes", and pg_restore, which prints "listed"."""
    said: dict[str, Any] = {"bytes": 1000, "listed": LISTED, "commands": []}

    def must(_: str, __: str, program: Path, *arguments: str, **___: object) -> str:
        said["commands"].append([str(program), *map(str, arguments)])
        if program.name == "pg_dump":
            (file,) = [each.removeprefix("--file=") for each in arguments if each.startswith("--file=")]
            Path(file).write_bytes(b"x" * said["bytes"])
        return str(said["listed"])

    monkeypatch.setattr(jobs, "must", must)
    monkeypatch.setattr(database, "Session", Session)
    return said


def test_a_dump_and_its_rows_are_of_one_moment(places: Places, dumping: dict[str, Any]) -> None:
    told = jobs.run_job(places, "dump")
    assert told["ok"], told["why"]
    dumped, read = dumping["commands"]
    assert dumped[0] == "/usr/lib/postgresql/15/bin/pg_dump", "of the server's own version"
    assert "--snapshot=00000003-0000001B-1" in dumped
    assert read[0].endswith("/pg_restore")
    assert told["rows"] == {"public.posts": 7, "public.users": 2}
    assert [file.name for file in (places.data / "dumps").iterdir()] == [told["dump"]]


@pytest.mark.parametrize("change", [{"listed": LISTED.splitlines()[0]}, {"bytes": 400}], ids=["a table less", "small"])
def test_a_dump_that_is_not_whole_is_not_kept(places: Places, dumping: dict[str, Any], change: dict[str, Any]) -> None:
    notes.write(places.records / "dump.json", {"ok": True, "bytes": 1000, "database_bytes": 10_000_000})
    dumping.update(change)
    told = jobs.run_job(places, "dump")
    assert not told["ok"]
    assert not list((places.data / "dumps").iterdir())
