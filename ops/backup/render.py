"""What the keeper holds, as tables for people. Programs get the keeper's own JSON; its keys are an interface. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from keeper import render as keeper_render
from ops.status.line import Line, well


def status_json(stack: str, keeps: str, lines: Sequence[Line]) -> dict[str, Any]:
    """Return the status for programs. The keys are an interface: none is renamed."""
    return {
        "stack": stack,
        "keeps": keeps,
        "ok": well(lines),
        "checks": [
            {"name": line.name, "verdict": line.verdict, "text": line.text, "command": line.command or None}
            for line in lines
        ],
    }


def heading(told: Mapping[str, Any]) -> str:
    """Return the seconds that can be gone back to, and the holes in them."""
    if not told["from"] or not told["to"]:
        return f"Nothing of {told['source']}'s database can be restored yet."
    holes = "".join(
        f"\n  But none from {hole['from']} to {hole['to'] or 'now'}: WAL is missing." for hole in told["holes"]
    )
    return f"{told['source']}'s database: any second from {told['from']} to {told['to']}.{holes}"


def listed_table(told: Mapping[str, Any]) -> Table:
    """Return what can be restored: full backups, snapshots of files, dumps, each the newest first."""
    table = Table("kind", "id", "of", "size", "", box=None)
    for backup in told["full"]:
        size = megabytes(backup["bytes"] + backup["wal_bytes"])
        table.add_row("full", backup["id"], backup["ended"] or backup["status"], size, verdict(backup))
    for snapshot in told["files"]:
        table.add_row("files", snapshot["id"], snapshot["of"], "", verdict(snapshot))
    for copy in told.get("copies", ()):
        table.add_row("copy", copy["id"], copy["of"], "", "")
    for dump in told["dumps"]:
        table.add_row("dump", dump["name"], "", megabytes(dump["bytes"]), verdict(dump))
    return table


def verdict(kept: Mapping[str, Any]) -> str:
    """Return what is known of one: only a restore verifies."""
    return "verified" if kept["verified"] else "received, not verified"


def run_text(told: Mapping[str, Any]) -> str:
    """Return how a job ended, in one line, with its reason if it failed."""
    if not told["ok"]:
        return f"{told['kind']} of {told['source']} failed after {told['seconds']:.1f} s. {told['why']}"
    if told["kind"] in ("drill", "drill-copy"):
        return keeper_render.drill(told)
    rows = f", {sum(told['rows'].values()):,} rows" if told.get("rows") else ""
    files = f", {sum(each['files'] for each in told['volumes'].values()):,} files" if told.get("volumes") else ""
    what = told.get("backup") or told.get("snapshot") or told.get("dump") or ""
    return f"{told['kind']} of {told['source']}: {what}{rows}{files} in {told['seconds']:.1f} s"


def intact_text(told: Mapping[str, Any], restored: bool) -> str:
    """Return what was looked at without a restore, and whether a drill has restored it."""
    drilled = "the last drill has restored it: verified" if restored else "received, not verified"
    return f"{told['kind']} {told['id']} of {told['source']} is as it was written: {told['looked_at']}. {drilled}"


def proof_text(record: Mapping[str, Any]) -> str:
    """Return what a drill proved. The signature was checked before."""
    return f"Verified, and signed by the keeper's machine:\n{keeper_render.drill(record)}"


def megabytes(size: float) -> str:
    """Return a size in MB."""
    return f"{size / 1e6:,.1f} MB"
