"""Ask for a name, typed in full, before a step that the operator must not take by accident."""

import sys

from ops import OpsError


def confirm(name: str, what: str = "stack") -> None:
    """Returns if the name is typed, or comes on standard input where that is no terminal. Raises OpsError if not."""
    sys.stdout.write(f'Type the name of the {what}, "{name}", to go on: ')
    sys.stdout.flush()
    typed = sys.stdin.readline().strip()
    if not sys.stdin.isatty():
        sys.stdout.write("\n")
    if typed != name:
        raise OpsError(f"That was not {name!r}. Nothing was changed.")
