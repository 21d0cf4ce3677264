"""Read Pulumi's locks on a stack, where Pulumi keeps them.

`pulumi up` and `pulumi stack import` check the lock when they begin. A command that changes the cloud before it calls
them would find the lock too late, with a stopped server or a renamed volume. So it checks first. Pulumi has no command
that only checks.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ops import OpsError
from ops.pulumi_cli import PulumiStack


@dataclass(frozen=True)
class Lock:
    """The holder of a lock, and the time since when, as Pulumi wrote them."""

    user: str
    host: str
    pid: int
    since: str


def prefix(stack: str, project: str) -> str:
    """Return the place of a stack's locks, below the folder or in the bucket (pulumi 3.259, pkg/backend/diy/lock.go,
    stackLockDir)."""
    return f".pulumi/locks/organization/{project}/{stack}/"


def parsed(content: bytes) -> Lock:
    """Return one lock. An unreadable lock counts as a lock, too."""
    try:
        found = json.loads(content)
        return Lock(str(found["username"]), str(found["hostname"]), int(found["pid"]), str(found["timestamp"])[:19])
    except (ValueError, KeyError, TypeError):
        return Lock("somebody", "an unknown machine", 0, "an unknown time")


def folder(url: str) -> Path:
    """Return the folder of a state that is in no bucket (file://...). Pulumi takes ~ for the home directory."""
    parts = urlsplit(url)
    return Path(parts.netloc + parts.path).expanduser()


def in_folder(root: Path, where: str) -> list[bytes]:
    """Return the contents of the locks in a folder. A lock that disappears meanwhile does not count."""
    contents = []
    for file in sorted((root / where).glob("*.json")):
        try:
            contents.append(file.read_bytes())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OpsError(f"The lock {file} cannot be read: {error.strerror}. Nothing was changed.") from None
    return contents


def refusal(stack: str, locks: Sequence[Lock], changed: str = "Nothing was changed.") -> str:
    """Return the message for the operator; "" if there is no lock."""
    if not locks:
        return ""
    return "\n".join(
        [
            f"The state of {stack} is locked. {changed}",
            *(f"  - by {each.user}@{each.host}, process {each.pid}, since {each.since}" for each in locks),
            "    Why:     an update runs, or was killed. Two at once would undo each other's work.",
            "    Way out: wait for it. If no such process runs any more: "
            f"`pulumi cancel --yes --stack {stack}`, then this command again.",
        ]
    )


def refuse_if_locked(stack: PulumiStack) -> None:
    """Raise OpsError if a process holds a lock on the stack's state."""
    if refused := refusal(stack.name, stack.locks()):
        raise OpsError(refused)
