"""How the host is, looked at once in each run of the program, before anything on it is deleted or made.

A host that is as the last update left it changes nothing. One that `pulumi up` can mend makes it send the host bundle
and the secrets again, and lets each container pass its health gate again; so does a container that is ill. One on which
people must decide stops the update. One that does not answer makes the update try it, and end with what to do about
that.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pulumi

from components.docker_host.make_room import on_the_server
from host import fitness
from host.containers import ailment, is_declared
from host.look import APPLIED
from host.ssh import NoAnswerError, ask


@dataclass(frozen=True)
class Verdict:
    """What one look says.

    Attributes:
        token: the value that the last mending update noted on the host, if there is nothing to mend; else a new one.
        problem: what people should know; "" if the host is fit.
        for_people: whether the problem stops an update.
        answered: whether the host told anything.
    """

    token: str
    problem: str = ""
    for_people: bool = False
    answered: bool = True


def judged(facts: Mapping[str, Any], new_token: str) -> Verdict:
    """The verdict on these facts."""
    found = fitness.faults(dict(facts))
    if not found:
        ill = ailing(facts)
        return Verdict(new_token, "\n".join(ill)) if ill else Verdict(facts["applied"] or new_token)
    problem = f"The server is not fit to run TOYBOX:\n{fitness.render(found)}"
    return Verdict(new_token, problem, for_people=not all(fault.mended for fault in found))


def ailing(facts: Mapping[str, Any]) -> list[str]:
    """The containers that do not do their work, in words. An update lets each pass its health gate again: one that was
    only stopped is started, one in a crash loop fails the update."""
    now = datetime.fromtimestamp(facts["clock"], UTC)
    ill = ((each["name"], ailment(each, now)) for each in facts["containers"] if is_declared(each))
    return [f"Container {name}: {found.text}" for name, found in ill if found and found.lasting]


def silent(reason: str, new_token: str) -> Verdict:
    """The verdict on a host that says nothing of itself."""
    problem = (
        f"The server does not answer: {reason}\n"
        "  So nobody can say what is on it. `pulumi up` tries again, starts it if it is off, and says what to do."
    )
    return Verdict(new_token, problem, answered=False)


class Condition:
    """The host's condition.

    Attributes:
        verdict: of the one look.
        token: its token. Commands that mend the host have it among their triggers.
        noted: the hook that writes the token on the host, for after the command that found it fit.

    Args:
        address: known, and to be dialled, once the server was reached for the first time.
    """

    verdict: pulumi.Output[Verdict]
    token: pulumi.Output[str]
    noted: pulumi.ResourceHook

    def __init__(self, name: str, *, ssh_config: str, address: pulumi.Output[str]) -> None:
        async def look(address: str) -> Verdict:
            return report(await asyncio.to_thread(seen, ask, ssh_config, address))

        async def note(_: pulumi.ResourceHookArgs) -> None:
            token = await self.token.future()
            command = f"install -d {APPLIED.rsplit('/', 1)[0]} && echo '{token}' > {APPLIED}"
            await on_the_server(ssh_config, str(await address.future()), command)

        self.verdict = address.apply(look)
        self.token = self.verdict.apply(lambda verdict: verdict.token)
        self.noted = pulumi.ResourceHook(f"{name}-noted", note)


def seen(ask: Callable[[str, str], Mapping[str, Any]], ssh_config: str, address: str) -> Verdict:
    """Look, and judge."""
    new_token = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        return judged(ask(ssh_config, address), new_token)
    except NoAnswerError as error:
        return silent(str(error), new_token)


def report(verdict: Verdict) -> Verdict:
    """Say what is wrong, in a preview as a warning: nothing is stopped there. An update says it by what it does.

    Raises:
        pulumi.RunError: in an update, if people must decide first.
    """
    if verdict.problem and pulumi.runtime.is_dry_run():
        pulumi.log.warn(verdict.problem)
    elif verdict.for_people:
        raise pulumi.RunError(f"{verdict.problem}\nNothing on it was changed.")
    return verdict
