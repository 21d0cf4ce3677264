"""Extract the errors from Pulumi's output: each message once, with all the resources that have it."""

import re
from collections.abc import Iterable
from itertools import takewhile

HEAD = re.compile(r"  (\S+ \(.+\)):")
"""The line above a resource's messages: `  docker:index:Container (redis-container):`."""

AFTER = re.compile(r"(Outputs|Resources|Duration|Policies)\b")
"""The line after the diagnostics."""

SHOWN = 3
"""This number of resources that share a message are named in full; the others by their names alone."""


def diagnostics(lines: Iterable[str]) -> str:
    """Return the diagnostics of Pulumi's output; the whole output if it has none. Docker's plugin repeats the same
    message for each of its resources: twenty times for one server that is away."""
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
    """Return the line above a message: the resources that have it. It is empty for a message of no resource."""
    heads = [head for head in heads if head]
    if not heads:
        return ""
    names = [head.partition("(")[2].removesuffix(")") for head in heads[SHOWN:]]
    return f"  {', '.join(heads[:SHOWN])}{' and ' if names else ''}{', '.join(names)}:\n"
