"""The keeper of a stack, and what its program answers."""

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from host import ssh
from host.ssh import NoAnswerError, last_words, remote_command
from host.ssh_files import write_ssh_config
from ops import OpsError
from ops.cloud import ROOT, plain_settings
from ops.pulumi_cli import PulumiStack
from settings import error_texts
from settings.catalogue import NAMESPACE
from settings.keeper import DECLARED, ENVIRONMENT, Declared
from settings.problems import SettingsError

PROGRAM = "toybox-keeper"
SECONDS = 120
"""For an answer about what is there: the keeper reads the newest of its write-ahead log for it."""


@dataclass(frozen=True)
class Keeper:
    """A stack whose environment is `keeper`.

    Attributes:
        address: its machine's.
        keeps: the stack that it keeps.
        host_key: its machine's public one, as the settings pin it.
    """

    stack: PulumiStack
    address: str
    keeps: str
    host_key: str = ""

    @property
    def ssh(self) -> str:
        """The command that runs another one on the keeper, typed in the checkout."""
        return f"ssh -F {config(self.stack.name)} {self.address}"


def config(stack: str) -> str:
    """Return the ssh_config(5) that pins the keeper's host key, as the stack's program writes it."""
    return f".toybox/{stack}/ssh/config"


def keeper_of(stack: str) -> Keeper:
    """Return the keeper that a stack's settings declare. A shell that is set up for another stack does.

    Raises:
        OpsError: there is no such stack, or its settings are no keeper's.
        SettingsError: something in them is wrong.
    """
    chosen = opened(stack)
    plain = plain_settings(chosen)
    if plain.get("environment") != ENVIRONMENT:
        raise OpsError(
            f"Stack {stack} is no keeper: its toybox:environment is {plain.get('environment')}, so it keeps nothing.\n"
            "    Way out: name the keeper's stack with --stack."
        )
    if found := error_texts.problems(Declared, plain, DECLARED):
        raise SettingsError(stack, found)
    declared = Declared.model_validate(plain)
    ensure_config(chosen, declared.machine.host_key)
    return Keeper(chosen, declared.machine.address, declared.keeps, declared.machine.host_key)


def ensure_config(stack: PulumiStack, host_key: str) -> None:
    """Write the keeper's ssh_config(5) where no program has yet: a job begins with a fresh checkout. Without its key
    nothing is written, and the keeper's silence is told with its way out."""
    if (stack.root / config(stack.name)).exists():
        return
    try:
        key = stack.secret(f"{NAMESPACE}:sshPrivateKey")
    except OpsError:
        return
    write_ssh_config(stack.name, host_key, key, stack.root)


def keeper_for(stack: PulumiStack) -> Keeper:
    """Return the one keeper whose settings lie beside those of `stack`, as the program finds it
    (components/backup_restore), and write what ssh needs to reach it: its own state may be lost.

    Raises:
        OpsError: there is none, or more than one.
        SettingsError: something in its settings is wrong.
    """
    found = [
        name
        for file in sorted(stack.settings_file.parent.glob("Pulumi.*.yaml"))
        if (name := file.name.removeprefix("Pulumi.").removesuffix(".yaml")) != stack.name
        and plain_settings(stack.sibling(name)).get("environment") == ENVIRONMENT
    ]
    if len(found) != 1:
        raise OpsError(
            f"Beside {stack.settings_file.name} there must be the settings of one keeper, and there are "
            f"{', '.join(found) or 'none'}. Nothing was changed.\n"
            "    Why:     the data comes from the keeper, or from its copy, which a keeper reads.\n"
            '    Way out: docs/keeper.md, "Setting it up"; the settings are in git.'
        )
    keeper = keeper_of(found[0])
    reach(keeper)
    return keeper


def reach(keeper: Keeper) -> None:
    """Write the keeper's ssh_config(5), from its settings alone."""
    key = keeper.stack.secret(f"{NAMESPACE}:sshPrivateKey")
    write_ssh_config(keeper.stack.name, keeper.host_key, key, keeper.stack.root)


