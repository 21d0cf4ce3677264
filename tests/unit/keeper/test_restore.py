"""What cannot be restored as asked is refused before anything is written, with the reason and another way."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper import catalogue, notes, programs, restore, wal
from keeper.places import Places
from keeper.programs import FailedError
from keeper.refusal import Refusal
from keeper.retention import Backup

JST = "2026-01-22T20:49:00+09:00"
AT = 1769082540.0
DAY = 86400.0
BACKUPS = [
    Backup("20260122T030000", "DONE", AT - 8 * 3600),
    Backup("20260121T030000", "DONE", AT - DAY - 8 * 3600),
    Backup("20260120T030000", "FAILED"),
]


CONFIGURATION = f"port = 5432\n\n# Only TOYBOX's own container has this file.\n{restore.ONLY_UNDER_THE_LOCK}\n"
"""The end of the site's postgresql.conf."""


def test_a_time_is_read_with_its_offset_and_refused_without() -> None:
    assert restore.parse_time(JST) == restore.parse_time("2026-01-22T11:49:00Z") == AT
    for text in ("2026-01-22T20:49:00", "2026-01-22 20:49:00 JST", "yesterday", ""):
        with pytest.raises(Refusal, match="is not a time with an offset"):
            restore.parse_time(text)


def test_a_target_is_a_time_that_is_kept() -> None:
    newest = (AT, "000000010000000000000005")
    assert restore.target_of("latest", newest, AT) is None
    assert restore.target_of("latest", None, AT) is None
    assert restore.target_of("2026-01-22T20:48:59+09:00", newest, AT) == AT - 1
    assert restore.target_of(JST, newest, AT) is None, "PostgreSQL finds no commit after it to stop at"
    with pytest.raises(Refusal, match="later than the newest commit that is kept") as refused:
        restore.target_of("2026-01-22T11:49:01Z", newest, AT + 60)
    assert "of 2026-01-22T11:49:00.000Z" in str(refused.value)
    assert "--to latest" in str(refused.value)
    with pytest.raises(Refusal, match="is in the future"):
        restore.target_of("2027-01-22T11:49:01Z", newest, AT)
    with pytest.raises(Refusal, match="is of never"):
        restore.target_of(JST, None, AT)


def test_barman_gets_a_time_in_its_own_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Barman 3.4 drops the offset when it compares: with +09:00 it would leave out the WAL of nine hours."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    monkeypatch.undo()
    try:
        found = restore.barman_time(AT + 0.25)
    finally:
        time.tzset()
    assert found == "2026-01-22 11:49:00.250000+00:00"
    assert programs.UTC["TZ"] == "UTC"


def test_the_backup_is_the_nearest_before_the_target() -> None:
    assert restore.chosen_backup(BACKUPS, None, None) == BACKUPS[0]
    assert restore.chosen_backup(BACKUPS, AT - DAY, None) == BACKUPS[1]
    assert restore.chosen_backup(BACKUPS, AT, "20260121T030000") == BACKUPS[1]


@pytest.mark.parametrize(("target", "wanted"), [(AT - 3 * DAY, None), (AT - DAY, "20260122T030000"), (None, "x")])
def test_a_target_that_no_backup_reaches_is_refused_with_the_oldest_second(target: float, wanted: str | None) -> None:
    with pytest.raises(Refusal, match="reach") as refused:
        restore.chosen_backup(BACKUPS, target, wanted)
    assert notes.iso(AT - DAY - 8 * 3600) in str(refused.value)


def test_an_older_backup_is_offered_where_one_reaches_the_target() -> None:
    assert "--backup 20260121T030000" in restore.others(BACKUPS, BACKUPS[0], AT)
    assert restore.others(BACKUPS, BACKUPS[1], AT) == "No older backup reaches that moment."


def test_the_target_folder_is_a_new_or_an_empty_one(tmp_path: Path) -> None:
    restore.require_target(tmp_path / "new" / "folder")
    restore.require_target(tmp_path / "new" / "folder")
    (tmp_path / "file").write_text("mine")
    for wrong, why in ((tmp_path, "is not empty"), (Path("here"), "absolute"), (tmp_path / ".." / "x", "absolute")):
        with pytest.raises(Refusal, match=why):
            restore.require_target(wrong)
    with pytest.raises(Refusal, match="cannot be used"):
        restore.require_target(tmp_path / "file")


