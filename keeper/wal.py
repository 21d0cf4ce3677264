"""Write-ahead log: the names of segments, which of them are missing, and the newest commit in them."""

import gzip
import re
import shutil
import tempfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from keeper.places import Places
from keeper.programs import FailedError, run

SEGMENT = re.compile(r"[0-9A-F]{24}")
PARTIAL = ".partial"
UNFINISHED = "unfinished"
"""The folder for segments that were never finished here, because the stream broke off (receiver.py)."""
SEGMENTS_IN_A_LOG = 256
"""With segments of 16 MiB, PostgreSQL's default."""

COMMIT = re.compile(r"desc: COMMIT(?:_PREPARED)? .*?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC")
GZIP = b"\x1f\x8b"

LOOK_BACK = 20
"""Segments in which the newest commit is looked for."""


def following(name: str) -> str:
    """Return the name of the segment after `name`, on the same timeline."""
    timeline, log, number = name[:8], int(name[8:16], 16), int(name[16:], 16)
    log, number = (log + 1, 0) if number + 1 == SEGMENTS_IN_A_LOG else (log, number + 1)
    return f"{timeline}{log:08X}{number:08X}"


def preceding(name: str) -> str:
    """Return the name of the segment before `name`, on the same timeline. There is none before the first one."""
    timeline, log, number = name[:8], int(name[8:16], 16), int(name[16:], 16)
    log, number = (log - 1, SEGMENTS_IN_A_LOG - 1) if number == 0 else (log, number - 1)
    return f"{timeline}{log:08X}{number:08X}"


def first_missing(names: Collection[str], begin: str) -> str | None:
    """Return the first segment between `begin` and the newest of `names`, on its timeline, that is not among them."""
    timeline = begin[:8]
    newest = max((name for name in names if name[:8] == timeline), default="")
    if not newest:
        return begin
    name = begin
    while name <= newest:
        if name not in names:
            return name
        name = following(name)
    return None


def ends_before_holes(names: Collection[str], begin: str) -> list[str]:
    """Return the last segment before each hole among `names`, from `begin` on, on its timeline. Pure."""
    there = sorted(name for name in names if name >= begin and name[:8] == begin[:8])
    return [name for name, after in pairwise(there) if after != following(name)]


def vanished(segments: Mapping[str, Path], begin: str) -> list[str]:
    """Return the first missing segment of each hole that no broken stream explains: such a stream leaves an unfinished
    segment before its hole. `begin` is the first segment that the oldest full backup needs. Pure."""
    timelines = {name[:8] for name in segments if name >= begin}
    firsts = [max(begin, min(name for name in segments if name[:8] == timeline)) for timeline in timelines]
    ends = [end for first in firsts for end in ends_before_holes(segments, first)]
    return sorted(following(end) for end in ends if not segments[end].name.endswith(PARTIAL))


def archived(places: Places) -> dict[str, Path]:
    """Return the complete segments that Barman has archived, by name."""
    return {file.name: file for file in (places.barman_home / "wals").glob("*/*") if SEGMENT.fullmatch(file.name)}


def unarchived(places: Places) -> dict[str, Path]:
    """Return what was received and is not archived as a complete segment, by the segment's name: complete segments and
    the unfinished ones. When the source goes over to a new timeline, Barman archives the unfinished segment of the
    former one under its suffix, and leaves it out of a restore as well."""
    found: dict[str, Path] = {}
    known = archived(places)
    former = sorted((places.barman_home / "wals").glob(f"*/*{PARTIAL}"))
    folders = (places.barman_home / name for name in (UNFINISHED, "streaming"))
    received = (file for folder in folders for file in sorted(folder.glob("*"), reverse=True))
    for file in (*former, *received):
        name = file.name.removesuffix(PARTIAL)
        # sorted in reverse, the complete segment comes after its partial and takes its place
        if SEGMENT.fullmatch(name) and name not in known and (there := filled(file)):
            found[name] = there
    return found


def filled(file: Path) -> Path | None:
    """Return a segment's file, or the complete one that the receiver has made of it since it was listed; None if it has
    nothing in it."""
    for each in (file, completed(file)):
        with suppress(FileNotFoundError):
            return each if each.stat().st_size else None
    return None


def completed(file: Path) -> Path:
    """Return the file's name after the receiver has completed the segment: it takes the suffix away. Pure."""
    return file.with_name(file.name.removesuffix(PARTIAL))


def opened(file: Path) -> BinaryIO:
    """Open a segment, which the receiver may have completed since it was listed."""
    try:
        return file.open("rb")
    except FileNotFoundError:
        return completed(file).open("rb")


def copy_segment(source: Path, target: Path) -> None:
    """Copy a segment, decompressed if Barman compressed it."""
    with opened(source) as file:
        packed = file.read(2) == GZIP
        file.seek(0)
        with gzip.open(file, "rb") if packed else file as given, target.open("wb") as taken:
            shutil.copyfileobj(given, taken)
    target.chmod(0o600)


def commits_in(dumped: str) -> list[float]:
    """Return the times of the commits in what pg_waldump printed, in seconds since 1970. Pure."""
    return [datetime.fromisoformat(f"{found}+00:00").timestamp() for found in COMMIT.findall(dumped)]


def newest_commit(places: Places) -> tuple[float, str] | None:
    """Return (time of the newest commit that is kept, its segment); None if there is none in the last LOOK_BACK, as
    just after a first full backup. The time is the source's clock. A restore can go up to it."""
    return newest_commit_of(places, {**archived(places), **unarchived(places)})


def newest_commit_of(places: Places, segments: Mapping[str, Path]) -> tuple[float, str] | None:
    """Return (time of the newest commit in the last LOOK_BACK of these segments, its segment); None without one."""
    for name in sorted(segments, reverse=True)[:LOOK_BACK]:
        if found := commits_of(places, name, segments[name]):
            return max(found), name
    return None


def commits_of(places: Places, name: str, file: Path) -> Sequence[float]:
    """Return the times of one segment's commits. What cannot be read has none: it ends where it was not written yet, or
    it was archived since it was listed."""
    with tempfile.TemporaryDirectory(prefix="toybox-keeper.") as folder:
        waldump = places.programs / "pg_waldump"
        try:
            copy_segment(file, Path(folder, name))
            printed = run(waldump, "--rmgr=Transaction", f"--path={folder}", name, accepted=(0, 1))
        except (FailedError, FileNotFoundError, EOFError, zlib.error, gzip.BadGzipFile):
            return []
    return commits_in(printed)
