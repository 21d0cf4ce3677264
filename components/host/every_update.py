"""Run a command on the server in every update, also in one that changes nothing.

A resource runs when its inputs change. A process that another update left running on the server is no input of a
resource. So an update without changes would succeed and leave the process there.

The command runs in no preview. A server that refuses SSH is a warning and stops nothing: the update may open the port
again, and steps that need the server fail by themselves. For a command that must run, it ends the update.
"""

import asyncio

import pulumi

from components.host.make_room import ssh_arguments

UNREACHABLE = 255
"""ssh(1) exits with it if the connection failed; every other code is the command's."""


def in_every_update(
    command: str, *, ssh_config: str, address: pulumi.Output[str], after: pulumi.Output[str], must_run: bool = False
) -> pulumi.Output[str]:
    """Run `command`, once `after` is known. Return an output that is always "", for resources that must wait for it.

    Raise RuntimeError with the command's standard error if it fails, or must run and the server refuses SSH.
    """
    if pulumi.runtime.is_dry_run():
        return pulumi.Output.from_input("")

    async def run(to: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *ssh_arguments(ssh_config, to, command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = (text.decode(errors="replace").strip() for text in await process.communicate())
        if process.returncode == UNREACHABLE:
            refused = f"The server did not let us in, so this was not run: {command}\n{complaint}"
            if must_run:
                raise RuntimeError(f"{refused}\n  `toybox status` says what is wrong; then run the update again.")
            pulumi.log.warn(refused)
        elif process.returncode:
            raise RuntimeError(complaint or f"{command} ended with {process.returncode}")
        elif said:
            pulumi.log.info(said)
        return ""

    return pulumi.Output.all(address, after).apply(lambda known: run(str(known[0])))
