"""Runs other programs. Besides it, only database.py's session, scratch.py's server, and image_start.py's sandbox with
what inside.py starts in it are processes of the keeper's."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from keeper.refusal import Refusal

UTC = {"TZ": "UTC", "LC_ALL": "C.UTF-8"}
"""Times in what programs print are read, and Barman compares a target in local time with files' times."""

NOTHING: Mapping[str, str] = MappingProxyType({})
QUICK = 120
"""Seconds for a program that reads what is there."""


class FailedError(Exception):
    """A program failed. Its text is the last lines that it said, `everything` all of them."""

    def __init__(self, status: int | None, said: str, everything: str = "") -> None:
        self.status = status
        self.everything = everything or said
        super().__init__(said)


def run(
    *command: str | Path,
    seconds: float = QUICK,
    folder: Path | None = None,
    accepted: Sequence[int] = (0,),
    stdin: str = "",
    environment: Mapping[str, str] = NOTHING,
) -> str:
    """Return what a program prints. Raises FailedError for a status that is not `accepted`, and after `seconds`.
    `environment` is for names of files, never for a secret."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder or "/",
            env={**os.environ, **UTC, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FailedError(None, f"no end after {seconds:.0f} s") from None
    except FileNotFoundError as error:
        raise FailedError(None, f"there is no program {error.filename}") from None
    if done.returncode not in accepted:
        said = last_lines(done.stderr, done.stdout) or f"status {done.returncode}"
        raise FailedError(done.returncode, said, done.stderr)
    return done.stdout


def last_lines(*texts: str, number: int = 6) -> str:
    """Return the last lines of the first of `texts` that says anything."""
    for text in texts:
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        if lines:
            return "\n".join(lines[-number:])
    return ""


def must(doing: str, way_out: str, *command: str | Path, seconds: float = QUICK, folder: Path | None = None) -> str:
    """Return what a program prints. Raises Refusal, with `doing` as the problem, if it fails."""
    try:
        return run(*command, seconds=seconds, folder=folder)
    except FailedError as error:
        raise Refusal(f"{doing} failed.", str(error), way_out) from None


def version_of(*command: str) -> str:
    """Return the first line that a program prints of itself; "unknown" if it prints none."""
    try:
        return run(*command).splitlines()[0]
    except (FailedError, IndexError):
        return "unknown"
