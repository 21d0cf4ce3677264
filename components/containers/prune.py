"""Prune the server as the last step of an update: remove images and secret files that the new version does not need.

Without it every release leaves an image behind until the server's root disk is full, and a secret that is no longer
declared stays readable on it. What it does not do: it fails no update, touches no image that a container uses, no
repository but TOYBOX's, and nothing on the data disk.

Type token, logical name and script on the server are `tidy`. Another name would change the state and the server.
"""

from collections.abc import Sequence

import pulumi
import pulumi_command as command

from components.containers.platform import Platform
from components.containers.service import Service
from components.host import commands
from inventory import tokens


class Tidy(pulumi.ComponentResource):
    """Runs once every service is healthy.

    Args:
        images: the references that the stack uses now.
    """

    ready: command.remote.Command

    def __init__(
        self,
        name: str,
        *,
        images: Sequence[str],
        platform: Platform,
        after: Sequence[Service],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.TIDY, name, None, opts)
        self.ready = platform.host.command(
            f"{name}-done",
            create=commands.prune(platform.secrets.files, images),
            parent=self,
            depends_on=[service.ready for service in after],
        )
        self.register_outputs({})
