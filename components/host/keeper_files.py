#!/usr/bin/python3 -I
"""One reading rsync for the connection that systemd hands over: the gate sends the client's command and the three files
that rsync speaks to, and gets its exit code.

The working directory holds the kept volumes, each in a folder of its name. The unit's sandbox has nothing else to read
and nothing to write, so that rsync may interpret the client's options itself.
"""

import array
import shlex
import socket
import subprocess
import sys
from typing import List, Tuple  # noqa: UP035 - Python 3.8 on older images

RSYNC = "/usr/bin/rsync"
LONGEST = 8192


def received(connection: socket.socket) -> Tuple[str, List[int]]:  # noqa: UP006
    """Return the client's command, and its standard input, output and error."""
    files = array.array("i")
    command, messages, _, _ = connection.recvmsg(LONGEST, socket.CMSG_SPACE(3 * files.itemsize))
    for level, kind, data in messages:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            files.frombytes(data[: len(data) - len(data) % files.itemsize])
    return command.decode(), list(files)


def main() -> None:
    """Run the rsync that the client asks for, and send its exit code."""
    connection = socket.socket(fileno=0)
    command, files = received(connection)
    words = shlex.split(command)
    if words[:3] != ["rsync", "--server", "--sender"] or len(files) != 3:
        sys.exit("keeper: this is no reading rsync")
    code = subprocess.call(words, executable=RSYNC, stdin=files[0], stdout=files[1], stderr=files[2])
    connection.send(bytes([code if code >= 0 else 128 - code]))


if __name__ == "__main__":
    main()
