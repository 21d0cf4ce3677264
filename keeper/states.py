"""Pulumi's state after each update, and the settings files beside it, as operators hand them over. Their secrets are
encrypted with a passphrase that is in none of them."""

import hashlib
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keeper import notes
from keeper.locks import alone
from keeper.places import Places, require_disk
from keeper.refusal import Refusal

FOLDER = "states"
NEWEST = 200
"""Of each stack, that are kept."""
STACK = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
LARGEST = 64 << 20
"""Bytes. A state has some hundred thousand."""


def parsed(text: str) -> tuple[str, dict[str, Any]]:
    """Return (the stack's name, what is handed over). Pure.

    Raises:
        Refusal: it is no state with its settings, or its secrets are not encrypted with a passphrase.
    """
    way_out = "`toybox state keep --stack STACK`, in the checkout, hands one over."
    try:
        told = json.loads(text)
        stack = str(told["stack"])
        provider = told["state"]["deployment"]["secrets_providers"]["type"]
        whole = bool(told["settings"]) and bool(told["state"]["deployment"]["resources"])
    except (ValueError, KeyError, TypeError):
        raise Refusal(
            "What was handed over is no state with its settings.", f"It begins: {text[:40]!r}", way_out
        ) from None
    if not STACK.fullmatch(stack) or not whole:
        raise Refusal(
            "What was handed over is no whole state.", f"It says that it is of stack {stack[:40]!r}.", way_out
        )
    if provider != "passphrase":
        raise Refusal(
            f"The secrets of the state of {stack} are not encrypted with a passphrase: {provider}.",
            "Who reads this disk would read them.",
            way_out,
        )
    return stack, told


def names(places: Places, stack: str) -> list[str]:
    """Return the kept states of a stack, the newest first. Names sort by time."""
    folder = places.data / FOLDER
    found = [file.name for file in folder.glob(f"{stack}-*.json") if form(stack).fullmatch(file.name)]
    return sorted(found, reverse=True)


def form(stack: str) -> re.Pattern[str]:
    """Return how a file of this stack is called, and none of one whose name only begins alike."""
    return re.compile(rf"{re.escape(stack)}-\d{{8}}T\d{{6}}Z\.json")


def expired(kept: Sequence[str]) -> list[str]:
    """Return those that go, of the newest first. Pure."""
    return list(kept[NEWEST:])


def keep(places: Places, text: str) -> dict[str, Any]:
    """Keep a state with its settings, unless the newest is the same, and return its name and its hash as it lies on the
    disk. Raises Refusal."""
    require_disk(places.disk)
    stack, told = parsed(text)
    with alone(places, FOLDER, 60):
        there = names(places, stack)
        same = there[:1] and notes.read(places.data / FOLDER / there[0]) == told
        name = there[0] if same else f"{stack}-{notes.stamp(time.time())}.json"
        file = places.data / FOLDER / name
        if not same:
            notes.write(file, told)
        for each in expired(names(places, stack)):
            (places.data / FOLDER / each).unlink()
    return {"kept": name, "of": stack, "new": not same, "sha256": fingerprint(file)}


def fingerprint(file: Path) -> str:
    """Return the hash of what a file says, whatever its form."""
    return digest(json.loads(file.read_text(encoding="utf-8")))


def digest(content: object) -> str:
    """Return the hash of a JSON value. Pure."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
