"""A drill chooses any second that can be had, and says "verified" of nothing that it did not restore and compare."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper import (
    catalogue,
    copy,
    drill,
    image,
    image_start,
    jobs,
    marks,
    notes,
    render,
    restore,
    scratch,
    signature,
    status,
    uploads,
    wal,
)
from keeper.drill import Span
from keeper.places import Places
from keeper.programs import FailedError
from keeper.refusal import Refusal
from keeper.retention import WINDOW, Backup
from ops.init import ed25519_key
from settings import ssh_public_key
from tests.unit.keeper.test_image_start import TOLD

HOUR = 3600.0
IDENTIFIER = "7000000000000000001"

# the second


@given(
    st.floats(0, 1e6),
    st.floats(1, 1e6),
    st.lists(st.tuples(st.floats(0, 2e6), st.floats(0, 1e6))),
    st.floats(0, 1, exclude_max=True),
)
def test_the_chosen_second_lies_in_no_hole(since: float, length: float, gaps: list[Span], dice: float) -> None:
    holes = [(begin, begin + size) for begin, size in gaps]
    stretches = drill.outside(since, since + length, holes)
    for low, high in stretches:
        assert since <= low < high <= since + length
    if stretches:
        moment = drill.picked(stretches, dice)
        assert since <= moment <= since + length + 0.001
        assert not any(begin + 0.001 < moment < end - 0.001 for begin, end in holes)


def test_every_second_of_every_stretch_is_chosen_at_times() -> None:
    stretches = drill.outside(0.0, 100.0, [(10.0, 90.0)])
    assert stretches == [(0.0, 9.999), (90.0, 100.0)]
    assert [round(drill.picked(stretches, dice)) for dice in (0.0, 0.25, 0.5, 0.75, 0.999)] == [0, 5, 90, 95, 100]


@pytest.fixture
def kept(places: Places, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A keeper with two full backups, marks of each minute since, and a pull of the files each quarter of an hour."""
    now = time.time()
    known: dict[str, Any] = {"now": now, "holes": []}
    known["backups"] = [Backup("20261126T020000", "DONE", now - 9 * HOUR), Backup("2026", "DONE", now - 33 * HOUR)]
    known["snapshots"] = []
    for minute in range(34 * 60):
        marks.note(places, round(now - 30 - 60 * minute, 6))
    for quarter in range(34 * 4):
        began = now - 60 - 900 * quarter
        snapshot = f"{quarter:064x}"
        known["snapshots"].append({"id": snapshot, "short_id": snapshot[:8], "time": notes.iso(began + 20)})
        notes.keep(places, notes.manifest("files", "prod", began, began + 30, snapshot=snapshot, volumes={}))
    notes.write(places.records / "source.json", {"source": "prod", "system_identifier": IDENTIFIER})
    monkeypatch.setattr(catalogue, "backups", lambda _: known["backups"])
    monkeypatch.setattr(catalogue, "snapshots", lambda _: known["snapshots"])
    monkeypatch.setattr(status, "holes", lambda *_: known["holes"])
    monkeypatch.setattr(wal, "newest_commit", lambda _: (now - 1, "000000010000000000000009"))
    return known


def stretches(places: Places, known: dict[str, Any]) -> list[Span]:
    return drill.reachable(places, places, known["backups"], drill.file_runs(places, known["snapshots"]))


def test_any_second_between_the_oldest_backup_and_the_last_pull_can_be_chosen(
    places: Places, kept: dict[str, Any]
) -> None:
    (found,) = stretches(places, kept)
    assert found == pytest.approx((kept["now"] - 33 * HOUR, kept["now"] - 60), abs=0.01)
    gap = {"from": notes.iso(kept["now"] - 20 * HOUR), "to": notes.iso(kept["now"] - 9 * HOUR)}
    kept["holes"] = [gap]
    assert len(stretches(places, kept)) == 2
    kept["holes"] = [{**gap, "to": None}]
    assert stretches(places, kept)[-1][1] == pytest.approx(kept["now"] - 20 * HOUR, abs=0.01)


