"""Report whether Pulumi knows the stack."""

from collections.abc import Sequence

from ops.state.locks import Lock
from ops.status.cloud.server import ServerSeen
from ops.status.cloud.volume import Data
from ops.status.known import Known
from ops.status.line import Line

NAME = "state"


def state_line(known: Known | None, error: str, server: ServerSeen | None, data: Data | None, stack: str) -> Line:
    """Return a line that says whether the state has the cloud's resources. `known` is None if the state cannot be read,
    for the reason `error`. It is empty if there is no such stack."""
    if known is None:
        return Line(NAME, "bad", f"it cannot be read: {error}", f"pulumi stack export --stack {stack}")
    if not known.is_empty:
        return Line(NAME, "good", f"it knows server {known.server_id} and data volume {known.volume_id}")
    there = [
        *([f"server {server.id}"] if server else []),
        *([f"data volume {data.id}"] if data and data.id else []),
    ]
    if there:
        text = f"it is lost: it knows nothing of {' and '.join(there)}. A copy of it: docs/ci.md, The state is lost"
        return Line(NAME, "bad", text, f"toybox adopt --stack {stack}")
    return Line(NAME, "bad", "it has no server and no data volume yet", f"pulumi up --stack {stack}")


def lock_lines(locks: Sequence[Lock], stack: str) -> list[Line]:
    """Return a line for each lock on the state. A look cannot distinguish a running update from a killed one."""
    return [
        Line(
            "lock",
            "unknown",
            f"{each.user}@{each.host}, process {each.pid}, since {each.since}. If it runs no more:",
            f"pulumi cancel --yes --stack {stack}",
        )
        for each in locks
    ]
