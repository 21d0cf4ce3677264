"""Prune the server as the last step of an update: remove images and secret files that the new version does not need.

Without it every release leaves an image behind until the server's root disk is full, and a secret that is no longer
declared stays readable on it. What it does not do: it fails no update, touches no image that a container uses, no
repository but TOYBOX's, and nothing on the data disk.

Type token, logical name and script on the server are `tidy`. Another name would change the state and the server.
"""

import shlex
from collections.abc import Sequence

import pulumi
import pulumi_command as command

from components.containers.platform import Platform
from components.containers.service import Service
from host.look import LIBRARY, SECRETS
from inventory import tokens


def tidy_command(secrets: Sequence[str], images: Sequence[str]) -> str:
    """Keeps these secret files, and these images with the one before each. It names both, and so runs again with
    every release."""
    return f"timeout 300 {LIBRARY}/tidy {SECRETS} {shlex.join([*secrets, '--', *images])}"


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
            create=tidy_command(platform.secrets.files, images),
            parent=self,
            depends_on=[service.ready for service in after],
        )
        self.register_outputs({})
