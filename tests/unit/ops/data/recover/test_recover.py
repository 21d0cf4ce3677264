"""Recovery begins only where nothing of production is left, goes on where it was begun, and says what is lost."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.keeper.source import NOWHERE
from host import ssh
from host.ssh import NoAnswerError
from ops import OpsError
from ops.backup.asking import Keeper
from ops.data.adopt.belongings import Cloud, Thing
from ops.data.recover import alive, recover
from ops.pulumi_cli import PulumiStack
from ops.restore_points.model import Volume
from settings import Declared
from tests.unit.test_settings import parse

ID = "8c99ddaf-0000-4000-8000-000000000000"


def volume(name: str) -> Volume:
    """A volume of the account."""
    return Volume(ID, name, 200, "available", datetime(2026, 1, 22, tzinfo=UTC), {})


def cloud(*volumes: Volume, servers: tuple[str, ...] = ()) -> Cloud:
    """An account with these volumes and servers."""
    return Cloud([Thing("1", name) for name in servers], list(volumes), [], [])


def settings(origin: dict[str, object]) -> Declared:
    """Settings with this origin of the data volume."""
    return parse({"dataVolume.origin": origin})


STATE = json.dumps({"deployment": {"resources": [{"urn": "urn:pulumi:prod::toybox::x::data-volume", "id": ID}]}})
EMPTY = json.dumps({"deployment": {"resources": []}})
LATEST: dict[str, object] = {"source": "keeper", "to": "latest"}


def test_a_project_with_the_data_volume_or_the_server_is_not_recovered_into() -> None:
    recover.refuse_data("prod", cloud(volume("toybox-staging-data")))
    for there in (cloud(volume("toybox-prod-data")), cloud(servers=("toybox-prod",))):
        with pytest.raises(OpsError, match="The project is not empty") as refused:
            recover.refuse_data("prod", there)
        assert "toybox adopt --stack prod" in str(refused.value)


def test_what_was_begun_is_told_by_settings_state_and_cloud_together() -> None:
    there = cloud(volume("toybox-prod-data"))
    assert recover.is_under_way(settings(LATEST), "latest", "keeper", STATE, there)
    assert not recover.is_under_way(settings({"source": "blank"}), "latest", "keeper", STATE, there)
    assert not recover.is_under_way(settings(LATEST), "2026-01-22T20:49:00+09:00", "keeper", STATE, there)
    assert not recover.is_under_way(settings(LATEST), "latest", "copy", STATE, there)
    assert not recover.is_under_way(settings(LATEST), "latest", "keeper", EMPTY, there)
    assert not recover.is_under_way(settings(LATEST), "latest", "keeper", STATE, cloud()), "it is gone a second time"


def test_the_rows_that_were_restored_are_those_that_the_program_counted() -> None:
    restored = {"public.posts_post": 500, "shop.orders": 3}
    assert recover.differing_rows(restored, {"posts_post": 500, "shop.orders": 3}) == []
    assert recover.differing_rows(restored, {"posts_post": 499}) == [
        "table posts_post had 500 rows when it was restored and 499 when it was counted"
    ]


def test_what_is_lost_is_said() -> None:
    record: dict[str, object] = {"newest_commit": 1769082539.0, "newest_mark": None}
    (line,) = recover.rpo(record, "2026-01-22T20:49:00+09:00")
    assert line == "RPO: the newest commit is 1.0 s before the second that was asked for"
    assert "whatever was acknowledged after" in recover.rpo(record, "latest")[0]
    assert "not known" in recover.rpo({"newest_commit": None, "newest_mark": None}, "latest")[0]


def test_only_a_production_is_recovered() -> None:
    with pytest.raises(OpsError, match="is a staging"):
        recover.refuse_other_than_production("staging", parse({"environment": "staging"}, stack="staging"))


# whether production still runs


def test_without_an_address_the_sites_name_is_asked() -> None:
    """A keeper that was set up anew, with no state of production's, names none."""
    assert alive.asked_at("192.0.2.1", "toybox.example") == "192.0.2.1"
    nowhere = f"prod.{NOWHERE}"
    assert alive.asked_at(nowhere, "toybox.example") == "toybox.example"


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(PulumiStack("keeper", tmp_path), "192.0.2.9", "prod")


SILENT = {"error": f"{alive.SILENT}\n    Why: x"}


@pytest.mark.parametrize(
    ("told", "signs"),
    [
        (SILENT, 0),
        ({"error": "The source is another database cluster: 7, and not 8.\n  Why: x"}, 1),
        ({"error": "The source's database answers, and its write-ahead log does not arrive.\n  Why: x"}, 1),
        ({"source": "prod", "receiver": {"state": "streaming"}}, 1),
    ],
)
def test_whatever_answers_the_keeper_is_alive(
    keeper: Keeper, told: dict[str, Any], signs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alive, "ask", lambda *_: told)
    assert len(alive.by_the_keeper(keeper)) == signs


def test_a_keeper_that_is_silent_ends_the_recovery(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody then knows whether production writes."""

    def ask(*_: object) -> dict[str, Any]:
        raise NoAnswerError("no route to host")

    monkeypatch.setattr(alive, "ask", ask)
    with pytest.raises(OpsError, match="does not say whether its source answers"):
        alive.by_the_keeper(keeper)


def test_a_keeper_that_hangs_ends_the_recovery(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise NoAnswerError("no answer within 30 s")

    monkeypatch.setattr(ssh, "run", run)
    with pytest.raises(OpsError, match="does not say which server it pulls from: no answer within 30 s"):
        alive.address_of(keeper)


@pytest.mark.parametrize(
    ("status", "printed", "said", "signs"),
    [
        (0, "postgres\ncaddy\n", "", ["on its server postgres run"]),
        (0, "", "", []),
        (255, "", "Host key verification failed.", []),
        (255, "", "connect to host 192.0.2.1 port 22: Connection timed out", []),
        (255, "", "root@192.0.2.1: Permission denied (publickey).", ["does not let you in"]),
    ],
)
def test_a_server_with_productions_own_host_key_is_asked_what_runs(
    status: int, printed: str, said: str, signs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Done:
        returncode, stdout, stderr = status, printed, said

    monkeypatch.setattr(alive, "write_way_in", lambda _: None)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: Done)
    found = alive.by_ssh(PulumiStack("prod", tmp_path), "192.0.2.1")
    assert len(found) == len(signs)
    assert all(sign in each for sign, each in zip(signs, found, strict=True))