def test_no_second_is_older_than_what_is_promised(places: Places, kept: dict[str, Any]) -> None:
    kept["backups"].append(Backup("2025", "DONE", kept["now"] - 30 * 86400))
    marks.note(places, kept["now"] - 31 * 86400)
    assert stretches(places, kept)[0][0] == pytest.approx(kept["now"] - WINDOW, abs=60)


def test_without_anything_to_restore_or_to_compare_there_is_no_drill(places: Places, kept: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="no full backup"):
        drill.reachable(places, places, [], drill.file_runs(places, kept["snapshots"]))
    with pytest.raises(Refusal, match="no snapshot of the files"):
        drill.reachable(places, places, kept["backups"], {})
    kept["backups"] = [Backup("2026", "DONE", kept["now"])]
    with pytest.raises(Refusal, match="no second yet"):
        stretches(places, kept)


# marks


def test_a_torn_line_is_no_mark(places: Places) -> None:
    marks.note(places, 1_800_000_000.25)
    (file,) = marks.noted(places).iterdir()
    file.write_text(file.read_text() + "1800000060.1")
    assert marks.acknowledged(places) == [1_800_000_000.25]


def test_old_marks_are_let_go_by_the_day(places: Places) -> None:
    for day in range(40):
        marks.note(places, 1_800_000_000.0 + day * 86400)
    marks.prune(places)
    assert min(marks.acknowledged(places)) == 1_800_000_000.0 + 9 * 86400


KNOWN = [100.0, 160.0, 220.0]


def test_the_mark_before_a_second_is_there_and_the_one_after_it_is_not() -> None:
    assert marks.require_moment([100.0, 160.0], KNOWN, 200.0) == (160.0, 220.0)


def test_a_mark_that_was_being_committed_at_that_second_may_be_there_or_not() -> None:
    assert marks.require_moment([100.0, 160.0], KNOWN, 160.5) == (100.0, 220.0)
    assert marks.require_moment([100.0], KNOWN, 160.5) == (100.0, 220.0)


