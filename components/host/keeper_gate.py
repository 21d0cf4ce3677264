#!/usr/bin/python3 -I
"""The keeper's login shell and only command: lets the unit that reads the kept files serve `rsync --server --sender`.

What the client asked for is in SSH_ORIGINAL_COMMAND. The sandbox of the unit decides what can be read; this says no to
all but a reading rsync, hands over its standard input, output and error, and ends with the exit code of rsync.
"""

import array
import os
import socket
import sys

SOCKET = "/run/toybox-keeper/files"
READING = "rsync --server --sender "
LONGEST = 8192
"""Bytes of a command."""


def served(command: str) -> int:
    """Let the unit serve `command` and return rsync's exit code.

    Raises:
        OSError: the unit cannot be reached, or ends without a word.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(SOCKET)
        ours = array.array("i", [0, 1, 2])
        connection.sendmsg([command.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, ours)])
        code = connection.recv(1)
    if not code:
        raise OSError("the data disk is not mounted, or too many read at once")
    return code[0]


def main() -> None:
    """Serve one rsync, or say why not."""
    command = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    if not command.startswith(READING) or len(command.encode()) > LONGEST:
        sys.exit("keeper: this login forwards to the database and reads files by rsync, and nothing else.")
    try:
        sys.exit(served(command))
    except OSError as error:
        sys.exit(
            f"keeper: the files cannot be read now: {error}. "
            "On the server: journalctl -u toybox-keeper-files.socket -u 'toybox-keeper-files@*'"
        )


if __name__ == "__main__":
    main()
