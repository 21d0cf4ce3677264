"""One line of the status."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["good", "bad", "unknown", "off"]


@dataclass(frozen=True)
class Line:
    """One thing, its verdict, and the next command to type. A red line always has one.

    Raises:
        ValueError: the line is bad and has no command.
    """

    name: str
    verdict: Verdict
    text: str
    command: str = ""

    def __post_init__(self) -> None:
        if self.verdict == "bad" and not self.command:
            raise ValueError(f"a red line without the next command: {self}")


def well(lines: Sequence[Line]) -> bool:
    """Return whether no line is bad."""
    return not any(line.verdict == "bad" for line in lines)
