"""The former spellings of commands. They still work, no help lists them, and each prints the new one. Pure."""

import re
from collections.abc import Sequence

IN_GROUPS = {"prod": ("restore", ["restore", "volume"]), "staging": ("refresh", ["refresh"])}
"""Groups that had a stack's name: their command, and its new spelling."""

STACK_FIRST = ("adopt", "init", "leftovers", "recover", "rotate-host-key")
"""Commands that took the stack as their first word."""

WITH_VALUE = ("--from", "--stack", "--to", "-s")
"""Options of these commands that a value follows."""

VOLUME_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def translated(given: Sequence[str]) -> list[str]:
    """Return the command line in the new spelling; the same one if it has that already."""
    match list(given):
        case [("prod" | "staging") as group, *rest]:
            former, new = IN_GROUPS[group]
            if rest in ([], ["--help"]):
                return [*new, "--help"]
            return [*new, *rest[1:]] if rest[0] == former else [group, *rest]
        case [verb, *rest] if verb in STACK_FIRST:
            return [verb, *_with_option(verb, rest)]
        case arguments:
            return arguments


def _with_option(verb: str, arguments: list[str]) -> list[str]:
    """Return the arguments with the first word as --stack, where that word is the stack."""
    if any(each in ("--stack", "-s") or each.startswith(("--stack=", "-s=")) for each in arguments):
        return arguments
    words = [
        index
        for index, each in enumerate(arguments)
        if not each.startswith("-") and (index == 0 or arguments[index - 1] not in WITH_VALUE)
    ]
    if not words or (verb == "adopt" and len(words) == 1 and VOLUME_ID.fullmatch(arguments[words[0]])):
        return arguments
    first = words[0]
    return [*arguments[:first], *arguments[first + 1 :], "--stack", arguments[first]]
