"""Look at the host once in each run of the program, before the update deletes or makes anything on it.

A host that is as the last update left it changes nothing. If `pulumi up` can mend the host, the program sends the host
bundle and the secrets again, and each container passes its health gate again. An ill container has the same effect. The
update stops at a host on which people must decide. If a host does not answer, the update tries it, and fails with a
message about the next step.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pulumi

from components.host import commands
from components.host.make_room import on_the_server
from host import fitness
from host.containers import ailment, is_declared
from host.ssh import NoAnswerError, ask


@dataclass(frozen=True)
class Verdict:
    """The result of one look.

    Attributes:
        token: the value that the last mending update wrote on the host, if there is nothing to mend; else a new one.
        problem: the message for people; "" if the host is fit.
        for_people: whether the problem stops an update.
        answered: whether the host answered.
    """

    token: str
    problem: str = ""
    for_people: bool = False
    answered: bool = True


def judged(facts: Mapping[str, Any], new_token: str) -> Verdict:
    """Return the verdict on these facts."""
    found = fitness.faults(dict(facts))
    if not found:
        ill = ailing(facts)
        return Verdict(new_token, "\n".join(ill)) if ill else Verdict(facts["applied"] or new_token)
    problem = f"The server is not fit to run TOYBOX:\n{fitness.render(found)}"
    return Verdict(new_token, problem, for_people=not all(fault.mended for fault in found))


def ailing(facts: Mapping[str, Any]) -> list[str]:
    """Return the containers that do not do their work, in words. In an update each passes its health gate again: the
    gate starts one that was only stopped, and fails for one in a crash loop."""
    now = datetime.fromtimestamp(facts["clock"], UTC)
    ill = ((each["name"], ailment(each, now)) for each in facts["containers"] if is_declared(each))
    return [f"Container {name}: {found.text}" for name, found in ill if found and found.lasting]


def silent(reason: str, new_token: str) -> Verdict:
    """Return the verdict on a host that does not answer."""
    problem = (
        f"The server does not answer: {reason}\n"
        "  So nobody can say what is on it. `pulumi up` tries again, starts it if it is off, and says what to do."
    )
    return Verdict(new_token, problem, answered=False)


class Condition:
    """The host's condition.

    Attributes:
        verdict: the result of the one look.
        token: its token. Commands that mend the host have it among their triggers.
        noted: the hook that writes the token on the host, for after the command that found it fit.

    Args:
        address: the server's address. It is known, and may be dialled, once the server was reached for the first time.
    """

    verdict: pulumi.Output[Verdict]
    token: pulumi.Output[str]
    noted: pulumi.ResourceHook

    def __init__(self, name: str, *, ssh_config: str, address: pulumi.Output[str]) -> None:
        async def look(address: str) -> Verdict:
            return report(await asyncio.to_thread(seen, ask, ssh_config, address))

        async def note(_: pulumi.ResourceHookArgs) -> None:
            token = await self.token.future()
            await on_the_server(ssh_config, str(await address.future()), commands.note_applied(str(token)))

        self.verdict = address.apply(look)
        self.token = self.verdict.apply(lambda verdict: verdict.token)
        self.noted = pulumi.ResourceHook(f"{name}-noted", note)


def seen(ask: Callable[[str, str], Mapping[str, Any]], ssh_config: str, address: str) -> Verdict:
    """Look at the host, and return the verdict."""
    new_token = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        return judged(ask(ssh_config, address), new_token)
    except NoAnswerError as error:
        return silent(str(error), new_token)


def report(verdict: Verdict) -> Verdict:
    """Print the problem, in a preview as a warning, which stops nothing. In an update the failing step prints it.

    Raises:
        pulumi.RunError: in an update, if people must decide first.
    """
    if verdict.problem and pulumi.runtime.is_dry_run():
        pulumi.log.warn(verdict.problem)
    elif verdict.for_people:
        raise pulumi.RunError(f"{verdict.problem}\nNothing on it was changed.")
    return verdict
