"""Check the kinds of resources that the guard does not know. It does not pass changes that it cannot judge."""

from collections.abc import Iterator

from ops.guard import declared
from ops.guard.finding import Finding, Rule
from ops.guard.preview import Preview

UNKNOWN_KIND = Rule(
    "unknown",
    "A resource changes whose kind the guard does not know.",
    "It may lie on the way to the data, run a program on the server, or open it.",
)


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for a resource of an unknown kind that would be touched."""
    for change in preview.changes:
        known = change.is_component or change.type in declared.JUDGED | declared.HARMLESS
        if not known and change.touched:
            yield Finding(
                UNKNOWN_KIND,
                change.urn,
                f"The guard does not know what a {change.type} is, and it would be {_verb(change.ops)}.",
                "It may lie on the way to the data, run something on the server, or open it.",
                "Look at it by hand. If it is harmless, add the type to HARMLESS in ops/guard/declared.py; if not, "
                "write a rule for it.",
            )


def _verb(ops: frozenset[str]) -> str:
    if "create" in ops:
        return "made"
    if "delete" in ops:
        return "deleted"
    return "updated" if "update" in ops else "replaced"
