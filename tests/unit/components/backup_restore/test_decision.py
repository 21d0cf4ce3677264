"""Nothing is written over, nothing is done twice, and what a killed attempt left is told apart from data."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.backup_restore import bring, keeper_of, on_server
from host.carry import CarryError, differences, lacking

VOLUME = "8c99ddaf-0000-4000-8000-000000000000"
LATEST = "keeper latest"


def record(**changes: Any) -> dict[str, Any]:
    """What the disk says of a restore."""
    return {"volume": VOLUME, "origin": LATEST, "state": "whole", "attempt": "prod-1", **changes}


def test_an_empty_disk_gets_the_backup() -> None:
    assert bring.decision({"record": None, "holds": []}, VOLUME, LATEST) == "begin"


def test_a_restored_disk_is_left_alone_whatever_the_site_wrote_since() -> None:
    seen = {"record": record(), "holds": ["postgres", "media"]}
    assert bring.decision(seen, VOLUME, LATEST) == "done"


def test_an_attempt_that_was_killed_while_it_moved_things_is_brought_to_its_end() -> None:
    seen = {"record": record(state="placing"), "holds": ["postgres"]}
    assert bring.decision(seen, VOLUME, LATEST) == "place"


@pytest.mark.parametrize("known", [None, record(volume="another")], ids=["no record", "another volume's record"])
def test_a_disk_that_holds_anything_else_is_refused(known: dict[str, Any] | None) -> None:
    with pytest.raises(CarryError, match="holds something in postgres") as refused:
        bring.decision({"record": known, "holds": ["postgres"]}, VOLUME, LATEST)
    assert "Way out" in str(refused.value)


def test_another_second_in_the_settings_restores_nothing_over_the_first() -> None:
    with pytest.raises(CarryError, match="was restored from 'keeper latest'"):
        bring.decision({"record": record(), "holds": []}, VOLUME, "keeper 2026-01-22T20:49:00+09:00")


def found(**changes: Any) -> dict[str, Any]:
    """A recovered database."""
    return {"rows": {"public.posts": 3}, "newest_commit": 1769082539.0, "newest_mark": 1769082500.0, **changes}


def test_a_recovered_database_ends_at_the_second_that_was_asked_for() -> None:
    to = "2026-01-22T20:49:00+09:00"  # 1769082540
    assert bring.problems(found(), to) == []
    assert "newest commit is of 2026-01-22T11:49:01.000Z" in bring.problems(found(newest_commit=1769082541.0), to)[0]
    assert "newest mark" in bring.problems(found(newest_mark=1769082541.0), to)[0]
    assert bring.problems(found(newest_commit=1769082541.0), "latest") == []
    assert bring.problems(found(newest_mark=None), to) == [], "a production from before it had a keeper"
    assert bring.problems(found(rows={"public.posts": 0}), "latest") == ["it has no rows at all"]


def lines(*paths: str, **more: object) -> str:
    """A listing."""
    return "\n".join(json.dumps({"path": path, **more}) for path in paths)


def test_both_sides_are_compared_in_both_directions() -> None:
    assert differences(lines("a", "b"), lines("a", "b")) == []
    assert differences(lines("a", "b"), lines("a")) == ["b"]
    assert differences(lines("a"), lines("a", "b")) == ["b"]
    assert differences(lines("a", mode=1), lines("a", mode=2)) == ["a"]
    assert lacking(lines("a"), lines("a", "b")) == []
    assert lacking(lines("a", "b"), lines("a")) == ["b"]


def test_there_is_one_keeper_or_none_is_chosen() -> None:
    keeper = {"environment": "keeper", "machine": {"address": "192.0.2.9"}}
    assert keeper_of({"keeper": keeper, "staging": {"environment": "staging"}}) == ("keeper", "192.0.2.9")
    for siblings in ({}, {"one": keeper, "two": keeper}):
        with pytest.raises(pulumi.RunError, match="exactly one settings file"):
            keeper_of(siblings)


# on the server


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data disk with the empty folders of its volumes, and everything of an attempt beside them."""
    monkeypatch.setattr(on_server, "MOUNT_POINT", tmp_path)
    monkeypatch.setattr(on_server, "WORK", tmp_path / ".restore")
    monkeypatch.setattr(on_server, "RECORD", tmp_path / ".restored.json")
    monkeypatch.setattr(on_server, "require_disk", lambda _: None)
    monkeypatch.setattr(on_server, "run", lambda *_, **__: "")
    for name in ("postgres", "media", "caddy-data"):
        (tmp_path / name).mkdir()
    for name in ("database", "files/media", "files/caddy-data"):
        (tmp_path / ".restore" / "prod-1" / name).mkdir(parents=True)
        (tmp_path / ".restore" / "prod-1" / name / "content").write_text(name)
    return tmp_path


PARAMETERS = {"volumes": ["media", "caddy-data"], "record": record()}


def test_everything_gets_to_its_place_and_the_record_is_whole(disk: Path) -> None:
    on_server.place(PARAMETERS)
    assert (disk / "postgres" / "pgdata" / "content").read_text() == "database"
    assert (disk / "media" / "content").read_text() == "files/media"
    assert not (disk / ".restore").exists()
    told = on_server.look(PARAMETERS)
    assert told["record"]["state"] == "whole"
    assert told["holds"] == ["postgres", "media", "caddy-data"]


@pytest.mark.parametrize("moved", [1, 2])
def test_killed_between_two_moves_it_goes_on_where_it_stopped(
    disk: Path, moved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    rename, done = Path.rename, list[Path]()

    def renamed(self: Path, target: Path) -> Path:
        if ".restored" not in self.name:
            if len(done) == moved:
                raise KilledError
            done.append(self)
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", renamed)
        with pytest.raises(KilledError):
            on_server.place(PARAMETERS)
    seen = on_server.look(PARAMETERS)
    assert bring.decision(seen, VOLUME, LATEST) == "place"
    on_server.place({**PARAMETERS, "record": seen["record"]})
    assert (disk / "caddy-data" / "content").read_text() == "files/caddy-data"
    assert on_server.look(PARAMETERS)["record"]["state"] == "whole"


def test_a_folder_that_somebody_filled_meanwhile_is_not_replaced(disk: Path) -> None:
    (disk / "media" / "upload").write_text("new")
    with pytest.raises(OSError, match="not empty"):
        on_server.place(PARAMETERS)
    assert (disk / "media" / "upload").read_text() == "new"


def test_the_recovery_leaves_no_settings_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "postgresql.auto.conf"
    kept = "# Do not edit\nwork_mem = '8MB'\n"
    file.write_text(f"{kept}restore_command = 'cp barman_wal/%f %p'\nrecovery_target_time = 'x'\n")
    (tmp_path / "barman_wal").mkdir()
    on_server.forget_the_recovery(tmp_path)
    assert file.read_text() == kept
    assert not (tmp_path / "barman_wal").exists()
