"""What the keeper holds is judged by this machine's clock and settings, and silence is red."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from keeper.jobs import JOBS
from keeper.status import FRESH, UNITS
from ops.backup import judge, proof
from ops.backup.asking import Keeper
from ops.pulumi_cli import PulumiStack
from ops.status.line import Line, well
from tests.unit.ops.backup import test_proof as proved
from tests.unit.ops.backup.conftest import Sign

NOW = 1_800_000_000.0
KEEPER = Keeper(PulumiStack("keeper", Path("/")), "192.0.2.9", "prod")
HOUR = 3600.0

TOLD: dict[str, Any] = {
    "source": "prod",
    "kept_source": "prod",
    "system_identifier": "7345678901234567890",
    "now": NOW - 2,
    "wal": {"newest": NOW - 20, "segment": "000000010000000000000007"},
    "full": {"newest": NOW - 20 * HOUR, "oldest": NOW - 20 * HOUR, "last_success": {}},
    "files": {"newest": NOW - 900, "last_success": {}},
    "dump": {"newest": NOW - 20 * HOUR, "last_success": {}},
    "drill": {"newest": None, "next": NOW + 6 * HOUR, "signed": None, "last_success": None},
    "drill-copy": {"newest": None, "next": NOW + 7 * HOUR, "signed": None, "last_success": None},
    "running": {},
    "copy": {"newest": NOW - 20 * HOUR, "last_success": {}},
    "mark": {"last_success": {}},
    "archive": {"last_success": {}},
    "units": dict.fromkeys(UNITS, "active"),
    "disk": {"bytes": 100 << 30, "free": 60 << 30},
    "wanted": None,
    "problems": [],
}
"""A keeper with which nothing is wrong, a day old. It had no drill yet."""


def red(told: dict[str, Any], now: float = NOW) -> dict[str, Line]:
    """The red lines by their names."""
    return {line.name: line for line in judge.keeper_lines(told, KEEPER, now) if line.verdict == "bad"}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    told = deepcopy(TOLD)
    change(told)
    return told


def test_a_keeper_with_which_nothing_is_wrong_is_green() -> None:
    lines = judge.keeper_lines(TOLD, KEEPER, NOW)
    assert well(lines)
    assert [line.name for line in lines] == [
        *("keeper", "clock", "wal", "full", "files", "dump", "copy", "drill", "drill-copy", "units", "disk"),
    ]


def test_nothing_counts_as_backed_up_that_was_only_received() -> None:
    for line in judge.keeper_lines(TOLD, KEEPER, NOW):
        if line.name in judge.HOLDS:
            assert line.text.endswith("received, not verified")


def test_a_keeper_without_a_copy_is_told_as_such_and_is_not_red() -> None:
    (line,) = [each for each in judge.keeper_lines({**TOLD, "copy": None}, KEEPER, NOW) if each.name == "copy"]
    assert line.verdict == "off"


@pytest.mark.parametrize("kind", judge.HOLDS)
def test_each_kind_is_red_when_it_is_missing_old_or_from_the_future(kind: str) -> None:
    for newest in (None, NOW - FRESH[kind] - 1, NOW + 301):
        assert red({**TOLD, kind: {"newest": newest}}).keys() == {kind}, newest
    for newest in (NOW - FRESH[kind] + 1, NOW + 299):
        assert not red({**TOLD, kind: {"newest": newest}}), newest


def test_the_limits_are_those_that_the_issue_of_backups_asks_for() -> None:
    limits = {"wal": 120, "full": 26 * HOUR, "files": HOUR, "dump": 26 * HOUR, "copy": 26 * HOUR}
    assert {**limits, "drill": 8 * 24 * HOUR, "drill-copy": 8 * 24 * HOUR} == FRESH


@pytest.mark.parametrize("kind", [*JOBS])
def test_a_job_that_failed_last_is_red_however_fresh_the_one_before_is(kind: str) -> None:
    failed = {"started": "2026-01-22T11:49:00.000Z", "why": "Volume media cannot be pulled.\n    Why:     it is gone"}
    line = red(changed(lambda told: told[kind].update(failed=failed)))[kind]
    assert "Volume media cannot be pulled." in line.text
    drills = {"drill": "toybox drill", "drill-copy": "toybox drill --from copy"}
    assert line.command == f"{drills.get(kind, f'toybox backup run {kind}')} --stack keeper"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("keeper", lambda told: told.update(source="staging")),
        ("keeper", lambda told: told.update(kept_source="staging")),
        ("units", lambda told: told["units"].update({UNITS[0]: "activating"})),
        ("disk", lambda told: told["disk"].update(free=9 << 30)),
        ("disk", lambda told: told["disk"].update(bytes=0, free=0)),
    ],
    ids=["settings of another stack", "disk of another stack", "no tunnel", "disk full", "no disk"],
)
def test_what_is_wrong_with_the_keeper_itself_is_red(name: str, change: Callable[[dict[str, Any]], object]) -> None:
    assert red(changed(change)).keys() == {name}


@pytest.mark.parametrize("off", [-365 * 24 * HOUR, -301.0, 301.0, 24 * HOUR])
def test_a_keepers_wrong_clock_is_red_and_hides_no_age(off: float) -> None:
    """A keeper whose clock stands still finds everything fresh."""
    assert "clock" in red(changed(lambda told: told.update(now=NOW + off)))
    still = changed(lambda told: told.update(now=NOW))
    assert red(still, NOW + 48 * HOUR).keys() == {"clock", "wal", "full", "files", "dump", "copy"}


RECORD = {**proved.RECORD, "second": "2027-01-15T03:00:00.000Z", "rto_seconds": 12.3}


def drilled(sign: Sign, **changes: Any) -> dict[str, Any]:
    """What a keeper says of itself after a drill."""
    told = deepcopy(TOLD)
    told["drill"].update(newest=NOW, signed=sign({**RECORD, "started_at": NOW - HOUR, **changes}))
    for kind, key in proof.OF.items():
        told[kind]["last_success"] = {key: RECORD[key]}
    return told


def test_verified_is_said_of_what_the_last_drill_restored(pinned: Keeper, sign: Sign) -> None:
    told = drilled(sign)
    lines = {line.name: line for line in judge.keeper_lines(told, pinned, NOW)}
    for kind in proof.OF:
        assert lines[kind].text.endswith("old: verified")
    assert lines["wal"].text.endswith("received, not verified")
    assert lines["drill"].verdict == "good"
    assert lines["drill"].text == "2027-01-15T03:00:00.000Z was restored 60 min ago, in 12 s: verified"
    told["full"]["last_success"]["backup"] = "of the next night"
    assert "not verified" in next(line for line in judge.keeper_lines(told, pinned, NOW) if line.name == "full").text


def test_toybox_is_said_to_start_only_where_the_record_names_its_image(pinned: Keeper, sign: Sign) -> None:
    """A record of before drills started it has none."""
    image = {"image": "registry.example/toybox@sha256:4444"}
    for changes, said in (({}, "in 12 s: verified"), (image, "in 12 s, and TOYBOX started on it: verified")):
        lines = {line.name: line for line in judge.keeper_lines(drilled(sign, **changes), pinned, NOW)}
        assert lines["drill"].text.endswith(said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"started_at": NOW - 8 * 24 * HOUR - 1}, "the last drill was 8 d ago, and may be 8 d"),
        ({"started_at": NOW + 301}, "proves nothing: it is from the future"),
        ({"source": "staging"}, "proves nothing: it is of stack staging"),
    ],
    ids=["old", "future", "another stack"],
)
def test_a_record_that_is_old_or_proves_nothing_is_red(
    pinned: Keeper, sign: Sign, changes: dict[str, Any], said: str
) -> None:
    lines = {line.name: line for line in judge.keeper_lines(drilled(sign, **changes), pinned, NOW)}
    assert lines["drill"].verdict == "bad"
    assert said in lines["drill"].text
    assert lines["drill"].command == "toybox drill --stack keeper"


def test_an_edited_record_is_red_and_verifies_nothing(pinned: Keeper, sign: Sign) -> None:
    told = drilled(sign)
    told["drill"]["signed"]["text"] = told["drill"]["signed"]["text"].replace("12.3", "1.23")
    lines = {line.name: line for line in judge.keeper_lines(told, pinned, NOW)}
    assert "its signature is not that of" in lines["drill"].text
    assert lines["drill"].verdict == "bad"
    assert "not verified" in lines["full"].text


def test_a_new_keeper_has_a_day_for_its_first_drill() -> None:
    line = next(line for line in judge.keeper_lines(TOLD, KEEPER, NOW) if line.name == "drill")
    assert (line.verdict, line.text) == ("unknown", "no drill yet, the first runs on 2027-01-15T14:00:00.000Z")
    told = changed(lambda told: told["full"].update(oldest=NOW - 25 * HOUR))
    assert red(told).keys() == {"drill", "drill-copy"}
    running = {**told, "running": {"drill": NOW - 60}}
    assert red(running).keys() == {"drill-copy"}
    assert red(running)["drill-copy"].command == "toybox drill --from copy --stack keeper"


def test_a_keeper_of_an_older_checkout_is_named() -> None:
    told = changed(lambda told: told.pop("drill"))
    assert red(told)["drill"].command == "pulumi up --stack keeper"


def test_a_first_run_that_is_under_way_is_not_red_for_half_an_hour() -> None:
    """`toybox backup status` in the first minutes named commands that would start what ran already."""
    new = deepcopy(TOLD)
    for kind in judge.HOLDS:
        new[kind].update(newest=None)
    new["full"]["oldest"] = None
    assert red(new).keys() == set(judge.HOLDS)
    new["running"] = dict.fromkeys(("full", "files", "dump", "copy"), NOW - 200)
    assert not red(new)
    lines = {line.name: line for line in judge.keeper_lines(new, KEEPER, NOW)}
    assert lines["full"].text == "the first run is under way, for 3 min"
    assert lines["wal"].text == "the first full backup is under way, for 3 min"
    new["now"] = NOW - 200 + 1800
    assert red(new, new["now"]).keys() == set(judge.HOLDS)
    failed = {"started": "x", "why": "The source is away."}
    new["now"] = NOW
    new["files"]["failed"] = failed
    assert red(new).keys() == {"files"}


def test_a_hole_in_the_wal_is_red_until_a_full_backup_is_taken() -> None:
    wanted = {"since": "2026-01-22T11:49:00.000Z", "why": "The slot is lost.\nMore."}
    line = red(changed(lambda told: told.update(wanted=wanted)))["full"]
    assert "The slot is lost." in line.text
    assert line.command == "toybox backup run full --stack keeper"


def test_a_segment_of_wal_that_is_gone_is_red_beside_other_faults() -> None:
    gone, failed = "00000001000000000000002B", {"why": "the dump broke off", "started": "2026-11-26T22:33:00Z"}

    def change(told: dict[str, Any]) -> None:
        told["vanished"] = [gone]
        told["dump"]["failed"] = failed

    found = red(changed(change))
    assert gone in found["wal"].text
    assert "broke off" in found["dump"].text


def test_what_the_keeper_finds_wrong_itself_is_red_whatever_it_is() -> None:
    assert (
        "a new kind of trouble"
        in red(changed(lambda told: told["problems"].append("a new kind of trouble")))["keeper"].text
    )


@pytest.mark.parametrize(
    "told",
    [
        {"source": "prod", "now": NOW, "problems": ["/srv/toybox-keeper is not a mounted disk.\n    Why: ..."]},
        {"error": "/etc/toybox-keeper/settings.json cannot be used"},
        {},
    ],
    ids=["no disk", "no settings", "nothing"],
)
def test_a_keeper_that_can_look_at_nothing_is_red_with_its_reason(told: dict[str, Any]) -> None:
    (line,) = judge.keeper_lines(told, KEEPER, NOW)
    assert line.verdict == "bad"
    assert line.text.startswith(str(told.get("error") or (told.get("problems") or ["it says nothing"])[0])[:20])


@pytest.mark.parametrize(
    ("error", "command"),
    [
        ("Can't open user config file .toybox/keeper/ssh/config: No such file", "pulumi preview --stack keeper"),
        ("bash: line 1: toybox-keeper: command not found", "pulumi up --stack keeper"),
        ("connect to host 192.0.2.9 port 22: No route to host", "ssh -F .toybox/keeper/ssh/config 192.0.2.9 uptime"),
    ],
    ids=["fresh checkout", "never updated", "dead"],
)
def test_a_keeper_that_gives_no_answer_is_red_with_the_next_command(error: str, command: str) -> None:
    lines = judge.silent_lines(error, KEEPER)
    assert (lines[0].verdict, lines[0].command) == ("bad", command)
    assert not [line for line in lines if line.verdict == "good"]
