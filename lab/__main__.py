"""`python -m lab up|status|env|nights|down`: the lab's commands."""

import sys
import time
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from lab import lifecycle, paths
from lab.credentials import PEOPLE
from lab.environment import stack_exports
from lab.steps import LabError

app = typer.Typer(
    help="A cloud for one machine.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
console = Console(highlight=False)
MIB = 1 << 20


class Cloud(StrEnum):
    """What people and tests log in to (credentials.AUTH_URLS)."""

    CONOHA = "conoha"
    OPENSTACK = "openstack"


class Progress:
    """A line for each step that has ended, with its time; on a terminal also what is under way."""

    def __init__(self) -> None:
        self.status: Status | None = console.status("") if console.is_terminal else None
        self.running: list[str] = []

    def __enter__(self) -> "Progress":
        if self.status:
            self.status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.status:
            self.status.stop()

    def began(self, name: str) -> None:
        """A step has begun."""
        self.running.append(name)
        self.show()

    def ended(self, name: str, seconds: float, remark: str | None) -> None:
        """A step is done."""
        self.running.remove(name)
        self.show()
        console.print(
            Text.assemble(("  ✓ ", "green"), f"{name:<26} {seconds:6.1f} s  ", (remark or "", "dim")), soft_wrap=True
        )

    def failed(self, name: str, seconds: float) -> None:
        """A step has failed; the reason comes at the end."""
        self.running.remove(name)
        self.show()
        console.print(Text.assemble(("  ✗ ", "red"), f"{name:<26} {seconds:6.1f} s"), soft_wrap=True)

    def show(self) -> None:
        """Say what is under way."""
        if self.status:
            self.status.update(", ".join(self.running))


@app.command()
def up(
    stack: Annotated[str | None, typer.Argument(help="also deploy this stack's TOYBOX")] = None,
    cloud: Annotated[Cloud, typer.Option(help="ConoHa's rules, or stock OpenStack")] = Cloud.CONOHA,
) -> None:
    """Bring the lab up, from whatever state it is in; then TOYBOX, if a stack is named."""
    if stack is not None and not (paths.CHECKOUT / f"Pulumi.{stack}.yaml").exists():
        raise LabError(
            f"there is no stack {stack!r}: this checkout has no Pulumi.{stack}.yaml", then="make up STACK=prod"
        )
    began = time.monotonic()
    with Progress() as progress:
        lifecycle.up(progress, toolchain=stack is not None, cloud=cloud)
    console.print(f"the lab is up ({time.monotonic() - began:.1f} s)")
    if stack is not None:
        from lab import deploy, keeper
        from lab.stack import committed, is_keeper

        (keeper if is_keeper(committed(paths.CHECKOUT, stack)) else deploy).main(stack)


@app.command()
def status() -> None:
    """What runs, and its memory. Ends with 1 if a service is down."""
    services = lifecycle.service_states()
    table = Table("service", "pid", "MiB", "address", box=None)
    for service in services:
        pid = str(service.pid) if service.pid else "down"
        table.add_row(service.name, pid, f"{service.memory / MIB:.0f}", service.address)
    total = sum(service.memory for service in services) / MIB
    table.add_row("all services", "", f"{total:.0f}", "resident")
    console.print(table)
    servers = lifecycle.server_states()
    if servers:
        table = Table("server", "state", "MiB", "address", "id", box=None)
        for server in servers:
            table.add_row(server.name, server.state, f"{server.memory / MIB:.0f}", server.address, server.id)
        console.print(table)
    if not all(service.pid for service in services):
        raise typer.Exit(1)


@app.command()
def env(stack: Annotated[str, typer.Argument()] = "prod") -> None:
    """Print what to `eval` in a shell, so that plain `pulumi` and `toybox` work on a stack of the lab."""
    sys.stdout.write(stack_exports(stack) + "\n")


@app.command()
def nights(
    count: Annotated[int, typer.Argument(min=1)],
    project: Annotated[str, typer.Option(help="whose: a project of credentials.json")] = PEOPLE,
) -> None:
    """Let nights pass: what ConoHa's automatic backup does in them, in seconds. Backups become 24 h older in each."""
    from lab.conoha_rules.nights import pass_nights

    for number, night in enumerate(pass_nights(project, count), 1):
        console.print(
            f"night {number}: {len(night.made)} backups made, {len(night.pruned)} beyond the retention deleted, "
            f"{len(night.expired)} snapshots deleted after 24 h"
        )


@app.command()
def down() -> None:
    """Take it all away: servers, volumes, state. What was built stays in the cache."""
    began = time.monotonic()
    lifecycle.down()
    console.print(f"the lab is gone ({time.monotonic() - began:.1f} s)")


def main() -> int:
    """Run the command; a LabError is one message."""
    try:
        app()
    except LabError as error:
        message = Console(stderr=True, highlight=False, soft_wrap=True)
        message.print(Text.assemble(("lab: ", "red"), error.reason))
        if error.log:
            message.print(Text(f"  log:  {error.log}"))
        if error.then:
            message.print(Text(f"  then: {error.then}"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
