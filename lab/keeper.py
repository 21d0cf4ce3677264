"""The keeper on the lab: its machine, its secrets, the way into the stack that it keeps, and `pulumi up` of both."""

import json
import sys
from dataclasses import dataclass

import yaml

from lab import object_storage, registry
from lab.deploy import deploy, step, update
from lab.keeper_machine import KeeperMachine
from lab.stack import PEOPLE, Workspace, initialise, keeper_file, pulumi, write_settings
from lab.steps import LabError
from ops.keeper_stack import for_the_kept_stack
from settings import ssh_public_key


@dataclass(frozen=True)
class Keeper:
    """A keeper that runs on the lab."""

    stack: str
    keeps: str
    """The stack that it keeps."""
    address: str


def deploy_keeper(stack: str, workspace: Workspace = PEOPLE) -> Keeper:
    """Bring the keeper up, and the stack that it keeps, which lets it in from then on. Prints each step with its time.

    Raises:
        LabError: a step failed; the message has Pulumi's diagnostics, the log and the next command.
    """
    machine = KeeperMachine(workspace.project)
    with step(f"{stack}: settings and secrets"):
        settings = yaml.safe_load(write_settings(workspace, stack).read_text())["config"]
        keeps = settings["toybox:keeps"]
    if "toybox:copy" in settings:
        with step(f"{stack}: object storage"):
            object_storage.ensure_object_storage()
            keys = object_storage.keys_of(workspace.project)
            initialise(workspace, stack, keys.access, keys.secret)
    else:
        initialise(workspace, stack)
    with step(f"{stack}: machine"):
        machine.order(ssh_public_key(secret(workspace, stack, "sshPrivateKey")))
        machine.trust(registry.AUTHORITY)
    keeper_file(workspace, keeps).write_text(json.dumps(way_in(workspace, stack, machine), indent=2) + "\n")
    deploy(keeps, workspace)
    print(f"  pulumi up, stack {stack}:", flush=True)
    update(workspace, stack)
    return Keeper(stack, keeps, machine.address)


def way_in(workspace: Workspace, stack: str, machine: KeeperMachine) -> dict[str, str]:
    """Return `toybox:keeper` of the stack that the keeper keeps: nothing secret is in it."""
    block = for_the_kept_stack(
        address=machine.address,
        pull_key=secret(workspace, stack, "pullKey"),
        database_password=secret(workspace, stack, "databasePassword").strip(),
    )
    return dict(yaml.safe_load(block)["toybox:keeper"])


def secret(workspace: Workspace, stack: str, name: str) -> str:
    """Return one of the stack's secrets.

    Raises:
        LabError: it has none of this name.
    """
    done = pulumi(workspace, stack, "config", "get", f"toybox:{name}")
    if done.returncode:
        raise LabError(
            f"stack {stack} has no secret toybox:{name}: {done.stderr.strip()}", then=f"toybox init --stack {stack}"
        )
    return done.stdout


def next_steps(keeper: Keeper) -> str:
    """Return what to print when all is well."""
    return f"""
The keeper of {keeper.keeps} is up (machine {keeper.address}, reached from this machine only).

  set up a shell    eval "$(make -s env STACK={keeper.stack})"
  how it is         toybox backup status
  what it holds     toybox backup list
  back up now       toybox backup run full
  log in to it      ssh -F .toybox/{keeper.stack}/ssh/config {keeper.address}
  take it away      make down
"""


def main(stack: str) -> None:
    """Deploy a keeper and say what can be done with it."""
    sys.stdout.write(next_steps(deploy_keeper(stack)))
