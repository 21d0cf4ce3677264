"""Segments: a hole is found, the unfinished one counts, and the newest commit is read from PostgreSQL's own words."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper import wal
from keeper.places import Places

PRINTED = """\
rmgr: Transaction len (rec/tot):     34/    34, tx:        750, lsn: 0/05000028, prev 0/04000110, desc: COMMIT \
2026-11-26 10:15:00.123456 UTC
rmgr: Transaction len (rec/tot):    421/   421, tx:        751, lsn: 0/05000050, prev 0/05000028, desc: COMMIT \
2026-11-26 10:15:02.5 UTC; inval msgs: catcache 55 catcache 54; sync
rmgr: Transaction len (rec/tot):     34/    34, tx:        752, lsn: 0/05000200, prev 0/05000050, desc: ABORT \
2026-11-26 10:15:09.000000 UTC
"""


def segment(number: int) -> str:
    return f"00000001{number // 256:08X}{number % 256:08X}"


@given(st.integers(0, 1000))
def test_segments_follow_each_other_over_the_end_of_a_log(number: int) -> None:
    assert wal.following(segment(number)) == segment(number + 1)


@given(st.integers(250, 260), st.sets(st.integers(250, 270), min_size=1))
def test_exactly_a_hole_is_found(begin: int, there: set[int]) -> None:
    names = {segment(number) for number in there}
    holes = [number for number in range(begin, max(there) + 1) if number not in there]
    expected = segment(holes[0]) if holes else None
    assert wal.first_missing(names, segment(begin)) == expected


@given(st.sets(st.integers(250, 270), min_size=1))
def test_each_hole_has_the_segment_before_it(there: set[int]) -> None:
    names = {segment(number) for number in there} | {"0000000200000000000000FF"}
    before = [number for number in sorted(there) if number + 1 not in there and number < max(there)]
    assert wal.ends_before_holes(names, segment(250)) == [segment(number) for number in before]


@given(st.integers(1, 10_000))
def test_the_segment_before_the_next_one_is_the_segment_itself(number: int) -> None:
    assert wal.preceding(wal.following(segment(number))) == segment(number)


def test_a_hole_that_no_broken_stream_left_is_a_segment_that_vanished() -> None:
    """What a broken stream received last is unfinished; what vanished was between two that were complete."""
    files = {segment(number): Path(segment(number)) for number in (3, 4, 6, 7, 9)}
    assert wal.vanished(files, segment(3)) == [segment(5), segment(8)]
    assert wal.vanished(files, segment(6)) == [segment(8)], "the oldest full backup needs nothing before it"
    files[segment(4)] = Path(segment(4) + wal.PARTIAL)
    assert wal.vanished(files, segment(3)) == [segment(8)]
    files["000000020000000000000009"] = Path("000000020000000000000009")
    files["00000002000000000000000B"] = Path("00000002000000000000000B")
    assert wal.vanished(files, segment(3)) == [segment(8), "00000002000000000000000A"]


def test_a_backup_whose_first_segment_is_on_no_disk_has_a_hole_there() -> None:
    assert wal.first_missing({"0000000200000000000000FF"}, segment(3)) == segment(3)


def test_the_newest_commit_counts_and_an_abort_does_not() -> None:
    first, second = wal.commits_in(PRINTED)
    assert second - first == pytest.approx(2.376544)
    assert wal.commits_in("pg_waldump: fatal: could not find a valid record") == []


def streaming(places: Places) -> Path:
    folder = places.barman_home / "streaming"
    folder.mkdir(parents=True)
    return folder


def test_the_unfinished_segment_goes_by_its_own_name_unless_it_is_there_whole(places: Places) -> None:
    folder = streaming(places)
    (folder / f"{segment(5)}.partial").write_bytes(b"x")
    (folder / segment(4)).write_bytes(b"x")
    (folder / f"{segment(4)}.partial").write_bytes(b"")
    (folder / "00000002.history").write_bytes(b"x")
    assert wal.unarchived(places) == {
        segment(5): folder / f"{segment(5)}.partial",
        segment(4): folder / segment(4),
    }


def test_what_is_archived_whole_is_not_taken_from_a_stream_that_broke_off(places: Places) -> None:
    unfinished, archived = places.barman_home / wal.UNFINISHED, places.barman_home / "wals" / "0000000100000000"
    for folder in (unfinished, archived):
        folder.mkdir(parents=True)
    for number in (5, 6):
        (unfinished / f"{segment(number)}.partial").write_bytes(b"x")
    (archived / segment(5)).write_bytes(b"x")
    assert set(wal.unarchived(places)) == {segment(6)}


def test_a_compressed_segment_is_copied_as_it_was(tmp_path: Path) -> None:
    content = bytes(range(256)) * 64
    (tmp_path / "packed").write_bytes(gzip.compress(content))
    (tmp_path / "plain").write_bytes(content)
    for name in ("packed", "plain"):
        wal.copy_segment(tmp_path / name, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content


@pytest.fixture
def completed(places: Places) -> Path:
    """The name of an unfinished segment that was listed, and was completed since."""
    folder = streaming(places)
    (folder / segment(5)).write_bytes(b"the last seconds")
    return folder / f"{segment(5)}.partial"


def test_a_segment_that_is_completed_while_it_is_looked_at_is_there(completed: Path, tmp_path: Path) -> None:
    """Seen on the lab, under a writer: the copy ended with "No such file or directory"."""
    assert wal.filled(completed) == completed.with_name(segment(5))
    wal.copy_segment(completed, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"the last seconds"


def test_a_segment_that_is_archived_while_it_is_looked_at_has_no_commit_yet(places: Places, completed: Path) -> None:
    completed.with_name(segment(5)).unlink()
    assert wal.filled(completed) is None
    assert wal.commits_of(places, segment(5), completed) == []
