"""A keeper that is dead, deaf or of another stack is red, from the server's side and by its own account."""

from pathlib import Path
from typing import Any

import pytest

from ops import OpsError
from ops.pulumi_cli import PulumiStack
from ops.status import keeper
from ops.status.inside import replication
from ops.status.line import Line
from settings import Declared
from tests.unit.test_settings import COMPLETE

STREAMS: dict[str, Any] = {
    "slot": {"wal_status": "reserved", "waits": 40_000_000},
    "receiver": {"state": "streaming", "behind": 200_000, "silent": 3.5},
}
KEEPER = {
    "address": "203.0.113.9",
    "sshKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJkQ0Y7yQ9sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7a",
    "databaseVerifier": f"SCRAM-SHA-256$4096:{'A' * 22}==${'A' * 43}=:{'A' * 43}=",
}


def test_a_receiver_that_takes_what_is_written_is_green() -> None:
    line = replication.replication_line(STREAMS, "keeper")
    assert (line.verdict, line.text) == ("good", "the keeper receives what is written, and is 0.2 MB behind")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"slot": None, "receiver": None}, "the keeper has no slot"),
        ({"slot": {"wal_status": "lost", "waits": None}, "receiver": None}, "its slot is lost"),
        ({**STREAMS, "receiver": None}, "receives nothing (it is not there): 40.0 MB of write-ahead log wait"),
        ({**STREAMS, "receiver": {"state": "startup", "behind": 1, "silent": 1}}, "its state is startup"),
        ({**STREAMS, "receiver": {"state": "streaming", "behind": 1, "silent": 121}}, "is silent for 2 min"),
    ],
)
def test_a_receiver_that_is_away_is_red_with_the_next_command(told: dict[str, Any], said: str) -> None:
    line = replication.replication_line(told, "keeper")
    assert line.verdict == "bad"
    assert said in line.text
    assert line.command.endswith("--stack keeper")


def test_a_database_that_does_not_tell_is_red() -> None:
    assert replication.silent_line("no such container", "ssh x").verdict == "bad"


def declared(**changes: object) -> Declared:
    given = {key: value for key, value in COMPLETE.items() if (key,) in settings_of_a_site()}
    return Declared.model_validate({**given, **changes})


def settings_of_a_site() -> Any:
    from settings import DECLARED

    return DECLARED


def test_a_production_without_a_keeper_is_told_so_and_a_staging_is_not() -> None:
    (line,) = keeper.keeper_lines(declared(environment="production"), None)
    assert (line.name, line.verdict) == ("keeper", "off")
    staging = declared(environment="staging", keeper=None)
    assert keeper.keeper_lines(staging, "keeper") == []


def test_a_keeper_that_nothing_here_tells_of_is_not_green() -> None:
    (line,) = keeper.keeper_lines(declared(environment="production", keeper=KEEPER), None)
    assert line.verdict == "unknown"


def test_the_keepers_own_lines_are_marked_as_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "keeper_of", lambda name: name)
    monkeypatch.setattr(keeper, "look", lambda _: [Line("keeper", "good", "x"), Line("wal", "bad", "y", "z")])
    lines = keeper.keeper_lines(declared(environment="production", keeper=KEEPER), "keeper")
    assert lines == [Line("keeper", "good", "x"), Line("keeper wal", "bad", "y", "z")]


def test_a_keeper_whose_settings_are_wrong_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> Any:
        raise OpsError("its file is broken")

    monkeypatch.setattr(keeper, "keeper_of", broken)
    (line,) = keeper.keeper_lines(declared(environment="production", keeper=KEEPER), "keeper")
    assert (line.verdict, line.command) == ("bad", "pulumi preview --stack keeper")


def test_the_keepers_stack_is_found_by_what_it_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_OPTION_CONFIG_FILE", raising=False)
    files = {
        "prod": "toybox:environment: production",
        "attic": "toybox:environment: keeper\n  toybox:keeps: shop",
        "broken": ": : :",
        "cellar": "toybox:environment: keeper\n  toybox:keeps: prod",
    }
    for name, text in files.items():
        (tmp_path / f"Pulumi.{name}.yaml").write_text(f"config:\n  {text}\n")
    assert keeper.keeper_stack(PulumiStack("prod", tmp_path)) == "cellar"
    assert keeper.keeper_stack(PulumiStack("staging", tmp_path)) is None
