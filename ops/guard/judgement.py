"""Judge a preview: match its findings with the exceptions, and say whether the update may go on. Pure.

An entry lets its own finding pass and nothing else. A preview that failed, or that is not whole, has no exceptions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ops.guard.allowed import Entry, refuse_wrong_ends
from ops.guard.finding import Finding
from ops.guard.preview import Preview


@dataclass(frozen=True)
class Judged:
    """Findings and exceptions of one preview, matched.

    Attributes:
        stopped: findings without an entry.
        excepted: findings that an entry lets pass, with it.
        unused: entries for this stack that nothing in the preview needs.
    """

    stopped: tuple[Finding, ...]
    excepted: tuple[tuple[Finding, Entry], ...]
    unused: tuple[Entry, ...]


def judge(findings: Sequence[Finding], entries: Sequence[Entry], stack: str, today: date) -> Judged:
    """Return the findings that the entries let pass, those that stop, and the unused entries.

    Raise ExceptionsError if an entry of this stack has expired or ends too late.
    """
    refuse_wrong_ends(entries, stack, today)
    excepted = []
    stopped = []
    for finding in findings:
        entry = next((entry for entry in entries if entry.covers(finding)), None)
        if entry:
            excepted.append((finding, entry))
        else:
            stopped.append(finding)
    used = [entry for _, entry in excepted]
    unused = tuple(entry for entry in entries if entry.stack == stack and entry not in used)
    return Judged(tuple(stopped), tuple(excepted), unused)


def passes(preview: Preview, judged: Judged) -> bool:
    """Return whether the update may go on."""
    return not preview.errors and not judged.stopped
