"""Asks for a stack's name, typed in full, before something that nobody should do by a slip of the finger."""

import sys

from ops import OpsError


def confirm(stack: str) -> None:
    """Returns if the name is typed, or comes on standard input where that is no terminal. Raises OpsError if not."""
    sys.stdout.write(f'Type the name of the stack, "{stack}", to go on: ')
    sys.stdout.flush()
    typed = sys.stdin.readline().strip()
    if not sys.stdin.isatty():
        sys.stdout.write("\n")
    if typed != stack:
        raise OpsError(f"That was not {stack!r}. Nothing was changed.")
