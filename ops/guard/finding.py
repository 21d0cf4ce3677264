"""What a rule of the guard gives."""

from dataclasses import dataclass
from typing import Literal

Action = Literal[
    "delete",
    "replace",
    "unprotect",
    "unretain",
    "recreate",
    "unmount",
    "detach",
    "move",
    "publish",
    "open",
    "unpin",
]
"""What a finding is about, in one word; an exception names it.

delete, replace, unprotect, unretain: the engine's. recreate: made anew and empty where data was, or should be. unmount:
a container without a volume that it writes to. detach: a server without its data volume, or one that takes it along.
move: another account. publish: a container's port. open: a firewall rule. unpin: an image without its digest.
"""


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
