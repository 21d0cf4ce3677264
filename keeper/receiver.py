"""Starts the stream of WAL again where it cannot go on, and asks for a full backup where a timeline has none.

PostgreSQL has removed the next segment after an absence that is longer than `max_slot_wal_keep_size` allows. The source
is right to go on without the keeper. The seconds of the hole are lost to the keeper; a new full backup begins after it.

A source that was recovered writes on a new timeline. Where it was put back to an earlier second, the stream cannot go
on from the last one that was received. Every second of the former timeline stays.
"""

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keeper import catalogue, wal
from keeper.notes import iso, record, write
from keeper.places import Places
from keeper.programs import FailedError, run
from keeper.refusal import Refusal

WANTED = "full-wanted.json"
"""The record that makes systemd start a full backup (toybox-keeper-full.path)."""
HOLD = "hold"
"""While this file is in /run/toybox-keeper, the receiver's unit does not start it."""

REMOVED = "has already been removed"
"""In the error of a source that has removed a segment (PostgreSQL 15, walsender.c)."""
FORKED = "not in this server's history"
"""In the error of a source that was put back to before this segment, and went on from there (the same)."""
SEGMENT_BYTES = 16 << 20
"""PostgreSQL's default."""
LOST = "lost"
"""A slot's wal_status, once its WAL was removed."""


def start_of(segment: str) -> str:
    """Return the position at which a segment begins: 000000010000000000000005 at 0/5000000. Pure."""
    return f"{int(segment[8:16], 16):X}/{int(segment[16:], 16) << 24:X}"


def next_segment(places: Places) -> str | None:
    """Return the segment with which the stream goes on; None if there never was one."""
    waiting = wal.unarchived(places)
    unfinished = [name for name, file in waiting.items() if file.name.endswith(wal.PARTIAL)]
    complete = max({*wal.archived(places), *waiting}, default=None)
    return max(unfinished) if unfinished else wal.following(complete) if complete else None


def broken_off(places: Places, told: Mapping[str, Any]) -> str:
    """Return why the stream cannot go on; "" if it does, or can. `told` are the source's facts."""
    segment = next_segment(places)
    if told["receiver"] or segment is None:
        return ""
    if (told["slot"] or {}).get("wal_status") == LOST:
        return f"the source kept no WAL for so long an absence: its slot is {LOST}"
    return refusal(places, segment)


def refusal(places: Places, segment: str) -> str:
    """Return why the source refuses to send from this segment on, if it will refuse for ever; else "".

    pg_receivewal is asked, in a folder that ends just before the segment. psql ends when the source agrees to send, and
    the source notices only then that it has removed the segment.
    """
    receive = places.programs / "pg_receivewal"
    with tempfile.TemporaryDirectory(prefix="toybox-keeper.") as folder:
        with open(Path(folder, wal.preceding(segment)), "wb") as complete:
            complete.truncate(SEGMENT_BYTES)
        end = f"--endpos={start_of(segment)[:-1]}8"
        try:
            run(receive, f"--directory={folder}", "--no-loop", end, f"--dbname={places.conninfo('keeper')}", seconds=20)
        except FailedError as error:
            if REMOVED in str(error):
                return f"the source has removed segment {segment}"
            if FORKED in str(error):
                return f"the source was put back to a time before segment {segment}, and goes on from there"
    return ""


def want_full_of_new_timeline(places: Places, told: Mapping[str, Any]) -> None:
    """Ask for a full backup if the newest one is of another timeline than the one that the source writes on: it was
    recovered. `told` are the source's facts."""
    last, wanted = record(places, "full"), places.records / WANTED
    timeline = int(told["timeline"])
    if last and not wanted.exists() and int(str(last["begin_wal"])[:8], 16) != timeline:
        why = f"the source was recovered, and writes on timeline {timeline}"
        write(wanted, {"why": why, "since": iso(time.time())})


def start_again(places: Places, why: str) -> None:
    """Give the source a new slot, begin where it is now, and ask for a full backup.

    What was received stays: Barman would delete the unfinished segment, so a copy is kept beside it. Raises Refusal.
    """
    hold = places.run / HOLD
    hold.touch()
    try:
        keep_unfinished(places)
        for option in ("--drop-slot", "--create-slot"):
            try:
                run(*catalogue.barman(places, "receive-wal", option, places.source))
            except FailedError:
                continue  # there was none to drop, or the receiver made one
        reset(places)
    finally:
        hold.unlink(missing_ok=True)
    write(places.records / WANTED, {"why": why, "since": iso(time.time())})


def reset(places: Places, seconds: float = 20) -> None:
    """Make Barman forget where the stream ended, once its receiver has given up. Raises Refusal."""
    end = time.monotonic() + seconds
    while "still running" in (said := run(*catalogue.barman(places, "receive-wal", "--reset", places.source))):
        if time.monotonic() >= end:
            raise Refusal("The receiver of WAL cannot start again.", said.strip(), catalogue.LOOK_AT_BARMAN)
        time.sleep(1)


def keep_unfinished(places: Places) -> None:
    """Copy the unfinished segment to where wal.unarchived finds it, too: it has the last seconds before the hole."""
    folder = places.barman_home / wal.UNFINISHED
    folder.mkdir(exist_ok=True)
    for file in (places.barman_home / "streaming").glob(f"*{wal.PARTIAL}"):
        if file.stat().st_size:
            shutil.copy2(file, folder / file.name)
