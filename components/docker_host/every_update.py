"""A command on the server in every update, also in one that changes nothing.

A resource runs when its inputs change. What another update left running on the server is no input of anything: an
update that finds nothing to change would end well and leave it there.

What it does not do: it runs in no preview. A server that does not let us in is a warning and stops nothing: the update
may be the one that opens the door again, and steps that need the server fail by themselves.
"""

import asyncio

import pulumi

from components.docker_host.make_room import ssh_arguments

UNREACHABLE = 255
"""ssh(1) ends with it when it did not get in; everything else is the command's."""


def in_every_update(
    command: str, *, ssh_config: str, address: pulumi.Output[str], after: pulumi.Output[str]
) -> pulumi.Output[str]:
    """Run `command`, once `after` is known. The output, for what has to wait for it, is always "".

    Raises what the command says on its standard error if it fails.
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
            pulumi.log.warn(f"The server did not let us in, so this was not run: {command}\n{complaint}")
        elif process.returncode:
            raise RuntimeError(complaint or f"{command} ended with {process.returncode}")
        elif said:
            pulumi.log.info(said)
        return ""

    return pulumi.Output.all(address, after).apply(lambda known: run(str(known[0])))
