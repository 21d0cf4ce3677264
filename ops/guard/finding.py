"""A rule of the guard, and the finding that a rule makes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A kind of change that stops an update. docs/guard.md has a row for each: reference.py writes it.

    Attributes:
        word: the name of the rule, which findings print and exceptions name.
        title: the change, in Markdown.
        reason: the loss or the opening that follows from it, in one sentence.
    """

    word: str
    title: str
    reason: str


@dataclass(frozen=True)
class Finding:
    """One thing that must not happen unseen: what, to which thing, what it means for the data, how to proceed."""

    rule: Rule
    urn: str
    happens: str
    means: str
    proceed: str

    @property
    def action(self) -> str:
        """Return the rule's word. The exceptions file and the JSON document call it `action`."""
        return self.rule.word

    @property
    def name(self) -> str:
        """Return the resource's logical name."""
        return self.urn.rpartition("::")[2]
