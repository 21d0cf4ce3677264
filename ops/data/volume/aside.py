"""Name the former data volumes that are put aside, and write a record on each.

The record is the volume's description. ConoHa lets no client write a volume's metadata, and changes name and
description in one call. So a volume is never put aside without its record, and every operator's clone reads the same
one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from conoha import names
from ops.restore_points.model import Volume

LONGEST = 255
"""Characters of a description, in Cinder."""

WHEN = "%Y-%m-%dT%H:%MZ"
PATTERN = re.compile(
    rf"TOYBOX (?P<stack>{names.STACK.pattern}): put aside (?P<since>[-0-9T:]+Z) to (?P<purpose>\w+ \S+), "
    r"which is (?P<state>under way|done)\.(?: Held (?P<held>.*?)\.)?(?: Before: (?P<before>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Record:
    """The reason why a volume was put aside.

    Attributes:
        purpose: the command and its id: `restore 7b59c87d-…`, `adopt 8c99ddaf-…`.
        under_way: whether the command has not finished yet. It writes False when it does.
        held: the data that the volume held then, in words; "" if its server did not answer.
        before: the volume's former description, if somebody else had given it one.
    """

    since: datetime
    purpose: str
    under_way: bool
    held: str = ""
    before: str = ""


def written(stack: str, record: Record) -> str:
    """Return the record as a description."""
    state = "under way" if record.under_way else "done"
    text = f"TOYBOX {stack}: put aside {record.since.astimezone(UTC):{WHEN}} to {record.purpose}, which is {state}."
    text += f" Held {record.held}." if record.held else ""
    text += f" Before: {record.before}" if record.before else ""
    return text[:LONGEST]


def read(description: str) -> Record | None:
    """Return the record in a description; None if it has none."""
    found = PATTERN.fullmatch(description)
    if found is None:
        return None
    since = datetime.strptime(found["since"], WHEN).replace(tzinfo=UTC)
    return Record(since, found["purpose"], found["state"] == "under way", found["held"] or "", found["before"] or "")


def ended(stack: str, description: str) -> str | None:
    """Return the description of a volume whose command has finished; None if it already says so, or has no record."""
    record = read(description)
    return written(stack, replace(record, under_way=False)) if record and record.under_way else None


def former_description(stack: str, description: str) -> str:
    """Return the description that a volume gets back when it is the stack's data again."""
    record = read(description)
    return (record.before if record else "") or names.data_description(stack)


def aside_name(stack: str, now: datetime) -> str:
    """What the volume is called from now on: toybox-prod-data-before-20261124T0300Z."""
    return f"{names.resource_name(stack, 'data')}-before-{now.astimezone(UTC):%Y%m%dT%H%MZ}"


def kept(volumes: Sequence[Volume], stack: str) -> list[Volume]:
    """Return the stack's volumes that were put aside, the oldest first."""
    return sorted((each for each in volumes if names.is_aside(each.name, stack)), key=lambda each: (each.name, each.id))


def under_way(volumes: Sequence[Volume], stack: str) -> list[Volume]:
    """Return the stack's volumes that an unfinished command put aside, the oldest first."""
    return [each for each in kept(volumes, stack) if (record := read(each.description)) and record.under_way]
