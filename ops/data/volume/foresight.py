"""Show and judge an update's other changes before a command changes anything.

A command that brings a stack up on another data volume runs the whole program, with all changes in the checkout. The
preview uses the settings and the state as they are, without the command's own change. So all changes in the preview are
other changes.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from ops import OpsError
from ops.cloud import ROOT
from ops.guard import allowed, containers, declared, host_commands, judgement, preview, rules
from ops.guard.data_volumes import DELETE, REPLACE, UNPROTECT, UNRETAIN
from ops.guard.finding import Finding, Rule
from ops.guard.preview import Change, Preview
from ops.pulumi_cli import PulumiStack

MAKING = frozenset({DELETE, REPLACE, UNPROTECT, UNRETAIN})
"""The harms that a command must not do when it brings a data volume into a state without one."""
REPLACING = frozenset({UNPROTECT, UNRETAIN})
"""The harms that a command must not do when it replaces the data volume. A killed refresh left the former volume to be
deleted."""

MOST_LINES = 30


def refuse_more(
    stack: PulumiStack, say: Callable[[str], None], harms: Collection[Rule] | None = None, *, first: bool = False
) -> None:
    """Print the update's other changes. `harms` are the guard's rules for harms to the data volume that are not the
    command's purpose; None if the command leaves the state's volume alone. `first` says that no update has finished on
    this state: a resource that is new in it is new to the state alone.

    Raises:
        OpsError: the preview is incomplete, or the guard stops it.
    """
    printed, said, ended_well = stack.preview(refresh=False)
    found = preview.read(printed, said, ended_well=ended_well)
    judged = judgement.judge(
        beyond(rules.findings(found), found, harms, first=first),
        allowed.read(ROOT / allowed.FILE),
        found.stack,
        datetime.now(UTC).date(),
    )
    if not judgement.passes(found, judged):
        raise OpsError(refusal(stack.name, found, judged.stopped))
    for line in told(found):
        say(line)


def beyond(
    findings: Sequence[Finding], found: Preview, harms: Collection[Rule] | None, *, first: bool = False
) -> tuple[Finding, ...]:
    """Return the findings that are not the command's own purpose. Its purpose includes another data volume: after a
    killed attempt the state has none. It also includes a new server, to which the pointers move: a failed update may
    have made one."""
    new = {change.urn for change in found.changes if first and change.made and change.old is None}
    moving = {change.urn for change in found.of_type(declared.DOCKER_VOLUME) if _same_pointer(change)}

    def own(finding: Finding) -> bool:
        if f"::{declared.DATA_VOLUME}::" in finding.urn:
            return harms is not None and finding.rule not in harms
        if finding.urn.split("::")[2].endswith(f"${declared.SERVER}"):
            # the server's restore points may belong to it, but the former volume stays
            return finding.rule == REPLACE
        if finding.rule in (host_commands.RUN, containers.SHARE) and finding.urn in new:
            return True
        return finding.rule == REPLACE and finding.urn in moving

    return tuple(each for each in findings if not own(each))


def _same_pointer(change: Change) -> bool:
    """Return whether a Docker volume points to the same place on the data disk afterwards."""
    if change.old is None or change.new is None:
        return False
    old, new = change.old.inputs, change.new.inputs
    return declared.is_pointer(new) and declared.is_pointer(old) and old.get("driverOpts") == new.get("driverOpts")


def refusal(stack: str, found: Preview, stopped: Sequence[Finding]) -> str:
    """Return why the command does not begin."""
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
    """Return the other changes, a line each."""
    touched = [each for each in found.changes if each.touched and not each.is_component]
    # without changes that only follow from a server of an earlier attempt: the command makes a server anyway
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
