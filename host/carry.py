"""Carries a folder from one machine to another, by this one: neither of them has a way to the other.

Both are reached as root, with their host keys pinned. Afterwards both hash what they have, each for itself.
"""

import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).parents[1] / "keeper" / "tree.py"


class CarryError(Exception):
    """The reason why something did not arrive."""


@dataclass(frozen=True)
class Machine:
    """A machine that is reached as root, with its host key pinned.

    Attributes:
        name: in words.
        config: the ssh_config(5), relative to the checkout.
        folder: the checkout; None if it is the present folder.
    """

    name: str
    config: str
    address: str
    folder: Path | None = None

    def ssh(self, command: str) -> list[str]:
        """Return the command that runs another one there."""
        return ["ssh", "-F", self.config, "-o", "ControlMaster=no", "--", self.address, command]

    def run(self, command: str, stdin: str = "") -> str:
        """Return what a command prints there. Raises CarryError with what it said."""
        done = subprocess.run(
            self.ssh(command), cwd=self.folder, input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}"
            raise CarryError(f"On {self.name} ({self.address}): {said}")
        return done.stdout

    def script(self, file: Path, *arguments: str) -> str:
        """Return what a script prints that is sent along."""
        return self.run(shlex.join(["python3", "-", *arguments]), file.read_text())


def differences(here: str, there: str) -> list[str]:
    """Return the paths of which two listings (keeper/tree.py) do not say the same. Pure."""
    ours, theirs = set(here.splitlines()), set(there.splitlines())
    return sorted({str(json.loads(line)["path"]) for line in ours ^ theirs})


def lacking(here: str, there: str) -> list[str]:
    """Return the paths that the second listing does not have as the first has them. Pure."""
    return sorted(str(json.loads(line)["path"]) for line in set(here.splitlines()) - set(there.splitlines()))


def stream(source: Machine, pack: str, target: Machine, unpack: str) -> None:
    """Send what one machine packs to another that unpacks it. Raises CarryError."""
    with TREE.open() as script:
        sender = subprocess.Popen(
            source.ssh(pack), cwd=source.folder, stdin=script, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        receiver = subprocess.run(
            target.ssh(unpack), cwd=target.folder, stdin=sender.stdout, capture_output=True, text=True, check=False
        )
        said = sender.communicate()[1].decode(errors="replace").strip()
    if sender.returncode or receiver.returncode:
        raise CarryError(f"The way from {source.name} to {target.name} broke: {said} {receiver.stderr.strip()}".strip())


def carry(source: Machine, target: Machine, folder: str, into: str, owner: str) -> int:
    """Bring what is in `folder` of `source` to `into` of `target`, compare both, and return how many things it is.

    `owner` is who owns it (keeper/tree.py). Raises CarryError.
    """
    packing = shlex.join(["python3", "-", "pack", folder, owner])
    stream(source, packing, target, f"tar -xpf - --same-owner --numeric-owner -C {shlex.quote(into)}")
    here = source.script(TREE, "list", folder, owner)
    there = target.script(TREE, "list", into, "real")
    if wrong := differences(here, there):
        raise CarryError(f"What arrived is not what was sent: {', '.join(wrong[:5])} ({len(wrong)} differ).")
    return len(here.splitlines())
