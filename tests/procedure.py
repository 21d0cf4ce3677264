"""Runs what the docs print, as an operator would: one shell, command after command, in the checkout."""

import os
import re
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from tests.documentation import NOT_RUN, PLACEHOLDER, Section

SECONDS = 300


class Shell:
    """An operator's shell: exports, functions and the folder stay from one command to the next."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.memory = Path(tempfile.mkstemp(prefix="toybox-shell-")[1])

    def close(self) -> None:
        """Forget what the shell remembers."""
        self.memory.unlink(missing_ok=True)

    def script(self, command: str) -> str:
        """The command between what brings the shell's state back and what keeps it."""
        return (
            f"source {self.memory}\n"
            f"{command}\n"
            "status=$?\n"
            f'{{ declare -px; declare -f; printf "cd %q\\n" "$PWD"; }} >{self.memory}\n'
            "exit $status\n"
        )

    def run(self, command: str, stdin: str = "") -> tuple[int, str]:
        """Exit code, and what the command printed."""
        done = subprocess.run(
            ["bash", "-c", self.script(command)],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout

    def run_on_a_terminal(self, command: str, dialogue: Sequence[tuple[str, str]]) -> tuple[int, str]:
        """The same on a terminal, for a command that asks: (what it asks, what is typed), in order."""
        ours, theirs = os.openpty()
        process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", "bash", "-c", self.script(command)],
            cwd=self.folder,
            env=self.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        deadline = time.monotonic() + SECONDS
        printed, answered, waiting = "", 0, list(dialogue)
        try:
            while time.monotonic() < deadline:
                if not select.select([ours], [], [], 1)[0]:
                    continue
                try:
                    printed += os.read(ours, 65536).decode(errors="replace")
                except OSError:  # the last one has closed the terminal
                    break
                if waiting and (found := re.search(waiting[0][0], printed[answered:])):
                    answered += found.end()
                    os.write(ours, f"{waiting.pop(0)[1]}\n".encode())
            assert not waiting, f"never asked {waiting[0][0]!r}: {printed}"
            return process.wait(timeout=10), printed
        finally:
            process.kill()
            process.wait()
            os.close(ours)


class Procedure:
    """A section of the docs, its commands run one by one. Each must be run, as printed, and succeed."""

    def __init__(self, section: Section, shell: Shell) -> None:
        self.section = section
        self.shell = shell
        self.left = [command for command in section.commands if command not in NOT_RUN]

    def take(self, beginning: str, values: Mapping[str, str]) -> str:
        """The first command left that begins so, with its placeholders filled in."""
        command = next((command for command in self.left if command.startswith(beginning)), None)
        assert command, f"{self.section.name} has no command left that begins with {beginning!r}; it has {self.left}"
        self.left.remove(command)
        for placeholder, value in values.items():
            assert placeholder in command, f"{command} has no {placeholder}"
            command = command.replace(placeholder, value)
        assert not PLACEHOLDER.search(command), f"{command}: say what stands for its placeholders"
        return command

    def run(
        self,
        beginning: str = "",
        *,
        values: Mapping[str, str] | None = None,
        stdin: str = "",
        ends: Collection[int] = (0,),
    ) -> str:
        """Run the next command, or the next one that begins so; what it printed.

        `values` holds {placeholder: value}; `ends` the exit statuses that the page tells the reader to expect.
        """
        command = self.take(beginning, values or {})
        code, printed = self.shell.run(command, stdin)
        assert code in ends, f"{command}: ended with {code}\n{printed}"
        return printed

    def run_on_a_terminal(self, beginning: str, dialogue: Sequence[tuple[str, str]]) -> str:
        """Run a command that asks, and answer: (what it asks, what is typed)."""
        command = self.take(beginning, {})
        code, printed = self.shell.run_on_a_terminal(command, dialogue)
        assert code == 0, f"{command}: ended with {code}\n{printed}"
        return printed

    def rest(self) -> str:
        """Run all that are left, in order; what they printed."""
        printed = ""
        while self.left:
            printed += self.run()
        return printed


Procedures = Callable[[Shell], Procedure]
"""The fixture `procedure`: the section that the test is marked with, to be run in a shell."""
