"""A copy is whole, its own keeper's, and gone only by its retention; what comes back is what went in."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper import bucket, copies, copy, jobs, notes, retention, status
from keeper.bucket import Bucket, StorageError
from keeper.locks import alone
from keeper.places import Places, Storage
from keeper.programs import FailedError
from keeper.refusal import Refusal

LISTING: dict[str, Any] = {
    "source": "prod",
    "from": "2026-11-26T10:15:00.000Z",
    "to": "2026-11-26T11:15:00.000Z",
    "holes": [],
    "full": [{"id": "20261126T101500"}],
    "files": [{"id": "0badcafe"}],
    "dumps": [{"name": "toybox-20261126T101500Z.dump"}],
}


class Cloud:
    """A bucket, and restic on it: what both were asked for."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.there = False
        self.id = "1d" * 32
        self.ran: list[tuple[str, ...]] = []
        self.fails: dict[str, FailedError] = {}
        self.snapshots: list[dict[str, Any]] = []

    def names(self, prefix: str = "") -> dict[str, int]:
        return {name: len(content) for name, content in self.objects.items() if name.startswith(prefix)}

    def put(self, content: bytes, folder: str = "data/aa") -> str:
        name = f"{folder}/{hashlib.sha256(content).hexdigest()}"
        self.objects[name] = content
        return name

    def run(self, *command: Any, folder: Path | None = None, **_: Any) -> str:
        words = [str(word) for word in command]
        words = words[words.index("--no-cache") + 1 :] if "--no-cache" in words else words
        self.ran.append(tuple(words))
        if words[0] in self.fails:
            raise self.fails[words[0]]
        match words[0]:
            case "init":
                self.there, self.objects["config"] = True, b"x"
            case "cat":
                return json.dumps({"id": self.id})
            case "snapshots":
                return json.dumps(self.snapshots)
            case "backup":
                assert folder is not None
                assert (folder / "listing.json").exists()
                snapshot = self.put(b"snapshot", "snapshots").rpartition("/")[2]
                self.put(b"data")
                return json.dumps({"message_type": "summary", "snapshot_id": snapshot[:8], "data_added": 4})
            case "forget":
                return json.dumps([{"remove": [{"id": "aaaa"}, {"id": "bbbb"}]}])
            case "stats":
                return json.dumps({"total_size": 100})
        return "version 1\n"


@pytest.fixture
def places(places: Places) -> Places:
    (places.etc / "barman.conf").write_text(f"barman_home = {places.data}/barman\n")
    return replace(places, copy=Storage("https://s3.example", "toybox-keeper", "conoha"))


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = Cloud()
    monkeypatch.setattr(copies, "run", made.run)
    monkeypatch.setattr(copy, "run", made.run)
    monkeypatch.setattr(Bucket, "exists", lambda _: made.there)
    monkeypatch.setattr(Bucket, "names", lambda _, prefix="": made.names(prefix))
    monkeypatch.setattr(Bucket, "read", lambda _, name: made.objects[name])
    monkeypatch.setattr(Bucket, "write", lambda _, name, content: made.objects.update({name: content}))
    monkeypatch.setattr(status, "listed", lambda *_: json.loads(json.dumps(LISTING)))
    return made


def keep(places: Places, name: str, content: bytes = b"kept") -> Path:
    file = places.data / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


# whose repository it is


def test_the_first_copy_makes_the_repository_and_notes_whose_it_is(places: Places, cloud: Cloud) -> None:
    copies.ensure_repository(places)
    assert cloud.ran[0] == ("init",)
    assert notes.read(places.records / copies.REPOSITORY) == {"id": cloud.id, "bucket": "toybox-keeper"}
    assert json.loads(cloud.objects[copies.WHOSE])["source"] == "prod"
    cloud.ran.clear()
    copies.ensure_repository(places)
    assert ("init",) not in cloud.ran


def test_a_repository_that_is_gone_is_not_made_again(places: Places, cloud: Cloud) -> None:
    copies.ensure_repository(places)
    for lost in ("has no repository any more", "is gone"):
        cloud.objects.clear()
        cloud.there = lost.startswith("has")
        cloud.ran.clear()
        with pytest.raises(Refusal, match=lost):
            copies.ensure_repository(places)
        assert not cloud.ran


