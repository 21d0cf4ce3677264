"""Print the status for people and for programs."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from ops.restore_points.model import RestorePoint
from ops.status.line import Line, well

STYLES = {"good": "green", "bad": "red", "unknown": "yellow", "off": "dim"}
MARKS = {"good": "ok", "bad": "!!", "unknown": "??", "off": "--"}


def status_json(stack: str, lines: Sequence[Line], newest: RestorePoint | None, now: datetime) -> dict[str, Any]:
    """Return the status for programs. The keys are an interface: none is renamed."""
    return {
        "stack": stack,
        "ok": well(lines),
        "newestRestorePoint": None
        if newest is None
        else {"id": newest.id, "source": newest.source, "ageSeconds": round(newest.age(now).total_seconds())},
        "checks": [
            {"name": line.name, "verdict": line.verdict, "text": line.text, "command": line.command or None}
            for line in lines
        ],
    }


def print_lines(lines: Sequence[Line]) -> None:
    """Print each line, red if it is bad, and below it the next command. A log gets lines unbroken."""
    out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 220)
    for line in lines:
        mark = Text(f"{MARKS[line.verdict]} {line.name:<15}", STYLES[line.verdict])
        out.print(mark.append(line.text, "red" if line.verdict == "bad" else ""))
        if line.command:
            out.print(Text(f"     {line.command}"))
