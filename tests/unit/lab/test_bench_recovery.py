"""What `make bench-recovery` writes into the page, what it reads from a recovery, and how nights pass on the keeper."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab import older
from lab.bench import recovery_section
from lab.bench_recovery import (
    Held,
    NightsResult,
    RecoveryResult,
    Run,
    refuse_differences,
    render_nights,
    render_recovery,
    told,
    with_part,
)
from lab.steps import LabError

QUIET = Run("2026-11-26", "0123456789ab", 2, load=0.3)
PRINTED = """\
From the keeper keeper: it has 2026-11-26T08:24:05Z to 2026-11-26T08:40:12Z. Wanted: latest.
  what is left of it is removed                done      12.4 s
  origin in Pulumi.prod.yaml                   done       0.0 s
    openstack:compute:Instance server-instance created (21s)
    backup restore: the keeper has it, 30 s
    backup restore: media: 3102 files and folders, the same on both sides, 75 s
    backup restore: PostgreSQL has recovered, 90 s
  pulumi up: volume, server, services          done     150.0 s
  the site answers                             done       0.6 s
prod is back, on volume 1. RTO: 163 s from your yes to a site that answers.
"""
HELD = Held(
    bytes={
        "database": 100_000_000,
        "uploads": 300_000_000,
        "base": 140_000_000,
        "wals": 16_000_000,
        "streaming": 16_000_000,
        "repository": 300_000_000,
        "mirror": 300_000_000,
        "dumps": 110_000_000,
        "bucket": 600_000_000,
    },
    number={"full": 16, "files": 30, "dumps": 7, "copies": 11},
)


def recovery(*, rto: float = 163) -> RecoveryResult:
    of_keeper = replace(told(PRINTED, 170), rto=rto)
    of_copy = replace(of_keeper, seconds=200, rto=190, restored=(("the keeper has it", 60.0),))
    return RecoveryResult(QUIET, 1_070_000_000, 3_000_000_000, {"full": 40.2}, {"keeper": of_keeper, "copy": of_copy})


def test_a_recovery_is_told_step_by_step_for_each_source() -> None:
    page = render_recovery(recovery())
    assert "| what | from the keeper | from the copy |" in page
    assert "(goal: at most 900) | 163 | 190 |" in page
    assert "| step: what is left of it is removed | 12 | 12 |" in page
    assert "| of it: the keeper has it | 30 | 60 |" in page
    assert "| of it: media has arrived, the same on both sides | 45 |  |" in page
    assert "| of it: PostgreSQL has recovered | 15 |  |" in page
    assert "| of it: volume, server, images, containers | 60 | 90 |" in page
    assert "origin in" not in page, "what takes no time is no line"
    assert "| full backup of the database | 40 |" in page
    assert "missed" not in page


def test_a_recovery_that_takes_too_long_is_named() -> None:
    assert "| 901, **missed** | 190 |" in render_recovery(recovery(rto=901))


def test_times_that_were_measured_beside_other_work_are_said_to_be_upper_bounds() -> None:
    assert "upper" not in render_recovery(recovery())
    assert "upper bounds" in render_recovery(replace(recovery(), run=replace(QUIET, load=4.0)))


def test_a_recovery_without_its_time_is_an_error() -> None:
    with pytest.raises(LabError, match="did not tell its RTO"):
        told("prod is back", 1)


def test_a_row_a_file_or_an_owner_that_is_not_as_it_was_is_named() -> None:
    refuse_differences({"table a": "1", "media/b": "2"}, {"media/b": "2", "table a": "1"})
    with pytest.raises(LabError, match=r"media/b, table c \(2 differ\)"):
        refuse_differences({"media/b": "2", "a": "1"}, {"media/b": "3", "a": "1", "table c": "1"})


def test_what_thirty_nights_hold_is_told_part_by_part() -> None:
    page = render_nights(NightsResult(QUIET, replace(HELD, bytes={**HELD.bytes, "dumps": 10_000_000}), HELD))
    assert "| the keeper: full backups of the database | 140 (16) | 140 (16) |" in page
    assert "| the keeper: dumps | 10 (7) | 110 (7) |" in page
    assert "| the keeper, all of it | **782** | **882** |" in page
    assert "| its copy in object storage | 600 (11) | 600 (11) |" in page


def test_one_part_is_exchanged_and_the_rest_of_the_page_stays() -> None:
    by_hand = "# Benchmarks\n\n## Recovery\n\n| by hand | 1 |\n"
    page = with_part(with_part(by_hand, "One", "first\n"), "Two", "second\n")
    assert page.startswith(f"{by_hand}\n")
    assert "### One\n\nfirst\n" in page
    again = with_part(page, "One", "third\n")
    assert again == page.replace("first", "third")
    assert recovery_section(f"above\n{again}").endswith(again.partition("## Recovery\n")[2]), "`make bench` keeps it"


def test_a_part_whose_end_was_deleted_is_not_written_over() -> None:
    page = with_part("# Benchmarks\n", "One", "first\n")
    with pytest.raises(LabError, match="not its end"):
        with_part(page.replace("<!-- End of 'One'. -->\n", ""), "One", "second\n")


def information(time: str) -> str:
    """A backup.info of Barman's, in which a backup takes no time."""
    return f"begin_time={time}+00:00\nbackup_label='START'\nend_time={time}+00:00\nmode=postgres\n"


def test_a_night_makes_every_full_backup_a_day_older(tmp_path: Path) -> None:
    for day in ("01", "02"):
        backup = tmp_path / "base" / f"202611{day}T020000"
        backup.mkdir(parents=True)
        (backup / "backup.info").write_text(information(f"2026-11-{day} 02:00:00.622132"))
    older.main(tmp_path)
    assert sorted(each.name for each in (tmp_path / "base").iterdir()) == ["20261031T020000", "20261101T020000"]
    there = (tmp_path / "base" / "20261031T020000" / "backup.info").read_text()
    assert there == information("2026-10-31 02:00:00.622132")
