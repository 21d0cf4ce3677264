"""The `pulumi` command, run on one stack. The only place in `ops` that starts a process.

Pulumi's own environment counts (PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE_FILE, PULUMI_OPTION_CONFIG_FILE ...).
Secrets go through standard input: a command line can be read by every user of the machine, and an environment by every
child.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import OpsError
from ops.diagnostics import diagnostics
from ops.init import Stored

if TYPE_CHECKING:
    from ops.state.locks import Lock


class PulumiStack:
    """One stack of the project in `root`. Its methods raise OpsError with the command and what Pulumi said."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.root = root
        file = os.environ.get("PULUMI_OPTION_CONFIG_FILE")
        self.settings_file = Path(file).absolute() if file else root / f"Pulumi.{name}.yaml"

    def sibling(self, name: str) -> "PulumiStack":
        """Another stack of the same project, whose settings file lies beside this one's."""
        other = PulumiStack(name, self.root)
        other.settings_file = self.settings_file.with_name(f"Pulumi.{name}.yaml")
        return other

    def settings(self) -> Mapping[str, Stored]:
        """What is stored, by key with its namespace; the stack is made first if it is not there yet."""
        try:
            text = self._listed_settings()
        except OpsError:
            if self.exists():
                raise
            self._make()
            text = self._listed_settings()
        listed = json.loads(text)
        return {key: Stored(each.get("value"), each.get("secret", False)) for key, each in listed.items()}

    def store_secret(self, key: str, value: str) -> None:
        """Store one value encrypted. Pulumi drops a line break at its end."""
        self._run("config", "set", key, "--secret", "--stack", self.name, stdin=value)

    def exported(self) -> str:
        """The stack's state as JSON, its secrets encrypted."""
        return self._run("stack", "export", "--stack", self.name)

    def exported_in_plain_text(self) -> str:
        """Return the exported state with its secrets readable, for this process alone. Pulumi encrypts them at an
        import."""
        return self._run("stack", "export", "--show-secrets", "--stack", self.name)

    def import_state(self, text: str) -> None:
        """Put an exported state in the place of the present one; the stack is made first if it is not there."""
        if not self.exists():
            self._make()
        self._run("stack", "import", "--stack", self.name, stdin=text)

    def locks(self) -> "tuple[Lock, ...]":
        """Return Pulumi's locks on the stack's state."""
        from ops.state.commands import held_locks

        return held_locks(self.name)

    def keep_copy(self, text: str) -> str:
        """Keep an exported state as a copy. Return the command that puts it back."""
        from ops.state import copies

        return copies.keep(self.name, text, self.root)

    def preview(self, *, refresh: bool) -> tuple[str, str, bool]:
        """(the preview as JSON, what Pulumi said beside it, whether it ended well). One that failed has the reason in
        its JSON, if it got so far."""
        arguments = ["preview", "--json", "--show-sames", "--stack", self.name, *(["--refresh"] if refresh else [])]
        done = self._start(arguments, "", None)
        return done.stdout, done.stderr, done.returncode == 0

    def secret(self, key: str) -> str:
        """Return one stored value, such as toybox:openstackPassword, in plain text, even if the state is lost."""
        try:
            return self._run("config", "get", key, "--stack", self.name).removesuffix("\n")
        except OpsError as error:
            try:
                return self._secret_without_state(key)
            except OpsError:
                raise error from None

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, the secret ones left out."""
        return dict(json.loads(self._run("stack", "output", "--json", "--stack", self.name)))

    def update(self, *options: str, show: Callable[[str], None]) -> None:
        """`pulumi up`, without a preview: the command that calls it has said what is going to happen. `show` gets every
        line as it comes. Raises OpsError with Pulumi's diagnostics."""
        command = ["pulumi", "up", "--yes", "--skip-preview", "--suppress-outputs", "--stack", self.name, *options]
        process = subprocess.Popen(
            [*command, "--non-interactive", "--color", "never"],
            cwd=self.root,
            env={**os.environ, "PULUMI_OPTION_CONFIG_FILE": str(self.settings_file)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = []
        for line in process.stdout or ():
            lines.append(line.rstrip("\n"))
            show(lines[-1])
        if process.wait():
            raise OpsError(f"`{' '.join(command)}` failed:\n{diagnostics(lines)}")

    def close_connection(self, address: str) -> None:
        """Close the shared connection, so that the next one checks the host key."""
        ssh = ["ssh", "-F", f".toybox/{self.name}/ssh/config", "-O", "exit", address]
        subprocess.run(ssh, cwd=self.root, capture_output=True, check=False)

    def on_server(self, address: str, command: str, stdin: str = "") -> str:
        """What a command prints on the stack's server, as root, over the connection that the program pinned. Raises
        OpsError with what it said."""
        ssh = ["ssh", "-F", f".toybox/{self.name}/ssh/config", address, command]
        done = subprocess.run(ssh, cwd=self.root, capture_output=True, text=True, check=False, input=stdin)
        if done.returncode:
            raise OpsError(f"`{command}` on the server of {self.name} ({address}) failed:\n{done.stderr.strip()}")
        return done.stdout

    def _listed_settings(self) -> str:
        return self._run("config", "--json", "--stack", self.name)

    def exists(self) -> bool:
        """Whether the state knows this stack."""
        return self.name in self._listed_stacks()

    def others(self) -> "list[PulumiStack]":
        """Return the project's other stacks that the state knows."""
        return [self.sibling(name) for name in self._listed_stacks() if name != self.name]

    def _listed_stacks(self) -> list[str]:
        return [each["name"].split("/")[-1] for each in json.loads(self._run("stack", "ls", "--json"))]

    def _secret_without_state(self, key: str) -> str:
        """Return the value through a stack in a temporary folder: Pulumi decrypts only for a stack that it knows."""
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(self.root / "Pulumi.yaml", folder)
            shutil.copy(self.settings_file, Path(folder, f"Pulumi.{self.name}.yaml"))
            here = {"PULUMI_BACKEND_URL": f"file://{folder}"}
            self._run("stack", "init", self.name, "--no-select", folder=Path(folder), environment=here)
            found = self._run("config", "get", key, "--stack", self.name, folder=Path(folder), environment=here)
            return found.removesuffix("\n")

    def _make(self) -> None:
        # `pulumi stack init` knows no --config-file: it would write the salt into the settings file beside Pulumi.yaml,
        # which need not be this stack's. It gets copies instead; the first secret brings the salt into the right file.
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(self.root / "Pulumi.yaml", folder)
            shutil.copy(self.settings_file, Path(folder, f"Pulumi.{self.name}.yaml"))
            self._run("stack", "init", self.name, "--no-select", folder=Path(folder))

    def _run(
        self, *arguments: str, stdin: str = "", folder: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> str:
        done = self._start(arguments, stdin, folder, environment)
        if done.returncode:
            said = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if line.strip())
            # Pulumi asks for a token of its own service where it does not know of another place for the state.
            hint = "\nSet PULUMI_BACKEND_URL to where the state of the stacks lives." if "ACCESS_TOKEN" in said else ""
            raise OpsError(f"`{' '.join(done.args)}` failed:\n{said}{hint}")
        return done.stdout

    def _start(
        self,
        arguments: Sequence[str],
        stdin: str,
        folder: Path | None,
        environment: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        environment = {
            **os.environ,
            "PULUMI_OPTION_CONFIG_FILE": str(self.settings_file),
            **(environment or {}),
        }
        command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        try:
            return subprocess.run(
                command,
                cwd=folder or self.root,
                env=environment,
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise OpsError("There is no `pulumi` on PATH. `toolchain/install pulumi` makes one.") from None
