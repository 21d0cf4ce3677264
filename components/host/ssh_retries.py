"""How often a server is tried over SSH, and the message when it does not let us in.

The message says what was tried, and where to look. The command plugin would report a dial error.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from host.ssh_files import USER

PORT = 22


@dataclass(frozen=True)
class RetryPolicy:
    """How long a server is waited for.

    Attributes:
        errors: failed attempts that are borne; one more ends the wait.
        seconds: for one attempt. A port that a packet filter drops takes all of it; one that refuses takes none.
    """

    errors: int
    seconds: int

    def lasts(self, *, refused: bool) -> int:
        """Seconds until the command plugin gives up: between attempts it waits 0.1 s, then half as long again each
        time, and 5 s at most (pulumi-command 1.2, as measured; toolchain/pulumi-resource-command does the same)."""
        pauses = sum(min(0.1 * 1.5**number, 5) for number in range(self.errors))
        return round(pauses + (0 if refused else (self.errors + 1) * self.seconds))


NEW_SERVER = RetryPolicy(errors=40, seconds=5)
"""For a server that may still boot: 6 minutes if it says nothing, not quite 3 if it refuses."""

KNOWN_SERVER = RetryPolicy(errors=10, seconds=10)
"""For one that has let us in already in this update."""


def is_unreachable(error: str) -> bool:
    """Whether a command failed because nothing let it in, and not because of what it did there."""
    if re.search(r"exit(ed with)? status", error):
        return False
    return bool(re.search(r"\bdial\b|cannot connect|handshake|connection (refused|reset)|i/o timeout", error))


def render_unreachable(*, stack: str, address: str, server_id: str, operators: Sequence[str], error: str) -> str:
    """The message, with the next commands as they are to be typed."""
    tried = "again and again"
    if attempts := re.search(r"after (\d+)", error):
        retries = NEW_SERVER if int(attempts[1]) > KNOWN_SERVER.errors + 1 else KNOWN_SERVER
        minutes = retries.lasts(refused="refused" in error) / 60
        tried = f"{attempts[1]} times in {minutes:.0f} minutes"
    return f"""\
The server does not let us in: {USER}@{address}, port {PORT}, tried {tried}. The last answer:
    {error.strip().splitlines()[-1].strip()}
Nothing on it was changed; when it answers, run `pulumi up` again. Where to look, in this order:
  1. Are you one of the operators ({", ".join(operators)})? Port {PORT} is open to them alone. After a change of
     toybox:operators: pulumi up --target '**::server-ingress-ssh-*'
  2. What does SSH itself say? ssh -v -F .toybox/{stack}/ssh/config {address} true
     "refused": sshd does not run. "timed out": the server is off, or a packet filter drops it (1, 3).
     "Host key verification failed": another machine has the address.
  3. In ConoHa's control panel: does the server run ({server_id}), and does its
     security group toybox-{stack} let port {PORT} in?
  4. On its console there: did it boot, and how did cloud-init end?
     cloud-init status --long; tail /var/log/cloud-init-output.log
  5. Its own packet filter shuts you out: docs/runbook.md, "The packet filter was flushed". A reboot is enough.
  6. It is beyond help: docs/runbook.md, "The server is gone or broken". The data volume is not touched by that."""


def unreachable_hook(
    name: str, *, stack: str, address: pulumi.Output[str], server_id: pulumi.Output[str], operators: Sequence[str]
) -> pulumi.ErrorHook:
    """The hook for `on_error` of every command on the server. It speaks once, and asks for no further attempt."""
    said: list[str] = []

    async def explain(args: pulumi.ErrorHookArgs) -> bool:
        error = args.errors[0] if args.errors else ""
        if is_unreachable(error) and not said:
            said.append(error)
            values = (str(await address.future()), str(await server_id.future()))
            pulumi.log.error(
                render_unreachable(
                    stack=stack, address=values[0], server_id=values[1], operators=operators, error=error
                )
            )
        return False

    return pulumi.ErrorHook(name, explain)