def test_a_repository_that_this_keeper_did_not_make_is_left_alone(places: Places, cloud: Cloud) -> None:
    """A new keeper whose disk is empty would let go of the old one's copies, one a day."""
    cloud.there, cloud.objects = True, {"config": b"x", copies.WHOSE: b'{"source": "shop"}'}
    with pytest.raises(Refusal, match=r"did not make \(\{\"source\": \"shop\"\}\)(.|\n)*restore-copy"):
        copies.ensure_repository(places)
    notes.write(places.records / copies.REPOSITORY, {"id": "another"})
    with pytest.raises(Refusal, match="did not make"):
        copies.ensure_repository(places)
    assert {words[0] for words in cloud.ran} == {"cat"}
    assert json.loads(cloud.objects[copies.WHOSE])["source"] == "shop"


def test_nothing_is_made_beside_what_is_there(places: Places, cloud: Cloud) -> None:
    cloud.there, cloud.objects = True, {"holiday.jpg": b"x"}
    with pytest.raises(Refusal, match=r"is not empty: it has holiday\.jpg"):
        copies.ensure_repository(places)
    assert not cloud.ran


def test_a_first_run_that_was_killed_after_the_repository_was_made_goes_on(places: Places, cloud: Cloud) -> None:
    cloud.fails = {"cat": FailedError(1, "killed")}
    with pytest.raises(Refusal):
        copies.ensure_repository(places)
    cloud.fails = {}
    copies.ensure_repository(places)
    assert (notes.read(places.records / copies.REPOSITORY) or {})["id"] == cloud.id


def test_copies_of_another_stack_are_refused(places: Places, cloud: Cloud) -> None:
    cloud.snapshots = [{"hostname": "shop", "time": "2026", "id": "aaaa", "short_id": "aaaa"}]
    with pytest.raises(Refusal, match="copies of shop"):
        copies.snapshots(places)


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("Fatal: wrong password or no key found\n", "the password does not open the repository"),
        ("Fatal: unable to open config file: Stat: Access Denied.\nIs there ...", "forbids"),
        ("Save(<data/7277>) returned error, retrying after 552ms: client.PutObject: Your proposed upload exceeds the "
         "maximum allowed object size.\ngithub.com/restic/restic\n\trestic.go:5\n", "is full"),
        ("Fatal: unable to open config file: Stat: Get \"https://x\": dial tcp 1.2.3.4:443: i/o timeout", "not answer"),
        ("Fatal: The difference between the request time and the server's time is too large.", "clock"),
        ("Fatal: Stat: 500 Internal Server Error\n", "It failed.\n    Why:     Stat: 500 Internal Server Error"),
        ("", "it said nothing"),
    ],
)  # fmt: skip
def test_what_restic_prints_becomes_a_reason(places: Places, printed: str, said: str) -> None:
    assert said in str(copies.explained(places, "It", FailedError(1, printed, printed)))


