"""Whether the production that is to be recovered still runs somewhere, and writes.

Two look: the keeper, which has the way to its database, and this machine, at the address that the keeper pulls from. A
keeper that was set up anew, without production's state, pulls from none: then it is what the site's name leads to.
"""

from host import ssh
from host.ssh import NoAnswerError
from host.ssh_files import write_ssh_config
from ops import OpsError
from ops.backup.asking import Keeper, ask, config
from ops.pulumi_cli import PulumiStack
from ops.status.outside.site import ask_site
from settings import Declared, ssh_public_key
from settings.catalogue import NAMESPACE

WHERE = "ssh -G -F /etc/toybox-keeper/ssh_config source | sed -n 's/^hostname //p'"
"""Prints the address that the keeper pulls from."""
RUNNING = "docker ps --format '{{.Names}}'"
WRITERS = frozenset({"postgres", "web", "worker", "beat"})
SILENT = "The source's database does not answer as it should."
"""What the keeper says where nothing answers (keeper/database.py)."""
NOWHERE = ".invalid"
"""The end of the name that stands for a server that is not known (components/keeper/source.py; RFC 2606)."""
SECONDS = 30


def refuse_alive(stack: PulumiStack, settings: Declared, keeper: Keeper) -> None:
    """Raise OpsError if production still runs.

    Raises:
        OpsError: it does; or the keeper does not answer, so this is not known.
    """
    address = asked_at(address_of(keeper), settings.domain)
    signs = [*by_the_keeper(keeper), *by_ssh(stack, address), *by_https(settings, address)]
    if signs:
        name = stack.name
        raise OpsError(
            f"{name} still runs ({address}): {'; '.join(signs)}. Nothing was changed.\n"
            "    Why:     a second one beside it would split what people write between the two.\n"
            f"    Way out: a recovery that was stopped half-way goes on with `pulumi up --stack {name}`.\n"
            f"    Wrong data goes back in time with `toybox restore database --to TIME --stack {name}`.\n"
            "    A server that you do not reach has to be off first: in the control panel, or by its provider."
        )


def asked_at(told: str, domain: str) -> str:
    """Return where to look: the address that the keeper pulls from, or the site's name if it has none. Pure."""
    return domain if told.endswith(NOWHERE) else told


def address_of(keeper: Keeper) -> str:
    """Return the address that the keeper pulls from. Raises OpsError if the keeper does not answer."""
    try:
        done = ssh.run(config(keeper.stack.name), keeper.address, WHERE, seconds=SECONDS, folder=keeper.stack.root)
        address, why = done.stdout.strip() if done.returncode == 0 else "", done.stderr.strip()
    except NoAnswerError as error:
        address, why = "", str(error)
    if not address:
        raise OpsError(
            f"The keeper {keeper.stack.name} ({keeper.address}) does not say which server it pulls from: "
            f"{why}. Nothing was changed.\n"
            f"    Way out: `{keeper.ssh} uptime`. If the keeper is gone as well: docs/disaster-recovery.md."
        )
    return address


def by_the_keeper(keeper: Keeper) -> list[str]:
    """Return what the keeper says of a database that answers it."""
    try:
        told = ask(keeper, "ready", "--seconds", "1")
    except NoAnswerError as error:
        raise OpsError(
            f"The keeper {keeper.stack.name} does not say whether its source answers: {error}. Nothing was changed.\n"
            f"    Way out: `{keeper.ssh} toybox-keeper status`"
        ) from None
    refused = str(told.get("error", ""))
    if SILENT in refused:
        return []
    return [f"the keeper says: {refused.splitlines()[0]}" if refused else "its database answers the keeper"]


def by_ssh(stack: PulumiStack, address: str) -> list[str]:
    """Return what runs on the server with this stack's own host key; nothing if there is none at the address."""
    write_way_in(stack)
    try:
        done = ssh.run(config(stack.name), address, RUNNING, seconds=SECONDS, folder=stack.root)
    except NoAnswerError:
        return ["its SSH answers and then hangs"]
    if "Permission denied" in done.stderr:
        return ["its server answers with its own host key, and does not let you in"]
    running = sorted(WRITERS & set(done.stdout.split())) if done.returncode == 0 else []
    return [f"on its server {', '.join(running)} run"] if running else []


def write_way_in(stack: PulumiStack) -> None:
    """Write the stack's ssh_config(5) from its secrets: a clone in which no program ran yet has none."""
    host_key = ssh_public_key(stack.secret(f"{NAMESPACE}:sshHostKey"))
    write_ssh_config(stack.name, host_key, stack.secret(f"{NAMESPACE}:sshPrivateKey"), stack.root)


def by_https(settings: Declared, address: str) -> list[str]:
    """Return whether anything at the address answers for the site, with a certificate of its name."""
    return ["its site answers"] if ask_site(settings, address).status is not None else []
