"""The `pulumi` command, run on one stack. The only place in `ops` that starts a process.

Pulumi's own environment counts (PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE_FILE, PULUMI_OPTION_CONFIG_FILE ...).
Secrets go through standard input: a command line can be read by every user of the machine, and an environment by every
child.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ops import OpsError
from ops.init import Stored


class PulumiStack:
    """One stack of the project in `root`. Its methods raise OpsError with the command and what Pulumi said."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self._root = root
        file = os.environ.get("PULUMI_OPTION_CONFIG_FILE")
        self.settings_file = Path(file).absolute() if file else root / f"Pulumi.{name}.yaml"

    def settings(self) -> Mapping[str, Stored]:
        """What is stored, by key with its namespace; the stack is made first if it is not there yet."""
        if not self._exists():
            self._run("stack", "init", self.name, "--no-select")
        listed = json.loads(self._run("config", "--json", "--stack", self.name))
        return {key: Stored(each.get("value"), each.get("secret", False)) for key, each in listed.items()}

    def store_secret(self, key: str, value: str) -> None:
        """Store one value encrypted. Pulumi drops a line break at its end."""
        self._run("config", "set", key, "--secret", "--stack", self.name, stdin=value)

    def _exists(self) -> bool:
        listed = json.loads(self._run("stack", "ls", "--json"))
        return any(each["name"].split("/")[-1] == self.name for each in listed)

    def _run(self, *arguments: str, stdin: str = "") -> str:
        environment = {**os.environ, "PULUMI_OPTION_CONFIG_FILE": str(self.settings_file)}
        command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        try:
            done = subprocess.run(
                command, cwd=self._root, env=environment, input=stdin, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise OpsError("There is no `pulumi` on PATH. `toolchain/install pulumi` makes one.") from None
        if done.returncode:
            said = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if line.strip())
            raise OpsError(f"`{' '.join(command)}` failed:\n{said}")
        return done.stdout