def opened(name: str) -> PulumiStack:
    """Return the stack, its settings beside those that this shell is set up for."""
    shell = os.environ.get("PULUMI_STACK")
    if "PULUMI_OPTION_CONFIG_FILE" in os.environ and shell not in (None, name):
        return PulumiStack(shell, ROOT).sibling(name)
    return PulumiStack(name, ROOT)


def command(*words: str) -> str:
    """Return the keeper's command, for its shell."""
    return shlex.join([PROGRAM, *words, "--json"])


def told(returncode: int, output: str, complaint: str) -> dict[str, Any]:
    """Return what the keeper's program printed. It prints its refusals as JSON, too.

    Raises:
        NoAnswerError: it was not reached, or printed something else.
    """
    try:
        answer = json.loads(output)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    raise NoAnswerError(last_words(complaint) or f"it ended with {returncode} and said nothing")


def ask(keeper: Keeper, *words: str, seconds: float | None = SECONDS, stdin: str = "") -> dict[str, Any]:
    """Return what `toybox-keeper WORDS --json` prints on the keeper. `seconds` None waits as long as it takes.

    Raises:
        NoAnswerError: the keeper is not reached, or its program is not there.
    """
    where = config(keeper.stack.name), keeper.address
    done = ssh.run(*where, command(*words), seconds=seconds, folder=keeper.stack.root, stdin=stdin)
    return told(done.returncode, done.stdout, done.stderr)


def followed(keeper: Keeper, *words: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Return what `toybox-keeper WORDS --json` prints, as long as it takes, and give `say` each line of its progress.

    Raises:
        OpsError: the keeper is not reached, or refuses.
    """
    with subprocess.Popen(
        remote_command(config(keeper.stack.name), keeper.address, command(*words)),
        cwd=keeper.stack.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        complaints = []
        for line in process.stderr or ():  # what it prints at the end fits into the pipe
            complaints.append(line)
            say(line.rstrip("\n"))
        output = process.stdout.read() if process.stdout else ""
        process.wait()
    try:
        found = told(process.returncode, output, "".join(complaints))
    except NoAnswerError as error:
        raise no_answer(keeper, error) from None
    return without_refusal(keeper, found)


def answered(keeper: Keeper, *words: str, seconds: float | None = SECONDS, stdin: str = "") -> dict[str, Any]:
    """Return the same.

    Raises:
        OpsError: the keeper is not reached, or refuses.
    """
    try:
        found = ask(keeper, *words, seconds=seconds, stdin=stdin)
    except NoAnswerError as error:
        raise no_answer(keeper, error) from None
    return without_refusal(keeper, found)


def no_answer(keeper: Keeper, error: NoAnswerError) -> OpsError:
    """Return the error of a keeper that is not reached."""
    return OpsError(
        f"The keeper {keeper.stack.name} ({keeper.address}) does not answer: {error}\n"
        f"    Way out: {way_out(str(error), keeper)}"
    )


def without_refusal(keeper: Keeper, found: dict[str, Any]) -> dict[str, Any]:
    """Return the answer. Raises OpsError if it is a refusal."""
    if "error" in found:
        raise OpsError(f"The keeper {keeper.stack.name} refuses:\n{found['error']}")
    return found


def listed(keeper: Keeper, kind: str) -> dict[str, Any]:
    """Return what can be restored from the keeper, or from its copy, by `kind`. Raises OpsError."""
    return answered(keeper, "list", *from_(kind), seconds=SECONDS if kind == "keeper" else None)


def from_(kind: str) -> list[str]:
    """Return the option of the keeper's program, and of ours, that says where a restore comes from."""
    return [] if kind == "keeper" else ["--from", kind]


def way_out(error: str, keeper: Keeper) -> str:
    """Return the next command to type where the keeper gives no answer, by what ssh said."""
    if "No such file" in error and ".toybox" in error:
        return f"pulumi preview --stack {keeper.stack.name}"
    if "not found" in error:
        return f"pulumi up --stack {keeper.stack.name}"
    return f"{keeper.ssh} uptime"
