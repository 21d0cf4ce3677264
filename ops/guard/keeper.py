"""Who may log in as the keeper: the machine that reads the whole database and every upload. Old against new.

The state remembers address, key and verifier in inputs of the component KeeperAccess.
"""

from collections.abc import Iterator

from ops.guard import declared, open_ports
from ops.guard.finding import Finding
from ops.guard.preview import Change, Preview, State

WORDS = {"address": "address", "sshKey": "SSH key", "databaseVerifier": "password"}


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for a keeper that comes, and for another address, key or password. A new stack's is a note."""
    if preview.is_new:
        return
    for change in _components(preview):
        other = [word for key, word in WORDS.items() if _input(change.old, key) != _input(change.new, key)]
        if change.new and other:
            comes = f"A keeper at {_input(change.new, 'address')} could log in. None can now."
            changes = f"The keeper would log in with another {' and another '.join(other)}."
            yield Finding(
                open_ports.OPEN,
                change.urn,
                changes if change.old else comes,
                "Whoever holds these reads the whole database and every upload, personal data included. The login can "
                "change and delete none of it.",
                "Compare `toybox:keeper` with the block that `toybox init --stack keeper` prints. If they agree, "
                "confirm it in an exception.",
            )


def notes(preview: Preview) -> Iterator[str]:
    """Yield a note for a keeper that leaves, and for the keeper of a new stack."""
    for change in _components(preview):
        if change.new is None or change.removed:
            yield (
                "The keeper could no longer log in. Its role ends, its replication slot is dropped: nothing is kept "
                "outside of ConoHa any more."
            )
        elif preview.is_new:
            yield f"A keeper at {_input(change.new, 'address')} could log in to the new stack."


def _components(preview: Preview) -> list[Change]:
    return [change for change in preview.changes if change.qualified_type == declared.KEEPER_COMPONENT]


def _input(state: State | None, key: str) -> str:
    return str(state.inputs.get(key) or "") if state else ""
