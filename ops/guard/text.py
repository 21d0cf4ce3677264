"""The guard's judgement, for people and for programs. Pure."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, timedelta

from ops.guard import declared
from ops.guard.allowed import FILE
from ops.guard.cost import Cost
from ops.guard.finding import Finding
from ops.guard.judgement import Judged, passes
from ops.guard.preview import Change, Preview

WIDTH = 100
WEEK = timedelta(days=7)


def report(preview: Preview, judged: Judged, notes: Sequence[str], cost: Cost, today: date) -> str:
    """All that a reviewer should read, worst first."""
    parts = [_verdict(preview, judged)]
    parts += [_error(error) for error in preview.errors]
    parts += [_finding(number, finding) for number, finding in enumerate(judged.stopped, 1)]
    if judged.stopped and not preview.errors:
        parts.append(_how_to_except(judged.stopped[0], preview.stack, today))
    if judged.excepted:
        lines = [
            f"- {finding.name}: {finding.action}, until {entry.expires}. {finding.happens} {entry.reason}"
            for finding, entry in judged.excepted
        ]
        parts.append("\n".join([f"Let pass by {FILE}:", *map(_item, lines)]))
    if judged.unused:
        lines = [f"- {entry.action} of {entry.resource}, until {entry.expires}" for entry in judged.unused]
        parts.append("\n".join([f"Entries of {FILE} that nothing here needs; take them out:", *lines]))
    if changes := list(_changes(preview)):
        parts.append("\n".join(["What would be done:", *changes]))
    if notes:
        parts.append("\n".join(["To know:", *(_item(f"- {note}") for note in notes)]))
    if not preview.errors:
        parts.append(_cost(cost))
    return "\n\n".join(parts) + "\n"


def _verdict(preview: Preview, judged: Judged) -> str:
    changes = len(_shown(preview))
    what = f"{changes} changes" if changes != 1 else "1 change"
    count = len(judged.stopped)
    if preview.errors:
        return f"STOP: the preview of {preview.stack} failed, so nobody knows what an update would do."
    if count:
        return f"STOP: {count} {'thing' if count == 1 else 'things'} in the preview of {preview.stack} ({what})."
    return f"PASS: nothing in the preview of {preview.stack} ({what}) loses data or opens anything." + (
        " It has exceptions." if judged.excepted else ""
    )


def _error(error: str) -> str:
    return "Pulumi said:\n" + textwrap.indent(error.strip(), "    ")


def _finding(number: int, finding: Finding) -> str:
    return "\n".join(
        [
            f"{number}. {finding.name}: {finding.action}",
            *_field("What", finding.happens),
            *_field("Data", finding.means),
            *_field("Then", finding.proceed),
            f"   URN   {finding.urn}",
        ]
    )


def _field(name: str, text: str) -> Iterator[str]:
    yield textwrap.fill(text, WIDTH, initial_indent=f"   {name}  ", subsequent_indent=" " * 9, break_on_hyphens=False)


def _item(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def _how_to_except(finding: Finding, stack: str, today: date) -> str:
    return (
        f"If one of these is meant: an entry in {FILE}, in the same pull request, for each.\n\n"
        "    exceptions:\n"
        f"      - stack: {stack}\n"
        f"        resource: {finding.name}\n"
        f"        action: {finding.action}\n"
        "        reason: why, and how the data is kept\n"
        f"        expires: {today + WEEK}"
    )


MOST_LINES = 30


def _changes(preview: Preview) -> Iterator[str]:
    """What an update would do, a line each; what only follows a new server is counted, not listed."""
    shown = _shown(preview)
    if preview.is_new:
        yield f"  create   {len(shown)} resources: the stack has none yet"
        return
    server_replaced = any(change.replaced for change in preview.of_type(declared.SERVER))
    following = [change for change in shown if server_replaced and change.replaced and not change.reasons]
    listed = [change for change in shown if change not in following]
    for change in listed[:MOST_LINES]:
        because = f" ({', '.join(change.reasons)})" if change.reasons else ""
        yield f"  {_verb(change):<8} {change.name}{because}"
    if len(listed) > MOST_LINES:
        yield f"  and {len(listed) - MOST_LINES} more"
    if following:
        yield f"  replace  {len(following)} resources that live on the server and are made again on the new one"


def _shown(preview: Preview) -> list[Change]:
    """What would be done, without the components, which only group."""
    return [change for change in preview.changes if change.touched and not change.is_component]


def _verb(change: Change) -> str:
    if change.replaced:
        return "replace"
    return next(iter(sorted(change.ops - {"same"})))


def _yen(amount: int | None) -> str:
    return "not in the table" if amount is None else f"¥{amount:,}"


def _cost(cost: Cost) -> str:
    if not cost.items:
        return "Cost: nothing in this preview has a price."
    rows = [(item.what, _yen(item.before), _yen(item.after)) for item in cost.items]
    rows.append(("together" if cost.is_whole else "together, without those", _yen(cost.before), _yen(cost.after)))
    widths = [max(len(row[column]) for row in [*rows, ("", "before", "after")]) for column in range(3)]
    lines = [
        f"  {what:<{widths[0]}}  {before:>{widths[1]}}  {after:>{widths[2]}}"
        for what, before, after in [("", "before", "after"), *rows]
    ]
    head = f"Cost a month, with tax (ConoHa's price table of {cost.dated}, {cost.source}):"
    return "\n".join([head, *lines])


def document(preview: Preview, judged: Judged, notes: Sequence[str], cost: Cost) -> dict[str, object]:
    """The same for programs."""
    return {
        "stack": preview.stack,
        "passes": passes(preview, judged),
        "errors": list(preview.errors),
        "findings": [_finding_document(finding) for finding in judged.stopped],
        "excepted": [
            {**_finding_document(finding), "exception": entry.model_dump(mode="json")}
            for finding, entry in judged.excepted
        ],
        "unused_exceptions": [entry.model_dump(mode="json") for entry in judged.unused],
        "notes": list(notes),
        "cost": {
            "currency": "JPY",
            "dated": cost.dated,
            "source": cost.source,
            "before": cost.before,
            "after": cost.after,
            "whole": cost.is_whole,
            "items": [asdict(item) for item in cost.items],
        },
    }


def _finding_document(finding: Finding) -> dict[str, str]:
    return {
        "name": finding.name,
        "action": finding.action,
        "urn": finding.urn,
        "happens": finding.happens,
        "means": finding.means,
        "proceed": finding.proceed,
    }
