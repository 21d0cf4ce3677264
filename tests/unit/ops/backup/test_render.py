"""What people read of the keeper: what can be restored, and what a run did."""

from typing import Any

from rich.console import Console

from ops.backup import render
from ops.status.line import Line

LISTED: dict[str, Any] = {
    "source": "prod",
    "from": "2026-01-08T18:00:00.000Z",
    "to": "2026-01-22T11:48:59.000Z",
    "holes": [],
    "full": [
        {
            "id": "20260122T030000",
            "status": "DONE",
            "ended": "2026-01-22T03:00:09.000Z",
            "bytes": 30_000_000,
            "wal_bytes": 2_000_000,
            "verified": True,
        },
        {"id": "20260121T030000", "status": "FAILED", "ended": None, "bytes": 0, "wal_bytes": 0, "verified": False},
    ],
    "files": [{"id": "0a1b2c3d", "of": "2026-01-22T11:45:00.000Z", "verified": False}],
    "dumps": [{"name": "toybox-20260122T031500Z.dump", "bytes": 5_000_000, "verified": False}],
}


def printed(renderable: Any) -> list[str]:
    """The lines that a log gets."""
    console = Console(width=220, highlight=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get().splitlines()


def test_a_list_says_which_seconds_can_be_had_and_what_was_restored_of_it() -> None:
    assert render.heading(LISTED) == (
        "prod's database: any second from 2026-01-08T18:00:00.000Z to 2026-01-22T11:48:59.000Z."
    )
    rows = [line.split() for line in printed(render.listed_table(LISTED))[1:]]
    assert rows[0] == ["full", "20260122T030000", "2026-01-22T03:00:09.000Z", "32.0", "MB", "verified"]
    assert "FAILED" in rows[1]
    assert [row[-3:] for row in rows[1:]] == [["received,", "not", "verified"]] * 3


def test_a_hole_in_the_seconds_is_said_with_them() -> None:
    hole = {"from": "2026-01-20T01:00:00.000Z", "to": "2026-01-20T03:00:09.000Z"}
    assert "But none from 2026-01-20T01:00:00.000Z to 2026-01-20T03:00:09.000Z" in render.heading(
        {**LISTED, "holes": [hole]}
    )


def test_a_keeper_that_holds_nothing_promises_no_second() -> None:
    assert "Nothing of prod's database" in render.heading({**LISTED, "from": None, "to": None})


def test_a_failed_run_says_why_and_a_good_one_what_it_found() -> None:
    failed = {"kind": "files", "source": "prod", "ok": False, "why": "Volume media is empty.", "seconds": 1.24}
    assert render.run_text(failed) == "files of prod failed after 1.2 s. Volume media is empty."
    full = {"kind": "full", "source": "prod", "ok": True, "backup": "2026", "rows": {"a": 1000, "b": 1}, "seconds": 2}
    assert render.run_text(full) == "full of prod: 2026, 1,001 rows in 2.0 s"
    files = {"kind": "files", "source": "prod", "ok": True, "snapshot": "0a1b", "seconds": 2.0}
    files["volumes"] = {"media": {"files": 12, "bytes": 1}, "caddy-data": {"files": 3, "bytes": 1}}
    assert render.run_text(files) == "files of prod: 0a1b, 15 files in 2.0 s"


def test_the_status_for_programs_is_red_as_a_whole_with_one_red_line() -> None:
    lines = [Line("wal", "good", "fresh"), Line("full", "bad", "old", "toybox backup run full")]
    told = render.status_json("keeper", "prod", lines)
    assert (told["stack"], told["keeps"], told["ok"]) == ("keeper", "prod", False)
    assert [check["command"] for check in told["checks"]] == [None, "toybox backup run full"]
    assert render.status_json("keeper", "prod", lines[:1])["ok"]
