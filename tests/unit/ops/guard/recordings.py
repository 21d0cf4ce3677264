"""The previews that tests/lab/record_previews.py recorded, as the guard reads them; and how to alter one."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops.guard import preview, rules
from ops.guard.preview import Preview

RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(file.stem for file in RECORDED.glob("*.json"))


def text(name: str) -> str:
    """One recording, as the engine would print it."""
    return (RECORDED / f"{name}.json").read_text()


def document(name: str) -> dict[str, Any]:
    """One recording as data."""
    return dict(json.loads(text(name)))


def step(found: dict[str, Any], name: str) -> dict[str, Any]:
    """The step of the resource with this logical name."""
    (one,) = [each for each in found["steps"] if each["urn"].endswith(f"::{name}") and each["op"] != "refresh"]
    result: dict[str, Any] = one
    return result


def altered(name: str, alter: Callable[[dict[str, Any]], None]) -> Preview:
    """A recording with something in it changed by hand, and its summary made to fit."""
    found = document(name)
    alter(found)
    found["changeSummary"] = dict(Counter(each["op"] for each in found["steps"] if each["op"] != "refresh"))
    return preview.read(json.dumps(found))


def found(judged: Preview) -> set[tuple[str, str]]:
    """What the rules find, as (action, the resource's name)."""
    return {(finding.action, finding.name) for finding in rules.findings(judged)}
