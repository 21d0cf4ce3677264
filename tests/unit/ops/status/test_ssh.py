"""Why the server does not let this machine in, and what to type then."""

import pytest

from ops.status.cloud.server import ServerSeen
from ops.status.inside.ssh import ssh_line
from tests.unit.ops.status.world import NEW_SERVER, SERVER

TIMED_OUT = "port 22 of 198.51.100.7: timed out"
CHANGED = "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed."
OPEN = "pulumi up --stack prod --target '**::server-ingress-ssh-*'"
REBOOT = "toybox api POST compute /servers/s/action --stack prod reboot.type=HARD"


@pytest.mark.parametrize(
    ("error", "server", "source", "verdict", "words", "command"),
    [
        ("", SERVER, "203.0.113.7", "good", "lets this machine in", ""),
        (TIMED_OUT, SERVER, "203.0.113.8", "bad", "This machine, 203.0.113.8, is none of toybox:operators", OPEN),
        (TIMED_OUT, SERVER, "203.0.113.7", "bad", "its packet filter, its sshd or its kernel", REBOOT),
        (TIMED_OUT, SERVER, "192.168.1.7", "bad", "its packet filter, its sshd or its kernel", REBOOT),
        (TIMED_OUT, SERVER, None, "bad", "its packet filter, its sshd or its kernel", REBOOT),
        (TIMED_OUT, ServerSeen("s", "SHUTOFF", "198.51.100.7"), "203.0.113.7", "bad", "timed out", "pulumi stack"),
        ("no answer within 40 s", SERVER, "203.0.113.7", "bad", "a disk that hangs", "ssh -F .toybox/prod/ssh/config"),
        (CHANGED, SERVER, "203.0.113.7", "bad", "another machine has the address", NEW_SERVER),
        ("root@x: Permission denied (publickey).", SERVER, "203.0.113.7", "bad", "does not take our key", NEW_SERVER),
        (".toybox/prod/ssh/config: No such file or directory", SERVER, None, "bad", "no .toybox", "pulumi preview"),
    ],
)
def test_a_server_that_does_not_let_us_in_is_red_with_what_lets_us_in(
    error: str, server: ServerSeen, source: str | None, verdict: str, words: str, command: str
) -> None:
    line = ssh_line(error, server, source, ["203.0.113.7/32"], "prod")
    assert line.verdict == verdict
    assert words in line.text
    assert line.command.startswith(command)
