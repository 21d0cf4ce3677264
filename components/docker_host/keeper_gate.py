#!/usr/bin/python3 -I
"""The keeper's login shell and only command: hands `rsync --server --sender` to the unit that reads the kept files.

What the client asked for is in SSH_ORIGINAL_COMMAND. The unit's sandbox decides what can be read; this only says no to
everything that is not a reading rsync, and carries bytes in both directions.
"""

import contextlib
import os
import socket
import sys
import threading

SOCKET = "/run/toybox-keeper/files"
READING = "rsync --server --sender "
CHUNK = 256 * 1024


def upload(connection: socket.socket) -> None:
    """Carry standard input to the socket, until one of them ends."""
    with contextlib.suppress(OSError):  # the other side has all that it wants
        while data := os.read(0, CHUNK):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)


def carry(connection: socket.socket) -> int:
    """Carry both directions, each in a thread: neither waits for the other. Return the bytes that came out."""
    threading.Thread(target=upload, args=(connection,), daemon=True).start()
    sent = 0
    while data := connection.recv(CHUNK):
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]
        sent += len(data)
    return sent


def main() -> None:
    """Serve one rsync, or say why not."""
    command = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    if not command.startswith(READING) or "\n" in command:
        sys.exit("keeper: this login forwards to the database and reads files by rsync, and nothing else.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(SOCKET)
        except OSError as error:
            sys.exit(
                f"keeper: the files cannot be read: {error}. On the server: systemctl status toybox-keeper-files.socket"
            )
        sent = 0
        with contextlib.suppress(ConnectionError):
            connection.sendall(command.encode() + b"\n")
            sent = carry(connection)
    if not sent:
        sys.exit(
            "keeper: the files cannot be read now: the data disk is not mounted, or rsync did not start. "
            "On the server: journalctl -u 'toybox-keeper-files@*'"
        )


if __name__ == "__main__":
    main()
