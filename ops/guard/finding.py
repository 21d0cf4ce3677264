"""What a rule of the guard gives."""

from dataclasses import dataclass
from typing import Literal

Action = Literal[
    "delete",
    "replace",
    "alter",
    "unprotect",
    "unretain",
    "recreate",
    "adopt",
    "role",
    "forget",
    "unmount",
    "share",
    "upgrade",
    "detach",
    "run",
    "move",
    "publish",
    "open",
    "unpin",
    "unknown",
]
"""The finding's subject in one word; an exception names it. docs/guard.md has a table of these words."""


@dataclass(frozen=True)
class Finding:
    """One thing that must not happen unseen: what, to which thing, what it means for the data, how to proceed."""

    action: Action
    urn: str
    happens: str
    means: str
    proceed: str

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return self.urn.rpartition("::")[2]
