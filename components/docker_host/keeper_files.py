#!/usr/bin/python3 -I
"""One reading rsync on the connection that systemd hands over; the first line is the client's command.

The working directory holds the kept volumes, each in a folder of its name. The unit's sandbox has nothing else to read
and nothing to write, so that rsync may interpret the client's options itself.
"""

import os
import shlex
import sys

LONGEST = 8192


def first_line() -> str:
    """Return the first line of standard input, and read no byte beyond it: the rest is rsync's."""
    line = bytearray()
    while len(line) < LONGEST:
        byte = os.read(0, 1)
        if byte in (b"", b"\n"):
            return line.decode()
        line += byte
    sys.exit("keeper: the command is too long")


def main() -> None:
    """Become the rsync that the client asks for."""
    words = shlex.split(first_line())
    if words[:3] != ["rsync", "--server", "--sender"]:
        sys.exit("keeper: this is no reading rsync")
    os.execv("/usr/bin/rsync", words)  # noqa: S606 - it is the point


if __name__ == "__main__":
    main()
