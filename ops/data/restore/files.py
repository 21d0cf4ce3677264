"""Restore a volume's files, or one of them, into a running stack, step by step."""

import json
import secrets
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from host.carry import TREE, CarryError, Machine, carry, differences, lacking
from ops import OpsError
from ops.backup.asking import Keeper, answered, config, from_, keeper_for
from ops.cloud import declared
from ops.data.restore import moment
from ops.data.restore.database import refuse_another_production
from ops.pulumi_cli import PulumiStack
from ops.timed import Timed

ON_SERVER = Path(__file__).with_name("put_files.py")
SCRATCH = "/srv/toybox-keeper/restored"
PRODUCTIONS_OWN = ("caddy-data",)
"""Volumes that no staging gets: certificates of production's name, and their keys."""


@dataclass(frozen=True)
class RestoreFiles:
    """The stack that gets the files; `confirm` asks for a production whether it is meant."""

    stack: PulumiStack
    now: datetime
    say: Callable[[str], None]
    confirm: Callable[[str], None]

    def run(self, volume: str, path: str | None, at: str, kind: str) -> None:
        """Restore. `kind` is where the files come from, "keeper" or "copy".

        Raises:
            OpsError: with the reason and the way out.
        """
        settings, name = declared(self.stack), self.stack.name
        wanted, inside = moment.read(at), relative(path)
        keeper = keeper_for(self.stack)
        refuse_another_production(name, keeper, is_production=settings.is_production)
        if volume in PRODUCTIONS_OWN and not settings.is_production:
            raise OpsError(
                f"{volume} of {keeper.keeps} has its certificates and their keys, and {name} gets none of them. "
                "Nothing was changed.\n    Way out: Caddy gets certificates by itself."
            )
        source = Machine("the keeper", config(keeper.stack.name), keeper.address, self.stack.root)
        server = Machine("the server", config(name), str(self.stack.outputs()["address"]), self.stack.root)
        attempt = f"{name}-files-{secrets.token_hex(4)}"
        scratch, timed = f"{SCRATCH}/{attempt}", Timed(self.say)
        try:
            with errors(name):
                source.run(f"rm -rf -- {SCRATCH}/{name}-files-*")  # what a killed attempt left
                with timed.step("the keeper restores to a folder of its own"):
                    told = self.restored(keeper, volume, path, wanted, kind, scratch)
                here = source.script(TREE, "list", f"{scratch}/{volume}", "kept", inside)
                if not differences(here, self.there(server, volume, inside)):
                    self.say(f"{volume} has exactly this already, as of {told['of']}. Nothing was changed.")
                    return
                self.say(f"{told['files']} files, {told['bytes'] / 1e6:,.1f} MB, as of {told['of']}, go to {name}.")
                if settings.is_production:
                    self.confirm(name)
                with timed.step("they are carried over and compared"):
                    into = step(server, "begin", volume=volume)["folder"]
                    carry(source, server, f"{scratch}/{volume}", into, "kept")
                with timed.step("they are put in place"):
                    stamp = f"{self.now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
                    kept = step(server, "place", volume=volume, path=inside, stamp=stamp)["kept"]
                if wrong := lacking(here, self.there(server, volume, inside)):
                    raise CarryError(f"What is in place is not what the keeper has: {', '.join(wrong[:5])}")
        finally:
            with suppress(CarryError):  # the next run removes it
                source.run(f"rm -rf -- {shlex.quote(scratch)}")
        self.say(f"{volume}{f'/{inside}' if path else ''} is as it was at {told['of']}, by the hashes of both sides.")
        if kept:
            self.say(f"  what was there is kept: {kept}")

    def restored(
        self, keeper: Keeper, volume: str, path: str | None, at: str, kind: str, target: str
    ) -> dict[str, Any]:
        """Have the keeper restore into `target` and return what it says. Raises OpsError."""
        options = ["--target", target, *(["--at", at] if at != moment.LATEST else [])]
        words = ["restore-files", volume, *([path] if path else []), *options, *from_(kind)]
        return answered(keeper, *words, seconds=None)

    def there(self, server: Machine, volume: str, inside: str) -> str:
        """Return the listing of what the server has in its place; "" if it has nothing."""
        folder = f"/srv/toybox/{volume}"
        there = server.run(f"test -e {shlex.quote(f'{folder}/{inside}')} && echo yes || true").strip()
        return server.script(TREE, "list", folder, "real", inside) if there else ""


def relative(path: str | None) -> str:
    """Return a path in a volume as the listings have it; "." for the volume itself. The keeper refuses one that leads
    out of it. Pure."""
    parts = [part for part in PurePosixPath(path or ".").parts if part not in ("/", ".")]
    return "/".join(parts) or "."


def step(server: Machine, name: str, **parameters: str) -> dict[str, str]:
    """Do one step of put_files.py on the server. Raises CarryError."""
    return dict(json.loads(server.script(ON_SERVER, name, json.dumps(parameters))))


class errors:  # noqa: N801 - reads as the statement it is
    """Turns what did not arrive into what an operator needs to see."""

    def __init__(self, stack: str) -> None:
        self.stack = stack

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, at: object) -> None:
        if isinstance(error, CarryError):
            raise OpsError(
                f"{error}\n    Way out: `toybox status --stack {self.stack}`; then the same command again. What was "
                "there is never written over."
            ) from None
