"""The text of the one comment that a pull request has for each stack. Pure."""

import re
from enum import StrEnum

LONGEST = 60_000
"""Characters of the report that are shown: GitHub takes 65536 for a whole comment."""


class Outcome(StrEnum):
    """How the step ended that wrote the report, in GitHub's words."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


HEADS = {
    Outcome.SUCCESS: "the guard lets it pass",
    Outcome.FAILURE: "**stopped**",
    Outcome.CANCELLED: "not finished",
    Outcome.SKIPPED: "not made",
}


def body(stack: str, outcome: Outcome, report: str | None, commit: str, job: str) -> str:
    """The text of the comment. `report` is what the guard said, None if it did not get so far; `job` is the address of
    the job's log."""
    parts = [f"### Preview of `{stack}`: {HEADS[outcome]}"]
    if report and report.strip():
        parts.append(fenced(shortened(report.strip())))
    elif outcome is not Outcome.SUCCESS:
        parts.append("The preview itself failed, so nobody knows what this change would do. The reason is in the log.")
    parts.append(f"<sub>Commit {commit[:12]}, [log]({job}). This comment is edited at each push.</sub>")
    return "\n\n".join(parts) + "\n"


def shortened(report: str) -> str:
    """The report, cut at the end of a line if it is too long for a comment."""
    if len(report) <= LONGEST:
        return report
    kept = report[:LONGEST].rsplit("\n", 1)[0]
    left = report.count("\n") - kept.count("\n")
    return f"{kept}\n... ({left} more lines are in the log)"


def fenced(report: str) -> str:
    """The report as it stands: nothing in it is markup, mentions somebody or ends the block."""
    longest = max((len(run) for run in re.findall(r"`+", report)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{report}\n{fence}"