@pytest.mark.parametrize(
    ("there", "moment", "said"),
    [
        ([100.0], 200.0, "lacks the mark of 1970-01-01T00:02:40"),
        ([], 200.0, "lacks the mark"),
        ([100.0, 160.0, 220.0], 200.0, "has a mark of 1970-01-01T00:03:40"),
        ([100.0, 160.0, 200.5], 200.0, "has a mark of"),
        ([100.0], 50.0, "No mark is known before"),
        ([100.0, 160.0, 220.0], 300.0, "No mark is known after"),
    ],
    ids=["an acknowledged row is lost", "no rows", "it went too far", "by an unknown row", "too early", "too late"],
)
def test_a_database_of_another_second_is_refused(there: list[float], moment: float, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        marks.require_moment(there, KNOWN, moment)


# rows and files


COLUMNS = [["public", "posts_image", "file"], ["public", "posts_post", "body"]]


class Server:
    """A scratch server that answers with what a test says."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"columns": COLUMNS, "found": {"missing": [], "naming": []}, "rows": {}, **answers}
        self.asked: list[str] = []
        self.known: list[float] = []

    def ask(self, name: str, statements: str) -> Any:
        self.asked.append(statements)
        if statements == uploads.TEXT_COLUMNS:
            return self.answers["columns"]
        if "kept_files" in statements:
            found = self.answers["found"]
            return found.get(name, {"missing": [], "naming": []}) if "missing" not in found else found
        if "FROM mark" in statements:
            return self.answers.get("marks", [mark for mark in self.known if mark <= self.answers["up to"]])
        return IDENTIFIER if "system_identifier" in statements else "15.14"

    def rows(self, name: str) -> dict[str, int]:
        return dict(self.answers["rows"][name])

    def words(self, program: str, *arguments: str | Path) -> list[str | Path]:
        return [program, *arguments]


def test_a_row_without_its_file_is_named() -> None:
    server = Server(found={"missing": [["posts_image.file", "images/1.png"]], "naming": []})
    found = uploads.without_file(server, "toybox", "media", ["posts_image.file"], {"images/2.png"})  # type: ignore[arg-type]
    assert found == ["posts_image.file: images/1.png"]
    assert "images/2.png\n\\.\n" in server.asked[-1]
    assert 'FROM "public"."posts_image" WHERE "file" <> \'\'' in server.asked[-1]


def test_a_column_that_names_files_and_is_not_listed_ends_the_drill() -> None:
    """A new model with uploads would be left out of every drill, in silence."""
    server = Server(found={"missing": [], "naming": ["shop_photo.picture"]})
    with pytest.raises(Refusal, match=r"shop_photo\.picture: rows name files of volume media"):
        uploads.without_file(server, "toybox", "media", ["posts_image.file"], {"images/2.png"})  # type: ignore[arg-type]
    assert "SELECT 'posts_post.body' WHERE EXISTS" in server.asked[-1]


@pytest.mark.parametrize("name", ["a\\", "a\n\\! rm -rf /", "\x00"])
def test_a_name_from_the_source_ends_no_quotes(name: str) -> None:
    """psql runs outside of the sandbox, and takes a line with a backslash for a command of its own."""
    with pytest.raises(Refusal, match="Such a name could end its quotes"):
        uploads.Column("public", name, "x")
    assert uploads.Column("public", 'a"; DROP', "it's").rows == '"public"."a""; DROP"'
    assert uploads.Column("public", "a", "it's").literal == "'a.it''s'"


def test_a_files_name_is_no_command_of_copy() -> None:
    assert uploads.copied("a\\.\n\tb\r") == "a\\\\.\\n\\tb\\r"


def test_names_are_those_that_rows_have() -> None:
    assert uploads.names_in(["/media/a/1.jpg", "/caddy-data/x", "/media2/b"], "media") == {"a/1.jpg"}


@pytest.fixture
def restored(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with two restored files, and the mirror that they were taken from."""
    folders = tmp_path / "restored", tmp_path / "mirror"
    for folder in folders:
        (folder / "a").mkdir(parents=True)
        for name, text in (("a/1.jpg", "one"), ("2.jpg", "two")):
            (folder / name).write_text(text)
            os.utime(folder / name, ns=(1, 1))
    return folders


def test_every_restored_file_is_compared_with_the_mirror(restored: tuple[Path, Path]) -> None:
    told = uploads.compared(*restored)
    assert (told["files"], told["bytes"], told["compared_with_mirror"]) == (2, 6, 2)
    (restored[1] / "2.jpg").write_text("was changed since")
    assert uploads.compared(*restored) == {**told, "compared_with_mirror": 1}


def test_one_bit_that_differs_from_the_mirror_is_refused(restored: tuple[Path, Path]) -> None:
    (restored[0] / "2.jpg").write_text("twn")
    os.utime(restored[0] / "2.jpg", ns=(1, 1))
    with pytest.raises(Refusal, match=r"2\.jpg was restored with other bytes"):
        uploads.compared(*restored)


def snapshot(began: float) -> dict[str, Any]:
    return {"id": f"{int(began):064x}"}


RUNS = {f"{int(began):064x}": began for began in (1000.0, 1900.0, 2800.0)}


def test_the_files_are_those_of_a_pull_that_began_after_the_second() -> None:
    """One that had begun before may have passed the folder already."""
    snapshots = [snapshot(began) for began in (2800.0, 1900.0, 1000.0)]
    before, after = drill.neighbours(snapshots, RUNS, 1500.0)
    assert (before, after) == (snapshot(1000.0), snapshot(1900.0))
    assert drill.neighbours(snapshots, RUNS, 500.0)[0] is None
    with pytest.raises(Refusal, match="no snapshot of the files of after"):
        drill.neighbours(snapshots, RUNS, 2801.0)


def test_snapshots_that_lie_far_apart_do_not_decide() -> None:
    assert not drill.is_thinned(snapshot(1000.0), snapshot(1900.0), RUNS)
    far = {**RUNS, f"{9000:064x}": 9000.0}
    assert drill.is_thinned(snapshot(1000.0), snapshot(9000.0), far)
    assert drill.is_thinned(None, snapshot(1000.0), RUNS)


# the whole of it


@pytest.fixture
def rehearsal(places: Places, kept: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Everything that a drill calls, restoring what a good keeper has. What a test changes in it goes wrong."""
    dump = places.data / "dumps" / "toybox-1.dump"
    dump.write_bytes(b"dumped")
    facts: dict[str, Any] = {"dump": dump.name, "rows": {"public.posts": 7}, "sha256": None}
    notes.keep(places, notes.manifest("dump", "prod", kept["now"] - 2000, kept["now"] - 1990, **facts))
    found: dict[str, Any] = {"server": Server(rows={"toybox": {"public.posts": 8}, "drill_dump": {"public.posts": 7}})}
    found["server"].known = marks.acknowledged(places)
    for file in places.manifests.glob("dump-*.json"):
        told = json.loads(file.read_text())
        del told["sha256"]
        notes.write(file, told)
    found["dump_manifest"] = file

    def restore_database(_: Places, to: str, target: Path) -> dict[str, Any]:
        target.mkdir()
        moment = restore.parse_time(to)
        found["server"].answers["up to"] = moment
        return {"backup": "20261126T020000"}

    @contextmanager
    def started(*_: object) -> Iterator[Server]:
        yield found["server"]

    def must(doing: str, *command: Any, **_: object) -> str:
        if "--target" in command:
            target = Path(command[command.index("--target") + 1])
            for volume in places.volumes:
                (target / volume).mkdir(parents=True)
            (target / "media" / "1.jpg").write_text(found.get("bytes", "12345"))
        if doing == found.get("fails"):
            raise Refusal(f"{doing} failed.", "ciphertext verification failed", "an older one")
        return ""

    monkeypatch.setattr(restore, "restore_database", restore_database)

    def require_healthy(_: Places, web: image_start.Web, *__: object) -> None:
        if found.get("ill"):
            raise Refusal("TOYBOX's image does not pass its health check.", found["ill"], "look")
        found["booted"] = web.image

    notes.write(places.etc / image_start.FILE, TOLD)
    monkeypatch.setattr(image, "fetched", lambda *_: None)
    monkeypatch.setattr(image_start, "require_healthy", require_healthy)
    monkeypatch.setattr(scratch, "started", started)
    monkeypatch.setattr(drill, "must", must)
    monkeypatch.setattr(uploads, "listing", lambda *_: {"/media/1.jpg": 5})
    monkeypatch.setattr(signature, "sign", lambda *_: "a signature")
    return found


def test_a_drill_notes_what_it_restored_and_retention_spares_it(places: Places, rehearsal: dict[str, Any]) -> None:
    told = jobs.run_job(places, "drill")
    assert told["ok"], told["why"]
    assert told["backup"] == "20261126T020000"
    assert told["dump_rows"] == {"public.posts": 7}
    assert told["rows"] == {"public.posts": 8}
    assert told["mark_there"] < told["second"] < told["mark_not_there"]
    assert told["files"]["media"]["files"] == 1
    assert told["image"] == rehearsal["booted"] == TOLD["image"]
    assert set(drill.GETTING_IT_BACK) < told["steps"].keys()
    assert (places.records / "drill.json.sig").read_text() == "a signature"
    assert notes.signed(places, "drill") == {"text": notes.rendered(told), "signature": "a signature"}
    assert catalogue.verified(places, "full") == "20261126T020000"
    assert catalogue.verified(places, "files") == told["snapshot"]
    assert catalogue.verified(places, "dump") == "toybox-1.dump"
    assert not list((places.data / "restored").iterdir())


def damaged_dump(rehearsal: dict[str, Any]) -> None:
    file = rehearsal["dump_manifest"]
    notes.write(file, {**json.loads(file.read_text()), "sha256": "0" * 64})


def other(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda rehearsal: rehearsal.update({key: value})


def answers(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda rehearsal: rehearsal["server"].answers.update(changes)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (answers(marks=[]), "lacks the mark"),
        (answers(marks=[4e9]), "lacks the mark"),
        (answers(rows={"toybox": {}, "drill_dump": {"public.posts": 6}}), "public.posts has 6 rows, and had 7"),
        (answers(rows={"toybox": {}, "drill_dump": {}}), "restored with other rows: public.posts"),
        (damaged_dump, "is not as it was written"),
        (other("fails", "The check of tables and indexes"), "The check of tables and indexes failed"),
        (other("fails", "Restoring dump toybox-1.dump"), "Restoring dump toybox-1.dump failed"),
        (other("bytes", "1234"), "1 other files than it lists: /media/1.jpg"),
        (other("ill", "database: OperationalError"), "database: OperationalError"),
    ],
    ids=["lost row", "other rows", "dump less", "dump empty", "dump flipped", "index", "dump cut", "file cut", "ill"],
)
def test_whatever_is_doubtful_fails_and_takes_nothing_away_from_what_was_verified(
    places: Places, rehearsal: dict[str, Any], harm: Callable[[dict[str, Any]], None], said: str
) -> None:
    verified = places.records / "verified.json"
    notes.write(verified, {"full": "before"})
    notes.write(places.records / "drill.json", {"before": True})
    harm(rehearsal)
    told = jobs.run_job(places, "drill")
    assert not told["ok"]
    assert said in told["why"]
    assert catalogue.verified(places, "full") == "before"
    assert notes.record(places, "drill") == {"before": True}
    assert not list((places.data / "restored").iterdir())


def test_a_row_without_its_file_fails_a_drill_where_snapshots_lie_close(
    places: Places, rehearsal: dict[str, Any]
) -> None:
    object.__setattr__(places, "named_in", (("media", ("posts_image.file",)),))
    missing = {"missing": [["posts_image.file", "images/1.png"]], "naming": []}
    rehearsal["server"].answers["found"] = {drill.DUMPED: missing}
    assert (
        "1 rows name a file that was not kept: posts_image.file: images/1.png" in jobs.run_job(places, "drill")["why"]
    )
    rehearsal["server"].answers["found"] = {}
    assert jobs.run_job(places, "drill")["ok"]


def test_a_drill_that_is_not_signed_verifies_nothing(
    places: Places, rehearsal: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise Refusal("The record of the drill is not signed.", "because", "look")

    monkeypatch.setattr(signature, "sign", refuse)
    assert "is not signed" in jobs.run_job(places, "drill")["why"]
    assert not (places.records / "drill.json").exists()
    assert catalogue.verified(places, "full") is None


def test_a_drill_deletes_what_a_killed_one_left_and_nothing_else(places: Places, rehearsal: dict[str, Any]) -> None:
    fetched = places.data / "restored" / drill.FETCHED
    fetched.mkdir()
    left, mine = places.data / "restored" / drill.FOLDER, places.data / "restored" / "drill-of-today"
    (left / "database").mkdir(parents=True)
    mine.mkdir()
    assert jobs.run_job(places, "drill")["ok"]
    assert [each.name for each in (places.data / "restored").iterdir()] == [mine.name]


def test_a_drill_does_not_fill_the_disk(
    places: Places, rehearsal: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """WAL would stop arriving."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=drill.ROOM + image.ROOM - 1))
    assert "a drill needs" in jobs.run_job(places, "drill")["why"]
    there = image.place(places, TOLD["image"])
    there.mkdir(parents=True)
    (there / image.TOLD).write_text("{}")
    assert jobs.run_job(places, "drill")["ok"], "an image that is there takes nothing more"
    notes.write(places.records / "full.json", {"database_bytes": 1 << 62})
    assert "a drill needs" in jobs.run_job(places, "drill")["why"]


def test_a_keeper_that_knows_no_image_says_so_before_it_restores_anything(
    places: Places, rehearsal: dict[str, Any]
) -> None:
    (places.etc / image_start.FILE).write_text("{}")
    told = jobs.run_job(places, "drill")
    assert "does not know TOYBOX's image" in told["why"]
    assert "pulumi up --stack keeper" in told["why"]
    assert "up to" not in rehearsal["server"].answers


def test_a_record_of_before_the_image_was_started_is_told_all_the_same(
    places: Places, rehearsal: dict[str, Any]
) -> None:
    told = jobs.run_job(places, "drill")
    assert f"{TOLD['image']} starts on it, and passes its health check" in render.drill(told)
    del told["image"]
    assert "starts on it" not in render.drill(told)


def test_another_cluster_is_not_verified(places: Places, rehearsal: dict[str, Any]) -> None:
    notes.write(places.records / "source.json", {"source": "prod", "system_identifier": "7000000000000000002"})
    assert "is of cluster 7000000000000000001" in jobs.run_job(places, "drill")["why"]


# the server


def test_what_comes_from_the_source_runs_without_a_network_and_sees_nothing_that_is_kept(places: Places) -> None:
    words = scratch.server(places, places.data / "restored/.drill/database", places.data / "restored/.drill/socket")
    assert words[0] == "bwrap"
    assert {"--unshare-all", "--die-with-parent"} <= set(words)
    assert words[1:4] == ["--ro-bind", "/", "/"]
    away = [words[at + 1] for at, word in enumerate(words) if word == "--tmpfs"]
    assert {str(places.data), str(places.etc), str(places.run), "/proc"} <= set(away)
    there = [words[at + 1] for at, word in enumerate(words) if word == "--bind"]
    assert there == [f"{places.data}/restored/.drill/database", f"{places.data}/restored/.drill/socket"]
    assert max(words.index(path) for path in away) < min(words.index(path) for path in there)
    assert "listen_addresses=" in words


def test_postgresqls_own_reason_is_told() -> None:
    log = "LOG:  starting\nLOG:  invalid record length\nFATAL:  recovery ended before configured recovery target\n"
    assert scratch.reason(log + "LOG:  shut down\n").splitlines()[-1].startswith("FATAL")
    assert scratch.reason("LOG:  odd\n") == "LOG:  odd"


# the signature


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's host key."""
    file = tmp_path / "host_key"
    file.write_text(ed25519_key())
    file.chmod(0o600)
    public = tmp_path / "host_key.pub"
    public.write_text(ssh_public_key(file.read_text()) + "\n")
    monkeypatch.setattr(signature, "PUBLIC_KEY", public)
    return file


def signed(key: Path, text: str, namespace: str = signature.NAMESPACE) -> str:
    """What the signer's ssh-keygen prints."""
    words = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", namespace]
    return subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout


def test_a_signature_is_of_one_text_one_key_and_one_purpose(machine: Path, tmp_path: Path) -> None:
    public = signature.PUBLIC_KEY.read_text()
    good = signed(machine, "text")
    assert signature.is_signed("text", good, public)
    assert not signature.is_signed("texT", good, public)
    assert not signature.is_signed("text", "", public)
    assert not signature.is_signed("text", good, "")
    assert not signature.is_signed("text", good, ssh_public_key(ed25519_key()))
    assert not signature.is_signed("text", signed(machine, "text", "file"), public)


def test_a_drill_asks_the_signer_and_checks_the_answer(places: Places, machine: Path) -> None:
    request = places.run / signature.REQUEST

    def signer() -> None:
        while not request.exists():
            time.sleep(0.01)
        request.with_name(f"{request.name}.sig").write_text(signed(machine, request.read_text()))
        request.unlink()

    thread = threading.Thread(target=signer)
    thread.start()
    found = signature.sign(places, "text", 10)
    thread.join()
    assert signature.is_signed("text", found, signature.PUBLIC_KEY.read_text())
    assert not list(places.run.iterdir())


def test_a_signer_that_does_not_answer_is_named(places: Places, machine: Path) -> None:
    (places.run / f"{signature.REQUEST}.sig").write_text(signed(machine, "text"))
    with pytest.raises(Refusal, match="is not signed") as refused:
        signature.sign(places, "text", 0)
    assert "toybox-keeper-sign.path" in str(refused.value)
    assert not list(places.run.iterdir())


# first runs


PARAGRAPH = "ActiveState={}\nSubState={}\nInactiveExitTimestamp=@1800000000\n"


def test_a_job_that_waits_for_its_next_try_does_not_run() -> None:
    said = "\n".join(
        PARAGRAPH.format(*state)
        for state in (
            ("activating", "start"),
            ("activating", "auto-restart"),
            ("inactive", "dead"),
            ("failed", "failed"),
        )
    )
    assert status.running(said) == {"full": 1_800_000_000.0}
    assert status.running("") == {}


def test_a_damaged_segment_has_no_commits(places: Places, tmp_path: Path) -> None:
    """A flipped bit in what Barman compressed: gzip finds it."""
    file = tmp_path / "000000010000000000000005"
    file.write_bytes(b"\x1f\x8b damaged")
    assert wal.commits_of(places, file.name, file) == []


def test_a_failing_program_ends_in_the_step_that_it_was_in(
    places: Places, rehearsal: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> dict[str, int]:
        raise FailedError(1, "server closed the connection")

    monkeypatch.setattr(rehearsal["server"], "rows", fail)
    why = jobs.run_job(places, "drill")["why"]
    assert "ended while looking at the database" in why
    assert "server closed the connection" in why


def test_a_drill_of_the_copy_restores_from_it_alone_and_lets_the_keepers_own_stay_as_it_was(
    places: Places, rehearsal: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = replace(places, data=tmp_path / "copy", within=places.data)
    (fetched.data / "dumps").mkdir(parents=True)
    (places.data / "dumps" / "toybox-1.dump").rename(fetched.data / "dumps" / "toybox-1.dump")
    restored_from = []
    real = restore.restore_database

    def restore_database(kept: Places, to: str, target: Path) -> dict[str, Any]:
        restored_from.append(kept)
        return real(kept, to, target)

    monkeypatch.setattr(restore, "restore_database", restore_database)

    @contextmanager
    def opened(_: Places, *, folder: Path) -> Iterator[Places]:
        assert folder.is_dir()
        yield fetched

    monkeypatch.setattr(copy, "opened", opened)
    told = jobs.run_job(places, "drill-copy")
    assert told["ok"], told["why"]
    assert (told["kind"], told["from"]) == ("drill-copy", "copy")
    assert restored_from == [fetched]
    assert drill.FETCHING in told["steps"]
    assert (places.records / "drill-copy.json.sig").exists()
    assert not (places.records / "verified.json").exists()
    assert not jobs.run_job(places, "drill")["ok"], "the keeper's own dump is gone"
    newest = notes.newest(places, "drill")
    assert newest is not None
    assert newest["kind"] == "drill", "and not the newest of drill-copy"


def test_the_copys_last_pull_bounds_the_second(places: Places, kept: dict[str, Any]) -> None:
    """The keeper has pulled since; what the copy lacks cannot be chosen from it."""
    kept["snapshots"] = kept["snapshots"][8:]
    (found,) = stretches(places, kept)
    assert found[1] == pytest.approx(kept["now"] - 60 - 8 * 900, abs=0.01)
