"""Manifests and records: the findings of a run, with which the next one compares its own.

A manifest is written by every run, a failed one too. A record is the manifest of a job's last success; the next run
that finds less than half of it refuses.
"""

import json
import math
import os
import stat as stat_module
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keeper.places import Places
from keeper.refusal import Refusal

Manifest = dict[str, Any]

KEPT_DAYS = 400
"""Of manifests. The oldest monthly snapshot is younger."""

EACH_MINUTE = ("mark", "archive")
"""Jobs whose manifest is overwritten by the next run."""


def stamp(seconds: float) -> str:
    """Return a time as it stands in file names: 20260122T114900Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


def iso(seconds: float) -> str:
    """Return a time as ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_before(seconds: float) -> str:
    """Return the last whole millisecond before a time, as ISO 8601 in UTC."""
    return iso((math.ceil(round(seconds * 1000, 3)) - 1) / 1000)


def manifest(kind: str, source: str, began: float, ended: float, *, why: str = "", **facts: object) -> Manifest:
    """Return what a run says of itself. `why` is the reason of a failure, and "" of a success."""
    return {
        "kind": kind,
        "source": source,
        "ok": not why,
        "why": why,
        "started": iso(began),
        "started_at": round(began, 3),
        "seconds": round(ended - began, 3),
        **facts,
    }


def rendered(content: Mapping[str, Any]) -> str:
    """Return JSON as it is written, to the byte: a signature is of it. Pure."""
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Put JSON into `file`, whole or not at all, and on the disk."""
    write_text(file, rendered(content))


def write_text(file: Path, text: str) -> None:
    """Put a text into `file`, whole or not at all, and on the disk."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    with new.open("w", encoding="utf-8") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    new.replace(file)


def read(file: Path) -> Manifest | None:
    """Return a JSON file's content; None if there is none.

    Raises:
        Refusal: it is there and no JSON object.
    """
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Refusal(
            f"{file} is not a JSON object.",
            "The job compares itself with it, and without it takes whatever it finds for right.",
            f"Read it. To go on without it: `rm {file}`.",
        )
    return told


def keep(places: Places, told: Manifest, signature: str = "") -> None:
    """Write a run's manifest, and its record if it succeeded, with its signature beside it if it has one."""
    kind = str(told["kind"])
    name = kind if kind in EACH_MINUTE else f"{kind}-{stamp(told['started_at'])}"
    write(places.manifests / f"{name}.json", told)
    if told["ok"]:
        write(places.records / f"{kind}.json", told)
    if told["ok"] and signature:
        write_text(places.records / f"{kind}.json.sig", signature)


def record(places: Places, kind: str) -> Manifest | None:
    """Return the manifest of a job's last success."""
    return read(places.records / f"{kind}.json")


def signed(places: Places, kind: str) -> dict[str, str] | None:
    """Return the text of a job's record and its signature, as they lie there; None without a record. Whether the
    signature is right is the reader's to find out."""
    record_file = places.records / f"{kind}.json"
    signature_file = record_file.with_name(f"{record_file.name}.sig")
    if not record_file.exists():
        return None
    return {
        "text": record_file.read_text(encoding="utf-8", errors="replace"),
        "signature": signature_file.read_text(errors="replace") if signature_file.exists() else "",
    }


def newest(places: Places, kind: str) -> Manifest | None:
    """Return the manifest of a job's last run, whatever its end."""
    files = sorted(places.manifests.glob(f"{kind}-[0-9]*.json")) or [places.manifests / f"{kind}.json"]
    return read(files[-1])


def prune(places: Places, now: float) -> None:
    """Delete manifests older than KEPT_DAYS."""
    for file in places.manifests.glob("*-*.json"):
        if file.stat().st_mtime < now - KEPT_DAYS * 86400:
            file.unlink()


def refuse_smaller(places: Places, kind: str, what: str, found: int, before: int) -> None:
    """Raise Refusal if `found` is less than half of what the last success had. `what` names the quantity."""
    if 2 * found >= before:
        return
    file = places.records / f"{kind}.json"
    wrong = "empty" if found == 0 else "less than half of the last one"
    raise Refusal(
        f"The source's {what} is {wrong}: {found:,}, and was {before:,}.",
        "So looks a disk that is not mounted, or data that was deleted. Nothing was pulled or removed here.",
        f"Look at the source. If it is right: `mv {file} {file}.before`, then `toybox-keeper run {kind}`.",
    )


def refuse_another_cluster(places: Places, identifier: str) -> None:
    """Raise Refusal if the source's database cluster is not the one that is kept. Records the first one that is met.

    Raises:
        Refusal: another system identifier.
    """
    file = places.records / "source.json"
    known = read(file)
    if known is None:
        write(
            file,
            {"source": places.source, "system_identifier": identifier, "met": iso(time.time())},
        )
        return
    if known.get("source") != places.source:
        raise Refusal(
            f"This disk keeps stack {known.get('source')}, and the settings say {places.source}.",
            "Two stacks in one catalogue would end in a restore of the wrong one.",
            "Put `toybox:keeps` back, or give the keeper another disk.",
        )
    if known.get("system_identifier") != identifier:
        old = known.get("system_identifier")
        aside = f"{places.data}/former-{old}"
        raise Refusal(
            f"The source is another database cluster: {identifier}, and not {old}.",
            "WAL of two clusters in one catalogue restores to neither. What is kept stays as it is.",
            "If the source was made again on purpose: `systemctl stop 'toybox-keeper-*'`, "
            f"`mkdir {aside}`, `mv {places.data}/barman {places.records} {aside}/`, "
            "then `pulumi up --stack keeper --replace '**::keeper-ready'`.",
        )


def files_and_bytes(folder: Path) -> tuple[int, int]:
    """Return the number of regular files below `folder`, and their bytes."""
    count = size = 0
    for above, _, names in os.walk(folder):
        for name in names:
            found = os.lstat(os.path.join(above, name))
            if stat_module.S_ISREG(found.st_mode):
                count, size = count + 1, size + found.st_size
    return count, size
