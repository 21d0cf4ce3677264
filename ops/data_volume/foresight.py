"""What an update would do besides what a command is for: said and judged before the command changes anything.

A command that brings a stack up on another data volume runs the whole program, with whatever lies in the checkout. The
preview is made with the settings and the state as they are, in which the command's own change is not to be seen: all
that it shows is something else.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from ops import OpsError
from ops.cloud import ROOT
from ops.guard import declared, exceptions, preview, rules, text
from ops.guard.finding import Finding
from ops.guard.preview import Change, Preview
from ops.pulumi_cli import PulumiStack

MAKING = frozenset({"delete", "replace", "unprotect", "unretain"})
"""What a command that brings a data volume into a state without one is not for."""
REPLACING = frozenset({"unprotect", "unretain"})
"""What a command that replaces the data volume is not for. A killed refresh left the former one to be deleted."""

MOST_LINES = 30


def refuse_more(
    stack: PulumiStack, say: Callable[[str], None], harms: Collection[str] | None = None, *, first: bool = False
) -> None:
    """Say what else the update would do. `harms` are the guard's words for what the command is not for, with regard to
    the data volume; None if it leaves the one that the state has alone. `first`: no update has come to its end on
    this state, so that what is new in it is new to the state alone.

    Raises:
        OpsError: there is no whole preview, or the guard stops it.
    """
    printed, said, ended_well = stack.preview(refresh=False)
    found = preview.read(printed, said, ended_well=ended_well)
    judged = exceptions.judge(
        beyond(rules.findings(found), found, harms, first=first),
        exceptions.read(ROOT / exceptions.FILE),
        found.stack,
        datetime.now(UTC).date(),
    )
    if not text.passes(found, judged):
        raise OpsError(refusal(stack.name, found, judged.stopped))
    for line in told(found):
        say(line)


def beyond(
    findings: Sequence[Finding], found: Preview, harms: Collection[str] | None, *, first: bool = False
) -> tuple[Finding, ...]:
    """The findings that are not the command's own purpose: another data volume (after an attempt that was killed, the
    state has none), and a new server, to which the pointers on it move (after one whose server was made, and whose
    update failed)."""
    new = {change.urn for change in found.changes if first and change.made and change.old is None}
    moving = {change.urn for change in found.of_type(declared.DOCKER_VOLUME) if _same_pointer(change)}

    def own(finding: Finding) -> bool:
        if f"::{declared.DATA_VOLUME}::" in finding.urn:
            return harms is not None and finding.action not in harms
        if finding.urn.split("::")[2].endswith(f"${declared.SERVER}"):
            # its restore points may hang on it; but the former volume stays
            return finding.action == "replace"
        if finding.action == "run" and finding.urn in new:
            return True
        return finding.action == "replace" and finding.urn in moving

    return tuple(each for each in findings if not own(each))


def _same_pointer(change: Change) -> bool:
    """Whether a Docker volume points to the same place on the data disk afterwards."""
    if change.old is None or change.new is None:
        return False
    old, new = change.old.inputs, change.new.inputs
    return declared.is_pointer(new) and declared.is_pointer(old) and old.get("driverOpts") == new.get("driverOpts")


def refusal(stack: str, found: Preview, stopped: Sequence[Finding]) -> str:
    """Why the command does not begin."""
    reasons = [f"  - {each.name}: {each.action}. {each.happens}" for each in stopped]
    reasons += [f"  - {' '.join(error.split())}" for error in found.errors]
    return "\n".join(
        [
            "The update that belongs to this would do more, and the guard stops it. Nothing was changed.",
            *reasons,
            "    Why:     the whole program is run, with the settings and the code of this checkout.",
            f"    Way out: `toybox guard --stack {stack}` says more. Use a checkout of what {stack} runs on, mend "
            "what is named, or let it pass in guard-exceptions.yaml.",
        ]
    )


def told(found: Preview) -> list[str]:
    """What else would be done, a line each."""
    touched = [each for each in found.changes if each.touched and not each.is_component]
    # what only follows a server that an earlier attempt made: the command makes one anyway
    changes = [each for each in touched if each.reasons or not each.replaced]
    if not changes:
        return ["The update does nothing else."]
    lines = [f"  {'replace' if each.replaced else min(each.ops - {'same'})}  {each.name}" for each in changes]
    more = [f"  and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return [
        f"The update also does what this checkout declares ({len(lines)} changes; `pulumi preview` shows them):",
        *lines[:MOST_LINES],
        *more,
    ]
