"""What went wrong, out of the many lines that Pulumi prints: each message once, with all the resources that have it."""

import re
from collections.abc import Iterable
from itertools import takewhile

HEAD = re.compile(r"  (\S+ \(.+\)):")
"""The line over a resource's messages: `  docker:index:Container (redis-container):`."""

AFTER = re.compile(r"(Outputs|Resources|Duration|Policies)\b")
"""Where the diagnostics end."""

SHOWN = 3
"""So many resources are named in full over a message that they share; of the others the name is enough."""


def diagnostics(lines: Iterable[str]) -> str:
    """The part of Pulumi's output that says what went wrong; all of it if it has no such part. Docker's plugin says the
    same for each of its resources, and so a server that is away would be told twenty times."""
    every = [line.rstrip("\n") for line in lines]
    starts = [number for number, line in enumerate(every) if line.startswith("Diagnostics:")]
    if not starts:
        return "\n".join(every).strip()
    messages: dict[str, list[str]] = {}
    head, body = "", list[str]()
    told = takewhile(lambda line: not AFTER.match(line), every[starts[-1] + 1 :])
    for line in [*told, "  end (end):"]:
        if found := HEAD.fullmatch(line):
            if text := "\n".join(body).strip("\n"):
                messages.setdefault(text, []).append(head)
            head, body = found[1], []
        elif line.strip():
            body.append(line)
    return "\n".join(f"{heading(heads)}{text}" for text, heads in messages.items()).strip()


def heading(heads: list[str]) -> str:
    """The line over a message: the resources that have it. Empty for what belongs to none."""
    heads = [head for head in heads if head]
    if not heads:
        return ""
    names = [head.partition("(")[2].removesuffix(")") for head in heads[SHOWN:]]
    return f"  {', '.join(heads[:SHOWN])}{' and ' if names else ''}{', '.join(names)}:\n"
