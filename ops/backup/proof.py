"""The record of a drill: "verified" is said of what it names, and only if the keeper's machine has signed it."""

import json
from collections.abc import Mapping
from typing import Any

from keeper.database import CLOCKS_MAY_DIFFER
from keeper.signature import is_signed
from keeper.status import duration
from ops.backup.asking import Keeper

Record = dict[str, Any]

OF = {"full": "backup", "files": "snapshot", "dump": "dump"}
"""{kind: the key under which a record, or a job's manifest, names the one that it is about}."""


class UnprovedError(Exception):
    """A record proves nothing. Its text says why."""


def proved(signed: Mapping[str, str], keeper: Keeper, kind: str, now: float) -> Record:
    """Return the record of a drill. `signed` is what the keeper answers: the record's text and its signature.

    Raises:
        UnprovedError: the machine whose host key is pinned did not sign it, or it is of something else.
    """
    if not is_signed(signed["text"], signed["signature"], keeper.host_key):
        raise UnprovedError(
            "its signature is not that of toybox:machine.hostKey: it was changed, or comes from elsewhere"
        )
    record: Record = json.loads(signed["text"])
    if (record.get("kind"), record.get("ok")) != (kind, True):
        raise UnprovedError(f"it is the record of something else: {record.get('kind')}")
    if record.get("source") != keeper.keeps:
        raise UnprovedError(f"it is of stack {record.get('source')}, and the settings say {keeper.keeps}")
    ahead = float(record["started_at"]) - now
    if ahead > CLOCKS_MAY_DIFFER:
        raise UnprovedError(f"it is from the future, {duration(ahead)} ahead: a clock was wrong")
    return record


def proved_or_none(signed: Mapping[str, str] | None, keeper: Keeper, kind: str, now: float) -> Record | None:
    """Return the same; None where there is no record, or one that proves nothing."""
    try:
        return proved(signed, keeper, kind, now) if signed else None
    except UnprovedError:
        return None


def names(record: Mapping[str, Any] | None, kind: str, identifier: str) -> bool:
    """Return whether a drill restored this full backup, snapshot ("files") or dump. An id may be short. Pure."""
    if record is None or not identifier:
        return False
    restored = str(record.get(OF[kind], ""))
    return restored.startswith(identifier) if kind == "files" else restored == identifier


def with_verdicts(listed: Mapping[str, Any], record: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the keeper lists, with "verified" by the record, and not by the keeper's own word. Pure."""
    return {
        **listed,
        "full": [{**each, "verified": names(record, "full", each["id"])} for each in listed["full"]],
        "files": [{**each, "verified": names(record, "files", each["id"])} for each in listed["files"]],
        "dumps": [{**each, "verified": names(record, "dump", each["name"])} for each in listed["dumps"]],
    }
