"""The command line of `toybox`: reads arguments, calls the functions of `ops`, and says what they did."""

import os
import shlex
import sys
from functools import cache
from getpass import getpass
from pathlib import Path

import typer
from rich.console import Console

from ops import OpsError, api, former_spellings, host_key, init, keeper_stack
from ops.backup import commands as backup
from ops.ci import commands as ci
from ops.data.adopt.commands import adopt
from ops.data.kept import commands as kept
from ops.data.recover.commands import recover
from ops.data.refresh.commands import refresh
from ops.data.restore import commands as restore
from ops.guard.commands import guard
from ops.leftovers.commands import leftovers
from ops.logs import logs
from ops.pulumi_cli import PulumiStack
from ops.restore_points import commands as restore_points
from ops.stack_option import Stack
from ops.state import commands as state
from ops.state.login import login
from ops.status.commands import status_command
from settings import rules
from settings.problems import SettingsError

ROOT = Path(__file__).parent.parent

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
out = Console(highlight=False, soft_wrap=True)
err = Console(highlight=False, soft_wrap=True, stderr=True)
app.add_typer(state.app, name="state")
app.add_typer(restore_points.app, name="restore-points")
app.command("status")(status_command)
app.command("logs")(logs)
app.command("guard")(guard)
app.add_typer(ci.app, name="ci")
app.command("api")(api.api)
app.command("refresh")(refresh)
app.add_typer(kept.app, name="kept")
app.add_typer(backup.app, name="backup")
app.command("drill")(backup.drill_command)
app.add_typer(restore.app, name="restore")
app.command("recover")(recover)
app.command("adopt")(adopt)
app.command("rotate-host-key")(host_key.command)
app.command("leftovers")(leftovers)


@app.callback()
def toybox() -> None:
    """What operators do with a stack of TOYBOX besides `pulumi up`."""


@app.command("init")
def init_command(stack: Stack) -> None:
    """Make what a stack lacks: its secrets, encrypted in its settings, and the bucket of its state.

    SSH key pair, host key, passwords and Django's secret key are made; the OpenStack password is asked for, or read
    from standard input where that is no terminal. What is there already is never changed. Where the state lives in a
    folder, no bucket is made. For a keeper it asks for the keys of its copy's object storage, and prints what the kept
    stack's settings and the machine need.
    """
    chosen = PulumiStack(stack, ROOT)
    if refusal := refusal_of(chosen, os.environ.get("PULUMI_STACK")):
        raise OpsError(refusal)
    of_a_keeper = keeper_stack.is_keeper(chosen)
    password = cache(ask_for_password)
    state_made = False
    # a keeper has no account with the cloud: its state lives where a site's init made a place for it
    for what in () if of_a_keeper else state.set_up(password, lambda given: login(chosen, given)):
        state_made = True
        out.print(f"  [green]made[/] {what}")
    made = init.complete(chosen, password, lambda key: out.print(f"  [green]made[/] {key}"), ask_for_key)
    if of_a_keeper:
        out.print(keeper_stack.to_hand_over(chosen), markup=False)
    if not made:
        changed = "" if state_made else " Nothing was changed."
        out.print(f"Nothing to do: stack {stack} has all its secrets.{changed}")
        return
    out.print(f"Stored encrypted in {chosen.settings_file}.")
    if "accessPassword" in made:
        out.print(f"Visitors' password: pulumi config get toybox:accessPassword --stack {stack}")
    out.print(f"Next: pulumi preview --stack {stack}")


def refusal_of(stack: PulumiStack, shell_stack: str | None) -> str | None:
    """Why this stack cannot be initialised from this shell, or None."""
    if problems := rules.stack_name(stack.name):
        return "\n".join(str(problem) for problem in problems)
    if "PULUMI_OPTION_CONFIG_FILE" in os.environ and shell_stack not in (None, stack.name):
        return (
            f"This shell is set up for stack {shell_stack} (PULUMI_STACK, PULUMI_OPTION_CONFIG_FILE): the secrets of "
            f"{stack.name} would land in the settings of {shell_stack}. Use a shell for {stack.name}."
        )
    if not stack.settings_file.exists():
        there = ", ".join(sorted(file.name for file in stack.settings_file.parent.glob("Pulumi.*.yaml"))) or "none"
        return (
            f"{stack.settings_file} does not exist, so there is no stack {stack.name} to make secrets for. "
            f"Settings files there: {there}. For a new stack copy one of them first; docs/settings.md explains it."
        )
    return None


def ask_for_password() -> str:
    """The password of the API user, typed unseen or read from standard input."""
    return ask_for("openstackPassword", "Password of the ConoHa API user (openstack.userName): ")


def ask_for_key(key: str) -> str:
    """A key of the object storage that a keeper's copy goes to, typed unseen or read from standard input."""
    which = "Access key" if key == "copyAccessKey" else "Secret key"
    return ask_for(key, f"{which} of the object storage for the keeper's copy (toybox:copy): ")


def ask_for(key: str, question: str) -> str:
    """An answer, typed unseen or read from a line of standard input. Raises OpsError if there is none."""
    if sys.stdin.isatty():
        return getpass(question)
    line = sys.stdin.readline()
    if not line:
        raise OpsError(f"{key} is missing. Run this in a terminal, which asks for it, or pass it on standard input.")
    return line.rstrip("\r\n")


def main() -> None:
    """Run the command; a known problem ends it with its text alone."""
    given = sys.argv[1:]
    arguments = former_spellings.translated(given)
    if arguments != given:
        err.print(f"New spelling: {shlex.join(['toybox', *arguments])}", markup=False)
    try:
        app(arguments, prog_name="toybox")
    except (SettingsError, OpsError) as problem:
        err.print(str(problem), markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
