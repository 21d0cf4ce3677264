"""Check where the update would work: the cloud's account, the server whose Docker it uses, and the provider of each
resource. Another place has none of the state's resources."""

from collections.abc import Iterator

from ops.guard import declared
from ops.guard.finding import Finding, Rule
from ops.guard.preview import UNKNOWN, Change, Preview

MOVE = Rule(
    "move",
    "The stack works in another account, or its containers on another server's Docker. Or a resource comes from "
    "another provider.",
    "The site starts empty in the other place, and the state loses track of the data volume.",
)

ACCOUNT = ("authUrl", "region", "tenantName")


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for another account, another Docker, or another provider than before."""
    yield from _account(preview)
    yield from _docker(preview)
    yield from _providers(preview)


def _account(preview: Preview) -> Iterator[Finding]:
    for change in preview.of_type(declared.CLOUD):
        if change.old is None or change.new is None:
            continue
        other = [key for key in ACCOUNT if change.old.inputs.get(key) != change.new.inputs.get(key)]
        if other:
            yield Finding(
                MOVE,
                change.urn,
                f"The stack would work in another account: {', '.join(other)} would change.",
                "Nothing of what the state knows is there: a refresh would lose track of the data volume, and the next "
                "`pulumi up` would make an empty one.",
                "Bring `toybox:openstack` back. Another account is another stack.",
            )


def _docker(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for a move to another Docker. A new server has a new address, which is not known before; any
    other change of the address is a move."""
    server_is_new = any(change.made or change.replaced for change in preview.of_type(declared.SERVER))
    for change in preview.of_type(declared.DOCKER):
        if change.old is None or change.new is None:
            continue
        other = [key for key in change.changed_inputs() if key not in ("version", "sshOpts")]
        if other and not (server_is_new and other == ["host"] and change.new.inputs.get("host") == UNKNOWN):
            yield Finding(
                MOVE,
                change.urn,
                f"Containers would be made on another Docker than now: {', '.join(other)} would change.",
                "The server stays, and its containers run on there, unseen. Those that are made elsewhere have no data "
                "disk: the site would start empty.",
                "Take the change back: Docker's address comes from the stack's own server (components/host).",
            )


def _providers(preview: Preview) -> Iterator[Finding]:
    for change in preview.changes:
        before, after = (_provider(state.provider) if state else "" for state in (change.old, change.new))
        if before and after and before != after and not _same_kind(before, after, change):
            yield Finding(
                MOVE,
                change.urn,
                f"It would come from another provider: {_name(after)} instead of {_name(before)}.",
                "The new provider may work in another account or on another server, where the thing is not.",
                "Bring `provider` back. A provider is renamed with an alias.",
            )


def _same_kind(before: str, after: str, change: Change) -> bool:
    """Return whether both references of a command name the same kind of provider. Commands carry their own connection,
    so the instance of their provider does not matter."""
    return change.type in declared.COMMANDS and _type(before) == _type(after)


def _provider(reference: str) -> str:
    """Return a reference's URN, without the id of the provider's instance, which the engine may append."""
    parts = reference.split("::")
    return "::".join(parts[:4])


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
