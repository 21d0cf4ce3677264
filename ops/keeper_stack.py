"""The stack of a keeper, seen from the command line: whether a stack is one, and what others must know of it."""

from ops import OpsError, scram
from ops.cloud import plain_settings
from ops.pulumi_cli import PulumiStack
from settings import keeper as keeper_settings
from settings import ssh_public_key
from settings.catalogue import NAMESPACE

UNKNOWN = "<the keeper's fixed IPv4 address>"


def is_keeper(stack: PulumiStack) -> bool:
    """Return whether the stack's file declares a keeper. Pulumi is not asked: the state may not be there yet."""
    return plain_settings(stack).get("environment") == keeper_settings.ENVIRONMENT


def refuse_keeper(stack: PulumiStack, way_out: str) -> None:
    """Raise OpsError if the stack is a keeper's: the command is for a site's server."""
    if is_keeper(stack):
        raise OpsError(f"Stack {stack.name} is a keeper (toybox:environment). {way_out}")


def to_hand_over(stack: PulumiStack) -> str:
    """Return what `toybox init` prints for a keeper: the kept stack's block, and the key for the machine."""
    plain = plain_settings(stack)
    machine = plain.get("machine")
    address = machine.get("address") if isinstance(machine, dict) else None
    block = for_the_kept_stack(
        address=str(address or UNKNOWN),
        pull_key=stack.secret(f"{NAMESPACE}:pullKey"),
        database_password=stack.secret(f"{NAMESPACE}:databasePassword"),
    )
    return (
        f"For Pulumi.{plain.get('keeps', 'prod')}.yaml; nothing in it is secret:\n\n{block}\n"
        f"For /root/.ssh/authorized_keys on the keeper:\n\n"
        f"  {ssh_public_key(stack.secret(f'{NAMESPACE}:sshPrivateKey'))}\n"
    )


def for_the_kept_stack(*, address: str, pull_key: str, database_password: str) -> str:
    """Return the block for the kept stack's settings: a public key, and a verifier with which nobody can log in. The
    same secrets give the same block. Pure."""
    verifier = scram.verifier(database_password, scram.salt_of(database_password))
    return (
        "  toybox:keeper:\n"
        f"    address: {address}\n"
        f"    sshKey: {ssh_public_key(pull_key)}\n"
        f"    databaseVerifier: {verifier}\n"
    )
