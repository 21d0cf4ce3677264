"""Steps of a long command: what is being done, and how long it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Timed:
    """Says each step when it is done, with its time, and knows the whole."""

    say: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step. If it fails, the error says why; this says which one it was."""
        began = time.monotonic()
        try:
            yield
        except BaseException:
            self.say(f"  {name:<44} failed {time.monotonic() - began:7.1f} s")
            raise
        self.say(f"  {name:<44} done   {time.monotonic() - began:7.1f} s")

    @property
    def seconds(self) -> float:
        """Since it all began."""
        return time.monotonic() - self.began


def worth_showing(line: str) -> bool:
    """Whether a line of `pulumi up` says that something was finished or went wrong."""
    words = (" created", " updated", " replaced", " deleted", " imported", "error:", "warning:")
    return any(word in line for word in words) and " pulumi:pulumi:Stack " not in line
