"""Check a stack's role. The state has it in an input of the component DataVolume; the settings declare it.

A missing or unknown role counts as production, also in a state from before this setting.
"""

from collections.abc import Iterator

from ops.guard import declared
from ops.guard.finding import Finding, Rule
from ops.guard.preview import Change, Preview, State

ROLE = Rule(
    "role",
    "A production stack becomes staging, or a staging stack becomes production.",
    "The scrub overwrites people's addresses and passwords, or the stack mails real people from a copy of their data.",
)

STAGING = "staging"


def is_production(preview: Preview) -> bool:
    """Return whether real users' data is at stake: true unless state, program and settings all say that it is
    staging."""
    states = [state for change in _components(preview) for state in (change.old, change.new) if state]
    said = [_role(state) for state in states] + [str(preview.settings.get("environment"))]
    return not states or any(role != STAGING for role in said)


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding if a production would become a staging, or a staging a production."""
    for change in _components(preview):
        if change.old is None or change.new is None:
            continue
        before, after = _role(change.old), _role(change.new)
        if (before == STAGING) != (after == STAGING):
            was = f"{before} now" if before else "not known to the state, and so production"
            yield Finding(
                ROLE,
                change.urn,
                f"The stack would become {after or 'one without a role'}. It is {was}.",
                _means(after),
                "Set `toybox:environment` back. Another role is another stack.",
            )


def _means(after: str) -> str:
    if after == STAGING:
        return (
            "People's addresses and passwords would be overwritten in its database, its data volume would no longer be "
            "protected, and it would send no mail any more."
        )
    return "It would send mail to real people from a copy of their data, and nobody scrubs it any more."


def _components(preview: Preview) -> list[Change]:
    return [change for change in preview.changes if change.qualified_type == declared.DATA_COMPONENT]


def _role(state: State) -> str:
    return str(state.inputs.get("environment") or "")