@pytest.fixture
def kept(places: Places, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A catalogue of BACKUPS with their WAL, the last segment unfinished; and a Barman that writes what it would."""
    seen: dict[str, Any] = {"commands": [], "given": 99}
    archived, streaming = places.barman_home / "wals" / "0000000100000000", places.barman_home / "streaming"
    archived.mkdir(parents=True)
    streaming.mkdir()
    for number in (3, 4):
        (archived / f"00000001000000000000000{number}").write_bytes(b"archived")
    (streaming / "000000010000000000000005.partial").write_bytes(b"the last seconds")

    def run(*command: str | Path, **_: object) -> str:
        words = [str(word) for word in command]
        seen["commands"].append(words)
        if "recover" in words:
            folder = "barman_wal" if "--target-time" in words else "pg_wal"
            (Path(words[-1]) / folder).mkdir()
            for segment in sorted(archived.iterdir())[: seen["given"]]:
                shutil.copy(segment, Path(words[-1]) / folder)
            (Path(words[-1]) / "postgresql.conf").write_text(CONFIGURATION)
        return ""

    information = {"base_backup_information": {"begin_wal": "000000010000000000000003"}}
    monkeypatch.setattr(restore, "run", run)
    monkeypatch.setattr(catalogue, "backups", lambda _: BACKUPS)
    monkeypatch.setattr(catalogue, "details", lambda *_: information)
    monkeypatch.setattr(wal, "newest_commit", lambda _: (AT + 1, "000000010000000000000005"))
    return seen


@pytest.mark.parametrize(("to", "folder"), [("latest", "pg_wal"), (JST, "barman_wal")])
def test_the_unfinished_segment_is_restored_without_its_suffix(
    places: Places, kept: dict[str, Any], tmp_path: Path, to: str, folder: str
) -> None:
    """Barman leaves it out, and with it the last seconds: EnterpriseDB/barman issue 393. A second that lies in it needs
    it, too."""
    told = restore.restore_database(places, to, tmp_path / "restored")
    added = tmp_path / "restored" / folder / "000000010000000000000005"
    assert added.read_bytes() == b"the last seconds"
    assert told["added_segments"] == ["000000010000000000000005"]
    assert told["backup"] == "20260122T030000"
    assert (places.barman_home / "streaming" / "000000010000000000000005.partial").exists()


def test_segments_that_are_archived_while_barman_copies_are_restored(
    places: Places, kept: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Production may write on. PostgreSQL would end before the first of them, and say nothing."""
    archived, streaming = places.barman_home / "wals" / "0000000100000000", places.barman_home / "streaming"
    recover = restore.recover

    def and_meanwhile(*arguments: Any) -> None:
        recover(*arguments)
        (streaming / "000000010000000000000005.partial").rename(archived / "000000010000000000000005")
        (streaming / "000000010000000000000006.partial").write_bytes(b"the very last ones")

    monkeypatch.setattr(restore, "recover", and_meanwhile)
    told = restore.restore_database(places, "latest", tmp_path / "restored")
    assert told["added_segments"] == ["000000010000000000000005", "000000010000000000000006"]
    assert (tmp_path / "restored" / "pg_wal" / "000000010000000000000005").read_bytes() == b"the last seconds"


def test_segments_follow_those_of_barman_up_to_a_commit_after_the_moment(
    places: Places, kept: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen on the lab: Barman ended with a segment that was switched after the moment, and whose last commit was before
    it. PostgreSQL: "recovery ended before configured recovery target was reached"."""
    archived = places.barman_home / "wals" / "0000000100000000"
    for number in (5, 6):
        (archived / f"00000001000000000000000{number}").write_bytes(b"archived")
    commits = {"4": [AT - 1], "5": [AT, AT + 0.5], "6": [AT + 9]}
    monkeypatch.setattr(wal, "commits_of", lambda _, name, __: commits[name[-1]])
    kept["given"] = 1
    told = restore.restore_database(places, JST, tmp_path / "restored")
    assert told["added_segments"] == ["000000010000000000000004", "000000010000000000000005"]
    assert len(list((tmp_path / "restored" / "barman_wal").iterdir())) == 3


def test_postgresql_starts_on_what_was_restored_without_the_sites_lock(
    places: Places, kept: dict[str, Any], tmp_path: Path
) -> None:
    """On the keeper it ended with: could not open configuration file "/dev/shm/toybox-holds-the-lock-..."."""
    restore.restore_database(places, "latest", tmp_path / "restored")
    text = (tmp_path / "restored" / "postgresql.conf").read_text()
    assert "port = 5432\n" in text
    assert "include" not in text
    entrypoint = (Path(__file__).parents[3] / "components" / "postgres" / "entrypoint").read_text()
    held = restore.ONLY_UNDER_THE_LOCK.removeprefix("include '").removesuffix("'")
    assert f"held={held}\n" in entrypoint
    assert "include=\"include '$held'\"\n" in entrypoint


def test_the_full_backup_is_verified_before_it_is_copied(places: Places, kept: dict[str, Any], tmp_path: Path) -> None:
    restore.restore_database(places, "latest", tmp_path / "restored")
    programs = [Path(command[0]).name for command in kept["commands"]]
    assert programs == ["barman", "pg_verifybackup", "barman"]
    assert "--no-get-wal" in kept["commands"][-1]
    assert "--target-time" not in kept["commands"][-1]


def test_a_damaged_backup_is_refused_and_an_older_one_offered(
    places: Places, kept: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*command: str | Path, **_: object) -> str:
        if Path(command[0]).name == "pg_verifybackup":
            raise FailedError(1, 'pg_verifybackup: error: checksum mismatch for file "base/1/1259"')
        return ""

    monkeypatch.setattr(restore, "run", run)
    with pytest.raises(Refusal, match="20260122T030000 is damaged") as refused:
        restore.restore_database(places, "latest", tmp_path / "restored")
    assert "checksum mismatch" in str(refused.value)
    assert "--backup 20260121T030000" in str(refused.value)
    assert not (tmp_path / "restored").exists()


def test_a_hole_before_the_target_is_refused_before_anything_is_written(
    places: Places, kept: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends its recovery there and calls it a success. A second before the hole can be had all the same."""
    (places.barman_home / "wals" / "0000000100000000" / "000000010000000000000004").unlink()
    monkeypatch.setattr(wal, "newest_commit_of", lambda *_: (AT - 0.0004, "000000010000000000000003"))
    for to in ("latest", JST):
        with pytest.raises(Refusal, match="000000010000000000000004 is missing") as refused:
            restore.restore_database(places, to, tmp_path / "restored")
        assert "Up to there: --to 2026-01-22T11:48:59.999Z" in str(refused.value)
    assert not (tmp_path / "restored").exists()
    restore.restore_database(places, "2026-01-22T11:48:59.999Z", tmp_path / "restored")
    assert notes.iso_before(AT) == "2026-01-22T11:48:59.999Z", "a target at which there is a later commit"


def of_timeline_two(places: Places) -> None:
    """The source was recovered: it writes on a new timeline, and no full backup of that was taken."""
    archived = places.barman_home / "wals" / "0000000200000000"
    archived.mkdir(parents=True)
    (archived / "000000020000000000000005").write_bytes(b"archived")


def test_a_second_of_a_former_timeline_is_restored_on_it(
    places: Places, kept: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL goes over to the newest timeline by itself, and would never meet that second."""
    of_timeline_two(places)
    monkeypatch.setattr(wal, "newest_commit_of", lambda *_: (AT + 60, "000000010000000000000005"))
    told = restore.restore_database(places, JST, tmp_path / "restored")
    command = kept["commands"][-1]
    assert command[command.index("--target-tli") + 1] == "current"
    assert told["added_segments"] == ["000000010000000000000005"], "and nothing of the new timeline"


def test_what_no_full_backup_of_its_timeline_reaches_is_refused(
    places: Places, kept: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_timeline_two(places)
    monkeypatch.setattr(wal, "newest_commit_of", lambda *_: (AT - 60, "000000010000000000000005"))
    for to in ("latest", JST):
        with pytest.raises(Refusal, match=r"Production was recovered \(timeline 2\)") as refused:
            restore.restore_database(places, to, tmp_path / "restored")
        assert "--to 2026-01-22T11:47:59.999Z" in str(refused.value)
    assert not (tmp_path / "restored").exists()


def test_what_was_restored_writes_on_a_timeline_of_its_own(
    places: Places, kept: dict[str, Any], tmp_path: Path
) -> None:
    """On the source's own, the keeper would take what it writes for what the source wrote."""
    restore.restore_database(places, "latest", tmp_path / "restored")
    assert (tmp_path / "restored" / "recovery.signal").exists()
    assert "restore_command = 'false'\n" in (tmp_path / "restored" / "postgresql.auto.conf").read_text()


# files


@pytest.mark.parametrize(
    ("path", "inside"),
    [(None, "/media"), ("photos/1.jpg", "/media/photos/1.jpg"), ("/photos", "/media/photos"), (".", "/media")],
)
def test_a_path_begins_in_its_volume(path: str | None, inside: str) -> None:
    assert restore.path_in_volume("media", path) == inside


@pytest.mark.parametrize("path", ["..", "photos/../../caddy-data", "a\nb"])
def test_a_path_does_not_leave_its_volume(path: str) -> None:
    with pytest.raises(Refusal, match="is no path in volume media"):
        restore.path_in_volume("media", path)


@given(st.text(max_size=20))
def test_whatever_is_asked_for_lies_in_the_volume_or_is_refused(path: str) -> None:
    try:
        inside = restore.path_in_volume("media", path)
    except Refusal:
        return
    assert inside == "/media" or inside.startswith("/media/")
    assert "/../" not in f"{inside}/"


SNAPSHOTS = [
    {"id": "b" * 64, "short_id": "bbbbbbbb", "time": "2026-01-22T11:45:03.123456789Z"},
    {"id": "a" * 64, "short_id": "aaaaaaaa", "time": "2026-01-22T11:30:03.1Z"},
]


@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=["nanoseconds", "tenths"])
def test_the_time_that_is_listed_of_a_snapshot_finds_it(snapshot: dict[str, Any]) -> None:
    listed = notes.iso(restore.snapshot_time(snapshot))
    assert restore.chosen_snapshot(SNAPSHOTS, restore.parse_time(listed)) == snapshot


def test_the_snapshot_is_the_newest_that_is_not_later() -> None:
    assert restore.chosen_snapshot(SNAPSHOTS, None) == SNAPSHOTS[0]
    assert restore.chosen_snapshot(SNAPSHOTS, AT - 600) == SNAPSHOTS[1]
    with pytest.raises(Refusal, match=r"The oldest one is of 2026-01-22T11:30:03\.100Z"):
        restore.chosen_snapshot(SNAPSHOTS, AT - 3600)
    with pytest.raises(Refusal, match="The oldest one is of none"):
        restore.chosen_snapshot([], None)


def test_the_files_of_a_second_are_of_the_first_snapshot_after_it() -> None:
    """A row of that second has its file there; in the snapshot before it, the file may be missing."""
    taken = [restore.snapshot_time(each) for each in SNAPSHOTS]
    assert restore.snapshot_not_before(SNAPSHOTS, taken[1] - 1) == SNAPSHOTS[1]
    assert restore.snapshot_not_before(SNAPSHOTS, taken[1] + 1) == SNAPSHOTS[0]
    assert restore.snapshot_not_before(SNAPSHOTS, taken[0] + 1) == SNAPSHOTS[0], "none is later: the newest"
    assert restore.snapshot_not_before(SNAPSHOTS, None) == SNAPSHOTS[0]
    with pytest.raises(Refusal, match="There is no snapshot"):
        restore.snapshot_not_before([], None)


@pytest.fixture
def repository(places: Places, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A restic that restores /media/photos/1.jpg and nothing else."""
    ran: list[list[str]] = []

    def run(*command: str | Path, **_: object) -> str:
        words = [str(word) for word in command]
        ran.append(words)
        file = Path(words[words.index("--target") + 1]) / "media" / "photos" / "1.jpg"
        file.parent.mkdir(parents=True)
        file.write_text("12345")
        return ""

    monkeypatch.setattr(restore, "run", run)
    monkeypatch.setattr(catalogue, "snapshots", lambda _: SNAPSHOTS)
    return ran


def test_a_single_upload_comes_back(places: Places, repository: list[list[str]], tmp_path: Path) -> None:
    told = restore.restore_files(places, "media", "photos/1.jpg", tmp_path / "restored", None)
    assert (told["files"], told["bytes"], told["snapshot"]) == (1, 5, "bbbbbbbb")
    assert Path(told["restored"]) == tmp_path / "restored" / "media" / "photos" / "1.jpg"
    assert "--verify" in repository[0]


def test_a_file_that_a_snapshot_has_not_is_named(places: Places, repository: list[list[str]], tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"bbbbbbbb of .* has no /media/photos/2\.jpg") as refused:
        restore.restore_files(places, "media", "photos/2.jpg", tmp_path / "restored", None)
    assert "toybox-keeper list --path media/photos/2.jpg" in str(refused.value)


def test_a_name_with_a_star_is_no_pattern(places: Places, repository: list[list[str]], tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="has no"):
        restore.restore_files(places, "media", "a*[1]?", tmp_path / "restored", None)
    assert repository[0][repository[0].index("--include") + 1] == r"/media/a\*\[1]\?"


def test_a_volume_that_is_kept_otherwise_is_named(places: Places, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="Choose one of: media, caddy-data"):
        restore.restore_files(places, "postgres", None, tmp_path / "restored", None)
