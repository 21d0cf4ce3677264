"""Steps of a long command: what is being done, and how long it took."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Timed:
    """Says each step when it is done, with its time, and knows the whole."""

    say: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    told: set[str] = field(default_factory=set)

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

    def line_of_pulumi(self, line: str) -> None:
        """Says a line of `pulumi up`, as far as it is worth it. Pulumi tells the progress of a restore a second time,
        at its end."""
        text = shown(line)
        if text and text not in self.told:
            self.say(f"    {text}")
            self.told |= {text} if RESTORE.match(text) else set()

    @property
    def seconds(self) -> float:
        """Since it all began."""
        return time.monotonic() - self.began


DONE = re.compile(
    r"^\s*\S+\s+(\S+ \S+ (?:created replacement|created|updated|imported|deleted|deleted original) \([^)]*\))"
)
SCRUB = re.compile(r"staging scrub: .*")
RESTORE = re.compile(r"backup restore: .*")


def shown(line: str) -> str | None:
    """What of a line of `pulumi up` is worth showing: what was made or removed, and how long that took; and whatever is
    wrong. None if nothing is: a replacement is told twice, and so is what went with a server."""
    if restore := RESTORE.search(line):
        return restore[0]
    if "error:" in line or "warning:" in line:
        return line.strip()
    done = DONE.match(line)
    if done is None or " pulumi:pulumi:Stack " in line:
        return None
    if "deleted" in done[1] and not done[1].startswith("openstack:"):
        return None
    scrub = SCRUB.search(line)
    return f"{done[1]}{f': {scrub[0]}' if scrub else ''}"
