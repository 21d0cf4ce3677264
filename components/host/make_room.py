"""Before a container or a network is made: removes the one that a killed update left under the same name.

Between Docker's making a container and the engine's noting it in the state there is a moment. An engine that is killed
in it leaves a container that nobody knows; the next update would end with "the container name is already in use", or,
since Docker allows it, with two networks of one name. The engine runs `before_create` when the old one is gone
(containers are deleted before they are replaced), so whatever has the name then is in nobody's state.

What it does not do: it removes nothing without TOYBOX's label, no volume, and nothing that is in use.
"""

import asyncio

import pulumi

from components.host import commands
from host.ssh_files import USER

NAME_LABEL = "toybox.name"
"""The label of every container and network that TOYBOX makes: its own name."""


def ssh_arguments(config: str, address: str, command: str) -> list[str]:
    """`ssh` over the stack's pinned configuration. It uses the provider's shared connection where there is one and
    does not become one itself: that would stay behind, and keep our end of its output open."""
    return ["ssh", "-F", config, "-o", "ControlMaster=no", "--", f"{USER}@{address}", command]


async def on_the_server(config: str, address: str, command: str) -> str:
    """Return the output of `command` on the server.

    Raises:
        RuntimeError: the command failed. The error holds its standard error.
    """
    process = await asyncio.create_subprocess_exec(
        *ssh_arguments(config, address, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = (text.decode(errors="replace").strip() for text in await process.communicate())
    if process.returncode:
        raise RuntimeError(complaint or f"{command} ended with {process.returncode}")
    return said


def make_room_hook(name: str, *, ssh_config: str, address: pulumi.Output[str]) -> pulumi.ResourceHook:
    """The hook, for `before_create` of whatever the host's `options` are for."""

    async def make_room(args: pulumi.ResourceHookArgs) -> None:
        command = commands.make_room(args.type, args.new_inputs or {})
        if command and (said := await on_the_server(ssh_config, str(await address.future()), command)):
            pulumi.log.info(said)

    return pulumi.ResourceHook(name, make_room)