def test_no_secret_is_in_a_command_or_an_environment(
    places: Places, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(copies, "run", lambda *command, **options: given.update(command=command, **options) or "")
    (places.etc / "copy-password").write_text("canary")
    (places.etc / bucket.CREDENTIALS).write_text("canary")
    copies.must(places, "It", "check")
    assert given["environment"] == {"AWS_SHARED_CREDENTIALS_FILE": str(places.etc / "copy-credentials")}
    assert "canary" not in str(given)


# making one


def test_a_copy_has_everything_but_the_mirror_and_is_read_back(places: Places, cloud: Cloud) -> None:
    keep(places, "barman/prod/base/20261126T101500/data/PG_VERSION")
    keep(places, "mirror/media/1.jpg")
    told = jobs.run_job(places, "copy")
    assert told["ok"], told["why"]
    (backup,) = [words for words in cloud.ran if words[0] == "backup"]
    assert set(backup[backup.index("--ignore-ctime") + 1 :]) == {*copy.PARTS, copy.LISTING}
    assert "mirror" not in copy.PARTS
    assert told["read_back"] == {"objects": 2, "bytes": len(b"snapshot") + len(b"data")}
    assert told["holds"]["full"] == "20261126T101500"
    assert ("check",) in cloud.ran
    assert not list((places.data / "copying").iterdir())


def test_what_is_written_once_is_linked_and_what_may_change_is_copied(places: Places, cloud: Cloud) -> None:
    once = [
        keep(places, "barman/prod/base/20261126T101500/data/base/1/1259"),
        keep(places, "barman/prod/wals/0000000100000000/000000010000000000000003"),
        keep(places, "repository/data/aa/aabb"),
        keep(places, "dumps/toybox-20261126T101500Z.dump"),
    ]
    may_change = [
        keep(places, "barman/prod/streaming/000000010000000000000004.partial"),
        keep(places, "barman/prod/wals/xlog.db"),
        keep(places, "barman/prod/base/20261126T101500/backup.info"),
        keep(places, "records/full.json", b"{}"),
        keep(places, "dumps/.toybox-20261126T111500Z.dump"),
    ]
    folder = places.data / "copying"
    copy.freeze(places, folder)
    for file in (*once, *may_change):
        assert (folder / file.relative_to(places.data)).samefile(file) is (file in once), file
    copy.empty(folder)
    assert all(file.exists() for file in (*once, *may_change))


def test_a_segment_that_is_completed_while_it_is_copied_is_in_the_copy(places: Places) -> None:
    """The receiver takes no lock: under a writer it completes a segment every few seconds."""
    folder, name = places.data / "copying", "barman/prod/streaming/000000010000000000000004"
    complete = keep(places, name)
    (folder / name).parent.mkdir(parents=True)
    put = copy.link_to(folder)
    put(f"{complete}.partial", f"{folder / name}.partial")
    assert [file.name for file in (folder / name).parent.iterdir()] == [complete.name]
    assert (folder / name).read_bytes() == complete.read_bytes()
    complete.unlink()
    with pytest.raises(FileNotFoundError):
        put(str(complete), str(folder / name))
    put(str(complete.with_name(".mark.json.17")), f"{folder}/.mark.json.17")


def test_the_copy_holds_no_lock_while_it_is_on_its_way(
    places: Places, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one may take hours, in which files are to be pulled and WAL archived."""
    locked: list[str] = []

    def take(*_: object) -> dict[str, Any]:
        for name in ("heavy", "retention", "archive"):
            with alone(places, name, 0):
                locked.append(name)
        told: dict[str, Any] = json.loads(cloud.run("backup", folder=places.data / "copying"))
        return told

    monkeypatch.setattr(copies, "take", take)
    assert jobs.run_job(places, "copy")["ok"]
    assert locked == ["heavy", "retention", "archive"]


def test_no_job_changes_what_is_kept_while_the_links_are_made(
    places: Places, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> Any:
        for name in ("heavy", "retention", "archive"):
            with pytest.raises(Refusal, match="Another job still runs"), alone(places, name, 0):
                pass
        raise Refusal("seen", "so", "far")

    monkeypatch.setattr(copy, "freeze", busy)
    assert jobs.run_job(places, "copy")["why"].startswith("seen")


@pytest.mark.parametrize("lacks", [{"from": None}, {"files": []}])
def test_a_keeper_that_holds_nothing_yet_makes_no_copy(
    places: Places, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, lacks: dict[str, Any]
) -> None:
    monkeypatch.setattr(status, "listed", lambda *_: {**LISTING, **lacks})
    assert "There is nothing to copy yet" in jobs.run_job(places, "copy")["why"]
    assert "backup" not in {words[0] for words in cloud.ran}


def test_a_keeper_that_holds_less_than_half_makes_no_copy(places: Places, cloud: Cloud) -> None:
    notes.write(places.records / "copy.json", {"ok": True, "bytes": 10**9})
    assert "less than half of the last one" in jobs.run_job(places, "copy")["why"]
    assert "backup" not in {words[0] for words in cloud.ran}


@pytest.mark.parametrize("fault", ["changed", "not listed", "check"])
def test_a_copy_that_does_not_come_back_as_it_went_is_a_failure_and_nothing_is_let_go(
    places: Places, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "changed":
        monkeypatch.setattr(Bucket, "read", lambda *_: b"another")
    if fault == "not listed":
        monkeypatch.setattr(Bucket, "names", lambda *_: {})
    if fault == "check":
        cloud.fails = {"check": FailedError(1, "Fatal: repository contains errors")}
    told = jobs.run_job(places, "copy")
    assert not told["ok"]
    assert "forget" not in {words[0] for words in cloud.ran}
    assert notes.record(places, "copy") is None


def test_a_storage_that_takes_no_write_is_seen_before_restic_tries_for_minutes(
    places: Places, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        storage = Storage("https://s3.example", "toybox-keeper", "conoha")
        raise bucket.explained(storage, StorageError(413, "EntityTooLarge", ""), "writing", 0.0)

    copies.ensure_repository(places)
    cloud.ran.clear()
    monkeypatch.setattr(Bucket, "write", full)
    assert "The object storage is full" in jobs.run_job(places, "copy")["why"]
    assert {words[0] for words in cloud.ran} == {"cat"}


def test_retention_spares_the_copy_that_a_drill_verified(places: Places, cloud: Cloud) -> None:
    notes.write(places.records / "verified.json", {"copy": "aaaa"})
    assert copies.drop_expired(places) == ["bbbb"]
    asked, forgot, pruned = cloud.ran
    assert asked[-4:] == retention.COPIES == ("--keep-daily", "7", "--keep-weekly", "4")
    assert (forgot, pruned) == (("forget", "bbbb"), ("prune",))


# how fresh it is


def test_the_newest_copy_is_one_that_the_bucket_has(places: Places, cloud: Cloud) -> None:
    assert copies.newest(places) is None
    told = jobs.run_job(places, "copy")
    assert copies.newest(places) == told["started_at"]
    cloud.objects.clear()
    assert copies.newest(places) is None, "somebody deleted it, and the record still says that there is one"


def test_a_storage_that_does_not_say_is_a_failure(
    places: Places, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> Any:
        raise Refusal("It does not answer.", "silence", "wait")

    jobs.run_job(places, "copy")
    monkeypatch.setattr(Bucket, "names", silent)
    told = status.copy(places)
    assert told is not None
    assert told["newest"] is None
    assert told["failed"]["why"].startswith("It does not answer.")
    assert status.copy(replace(places, copy=None)) is None


# getting it back

COPY = {"hostname": "prod", "time": "2026-11-26T10:15:00Z", "id": "aaaa" * 16, "short_id": "aaaa"}


@pytest.fixture
def kept_there(places: Places, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The files of the one copy in the bucket."""
    files = {
        "barman/prod/base/1/data/x": b"1",
        "repository/config": b"2",
        "dumps/toybox.dump": b"3",
        "manifests/full-1.json": b"{}",
        "records/source.json": b"{}",
        "records/copy-repository.json": json.dumps({"id": cloud.id}).encode(),
        copy.LISTING: json.dumps(LISTING).encode(),
    }
    cloud.snapshots = [COPY]

    def bring(_: Places, __: str, target: Path, parts: list[str]) -> None:
        for name, content in files.items():
            if name.split("/")[0] in parts:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (target / name).write_bytes(content)

    monkeypatch.setattr(copies, "bring_back", bring)
    return files


def content_of(places: Places) -> dict[str, bytes]:
    return {str(file.relative_to(places.data)): file.read_bytes() for file in places.data.rglob("*") if file.is_file()}


def test_an_opened_copy_is_a_keeper_of_its_own_and_leaves_nothing(places: Places, kept_there: dict[str, bytes]) -> None:
    (places.etc / "repository-password").write_text("canary")
    with copy.opened(places) as there:
        assert there.disk == places.data
        assert content_of(there) == kept_there
        assert (there.etc / "barman.conf").read_text() == f"barman_home = {there.data}/barman\n"
        assert (there.etc / "repository-password").read_text() == "canary"
        assert there.run != places.run, "a drill on it holds up no job of the keeper"
        assert (there.source, there.volumes) == (places.source, places.volumes)
    assert content_of(places) == {}
    assert (places.etc / "repository-password").exists()


def test_only_what_a_restore_needs_is_brought(places: Places, kept_there: dict[str, bytes]) -> None:
    with copy.opened(places, "aa", copy.FILES) as there:
        assert not list((there.data / "barman").glob("*")) if (there.data / "barman").exists() else True
        assert (there.data / "repository" / "config").exists()


def test_a_copy_that_is_not_there_or_has_no_room_is_refused(
    places: Places, kept_there: dict[str, bytes], cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refusal, match=r"no copy ffff(.|\n)*There are: aaaa"), copy.opened(places, "ffff"):
        pass
    monkeypatch.setattr(copies, "size_of", lambda *_: 10**18)
    with pytest.raises(Refusal, match=r"takes 1,000,000,000\.00 GB"), copy.opened(places):
        pass
    cloud.snapshots = []
    with pytest.raises(Refusal, match="no copy in the bucket yet"), copy.opened(places):
        pass
    assert not list((places.data / "restored").iterdir())


def test_an_empty_keeper_gets_everything_back_and_goes_on_with_its_copies(
    places: Places, kept_there: dict[str, bytes], cloud: Cloud
) -> None:
    notes.keep(places, notes.manifest("mark", "prod", 1.0, 2.0, why="the source is away"))
    notes.keep(places, notes.manifest("archive", "prod", 1.0, 2.0, unfinished=None, archived=None))
    (places.data / "barman" / "prod" / "streaming").mkdir(parents=True)
    keep(places, "barman/.prod-archive-wal.lock", b"")
    keep(places, "barman/barman.log", b"today")
    kept_there["barman/barman.log"] = b"then"
    copy.restore_copy(places)
    del kept_there[copy.LISTING]
    there = content_of(places)
    assert there.items() >= kept_there.items()
    others = {
        "manifests/mark.json",
        "manifests/archive.json",
        "records/archive.json",
        "barman/.prod-archive-wal.lock",
        "barman/barman.log.before-copy",
    }
    assert there.keys() - kept_there.keys() == others
    cloud.there, cloud.objects = True, {"config": b"x"}
    copies.ensure_repository(places)


@pytest.mark.parametrize("name", ["barman/prod/wals/0/1", "repository/config", "dumps/x.dump", "records/source.json"])
def test_a_disk_that_keeps_anything_is_refused(places: Places, kept_there: dict[str, bytes], name: str) -> None:
    keep(places, name)
    before = content_of(places)
    with pytest.raises(Refusal, match="has something already") as refused:
        copy.restore_copy(places)
    assert content_of(places) == before
    assert "systemctl stop" in str(refused.value)


@pytest.mark.parametrize("at", range(5))
def test_an_interrupted_restore_goes_on(
    places: Places, kept_there: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    moves: list[Path] = []
    really = copy.move

    def move(source: Path, target: Path) -> None:
        if len(moves) == at:
            raise KeyboardInterrupt
        moves.append(source)
        really(source, target)

    monkeypatch.setattr(copy, "move", move)
    with pytest.raises(KeyboardInterrupt):
        copy.restore_copy(places)
    monkeypatch.setattr(copy, "move", really)
    copy.restore_copy(places)
    del kept_there[copy.LISTING]
    assert content_of(places) == kept_there


def test_what_came_back_is_compared_with_what_was_listed(
    places: Places, kept_there: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "listed", lambda *_: {**LISTING, "full": []})
    with pytest.raises(Refusal, match="came back without 20261126T101500"):
        copy.restore_copy(places)


def test_a_list_of_the_copy_needs_no_restore(places: Places, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.snapshots = [COPY]
    monkeypatch.setattr(copies, "text_in", lambda *_: json.dumps(LISTING))
    told = copy.listed(places)
    assert told["full"] == LISTING["full"]
    assert told["copies"] == [{"id": "aaaa", "of": COPY["time"]}]
    assert os.listdir(places.data / "restored") == []
