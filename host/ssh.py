"""Run a command on a server over SSH, within a time limit, and fetch the server's facts.

The server needs no file of ours: this module sends the look along.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

LOOK = Path(__file__).with_name("look.py")

CONNECT = 5
"""Seconds for the connection: a preview waits no longer for a server that does not answer."""

SECONDS = 40
"""Seconds for the whole look: a server whose disk hangs accepts the connection and then sends nothing."""

LOOK_COMMAND = f"timeout {SECONDS - 10} python3 -"
"""Reads `host/look.py` on its standard input."""


class NoAnswerError(Exception):
    """The server sent no answer. The text is the last line that ssh or the server printed."""


def remote_command(config: str, address: str, command: str) -> list[str]:
    """Return the ssh command that runs another one at `address`. `config` is the stack's ssh_config(5).

    The command uses the shared connection if there is one, and does not become one itself. A shared connection would
    stay open in the background, and keep our end of its output open.
    """
    options = ["-o", f"ConnectTimeout={CONNECT}", "-o", "ControlMaster=no"]
    return ["ssh", "-F", config, *options, "--", address, command]


def run(
    config: str, address: str, command: str, *, seconds: float | None, folder: Path | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Return the ended ssh(1) of a command at `address`. Relative paths in `config` start from `folder`, or from the
    present one. `seconds` None waits as long as it takes.

    Raises:
        NoAnswerError: it did not end within `seconds`.
    """
    try:
        return subprocess.run(
            remote_command(config, address, command),
            cwd=folder,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswerError(f"no answer within {seconds:.0f} s") from None


def last_words(complaint: str) -> str:
    """Return the last line that ssh, or the program at the other end, printed of an error."""
    lines = complaint.strip().splitlines()
    return lines[-1] if lines else ""


def told(returncode: int, output: str, complaint: str) -> dict[str, Any]:
    """Return the facts that a finished look printed.

    Raises:
        NoAnswerError: the look did not reach the server, or did not finish.
    """
    if returncode == 0:
        try:
            facts: dict[str, Any] = json.loads(output)
        except ValueError:
            raise NoAnswerError(f"it answers something else: {output[:80]!r}") from None
        return facts
    raise NoAnswerError(last_words(complaint) or f"no answer within {SECONDS} s")


def ask(config: str, address: str, folder: Path | None = None) -> dict[str, Any]:
    """Return the facts about the server at `address`.

    Raises:
        NoAnswerError: the server sent none.
    """
    done = run(config, address, LOOK_COMMAND, seconds=SECONDS, folder=folder, stdin=LOOK.read_text())
    return told(done.returncode, done.stdout, done.stderr)
