"""A problem with the settings, and the words that all of them share."""

import difflib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, why it matters, and the way out.

    `{stack}` in the way out stands for the stack's name, which a single check does not know.
    """

    path: str
    wrong: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path} {self.wrong}\n    Why:     {self.why}\n    Way out: {self.remedy}"

    def in_stack(self, stack: str) -> "Problem":
        """The problem with the stack's name filled in."""
        return replace(self, remedy=self.remedy.replace("{stack}", stack))


class SettingsError(Exception):
    """The settings of a stack cannot be used. Its text lists all problems and is all an operator needs to see."""

    def __init__(self, stack: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problem.in_stack(stack) for problem in problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        head = f"The settings of stack {stack} have {count}. Nothing was created or changed."
        super().__init__("\n\n".join([head, *map(str, self.problems)]))


def shown(value: object) -> str:
    """A value as it is quoted in a message: short, on one line."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 100 else text[:97] + "..."


def nearest(word: str, known: Collection[str]) -> str | None:
    """The one of `known` that was probably meant by `word`, if any."""
    by_lower = {each.lower(): each for each in known}
    hits = difflib.get_close_matches(word.lower().replace("_", ""), by_lower, n=1, cutoff=0.6)
    return by_lower[hits[0]] if hits else None


def one_of(value: str, known: Collection[str], listed: str) -> str:
    """The way out of a wrong choice: the nearest name, then all of them as `listed`."""
    near = nearest(value, known)
    return f"{f'Did you mean {near}? ' if near else ''}Choose one of: {listed}."
