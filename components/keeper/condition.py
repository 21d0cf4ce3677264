"""How the keeper's machine is, looked at once in each run of the program, before anything on it changes.

A machine that is as the last update left it changes nothing. Where a file, a secret or a timer differs, every step runs
again. One that does not answer makes the update try it.
"""

import asyncio
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi

from components.host.make_room import on_the_server
from components.keeper.look import APPLIED

LOOK = Path(__file__).with_name("look.py")
SECONDS = 40


def ask(config: str, address: str) -> dict[str, Any]:
    """Return what `look.py` prints on the machine. Raises ValueError, with the reason, if it prints nothing."""
    options = ("-o", "ConnectTimeout=5", "-o", "ControlMaster=no")
    try:
        done = subprocess.run(
            ["ssh", "-F", config, *options, "--", address, f"timeout {SECONDS - 10} python3 -"],
            input=LOOK.read_text(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"no answer within {SECONDS} s") from None
    if done.returncode:
        raise ValueError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"status {done.returncode}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def token_of(told: dict[str, Any], new: str) -> tuple[str, str]:
    """Return (the token that every step has among its triggers, what people should know). Pure."""
    if told["applied"] and not told["differs"]:
        return str(told["applied"]), ""
    if not told["applied"]:
        return new, ""
    return new, f"On the keeper, these are not as the last update left them: {', '.join(told['differs'])}"


class Condition:
    """The machine's condition.

    Attributes:
        token: what the last update that ended well noted on the machine, if nothing differs; else a new one.
        noted: the hook that writes the token there, for after the last step.
    """

    token: pulumi.Output[str]
    noted: pulumi.ResourceHook

    def __init__(self, name: str, *, ssh_config: str, address: str) -> None:
        async def look(to: str) -> str:
            new = datetime.now(UTC).isoformat(timespec="seconds")
            try:
                token, problem = token_of(await asyncio.to_thread(ask, ssh_config, to), new)
            except ValueError as error:
                token, problem = new, f"The keeper does not answer: {error}"
            if problem and pulumi.runtime.is_dry_run():
                pulumi.log.warn(problem)
            return token

        async def note(_: pulumi.ResourceHookArgs) -> None:
            token = await self.token.future()
            await on_the_server(
                ssh_config, address, f"install -d {APPLIED.rsplit('/', 1)[0]} && echo '{token}' >{APPLIED}"
            )

        self.token = pulumi.Output.from_input(address).apply(look)
        self.noted = pulumi.ResourceHook(f"{name}-noted", note)
