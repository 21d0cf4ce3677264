"""How long a server is tried, and the one message about one that does not let us in."""

import pytest

from components.host.ssh_retries import KNOWN_SERVER, NEW_SERVER, is_unreachable, render_unreachable

SILENT = (
    "cannot connect to 198.51.100.7:22 as root: dial tcp 198.51.100.7:22: i/o timeout (after 41 attempts)",
    "after 40 failed attempts: dial tcp 198.51.100.7:22: connect: connection timed out",
)
REFUSED = "cannot connect to 198.51.100.7:22 as root: dial tcp 198.51.100.7:22: connection refused (after 41 attempts)"


@pytest.mark.parametrize("error", [*SILENT, REFUSED, "ssh: handshake failed: ssh: unable to authenticate"])
def test_a_server_that_lets_nobody_in_is_recognised(error: str) -> None:
    """In the words of our command plugin and of the official one."""
    assert is_unreachable(error)


def test_a_command_that_failed_on_the_server_is_something_else() -> None:
    """It says itself what is wrong, and may well speak of connections."""
    assert not is_unreachable("the command ended with exit status 1; it printed: connection refused")
    assert not is_unreachable("Process exited with status 1: running 'x': dial tcp: connection refused")


def message(error: str) -> str:
    return render_unreachable(
        stack="prod", address="198.51.100.7", server_id="58a3", operators=["198.51.100.1/32"], error=error
    )


def test_the_message_says_what_was_tried_and_where_to_look() -> None:
    said = message(SILENT[0])
    for part in (
        "root@198.51.100.7, port 22",
        "41 times in 6 minutes",
        "i/o timeout",
        "198.51.100.1/32",
        "pulumi up --target '**::server-ingress-ssh-*'",
        "ssh -v -F .toybox/prod/ssh/config 198.51.100.7 true",
        "58a3",
        "toybox-prod",
        "cloud-init status --long",
        "docs/runbook.md",
    ):
        assert part in said


def test_the_time_is_the_one_that_was_spent() -> None:
    assert "41 times in 3 minutes" in message(REFUSED)
    assert "11 times in 2 minutes" in message(SILENT[0].replace("41", "11"))


def test_the_waits_are_bounded() -> None:
    """A server on ConoHa boots in one to two minutes; the docs promise these figures."""
    assert 120 < NEW_SERVER.lasts(refused=True) < 180
    assert 330 < NEW_SERVER.lasts(refused=False) < 390
    assert KNOWN_SERVER.lasts(refused=False) < 130
