"""The stack's secrets as read-only files on the server, for containers to mount one by one.

Never in an environment variable (`docker inspect` shows it), a command line (`ps` shows it), a log or the plain state.
"""

import hashlib
from collections.abc import Mapping

import pulumi
import pulumi_command as command

from components.docker_host import DockerHost
from components.docker_host.bundle import LIBRARY, BundleFile, pack, unpack_and_run

DIRECTORY = "/etc/toybox/secrets"
"""On the root disk and not on the data disk: restore points and staging copies must not carry prod's passwords."""


def version(text: str) -> str:
    """A name for the secret's present value, safe to show: the secrets are long and random."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class HostSecrets(pulumi.ComponentResource):
    """Writes every secret file in one step and knows which value each has.

    Args:
        values: {name of the file: its content}.
    """

    installed: command.remote.Command
    files: list[str]

    def __init__(self, name: str, *, host: DockerHost, values: Mapping[str, pulumi.Output[str]]) -> None:
        super().__init__("toybox:host:HostSecrets", name)
        self._values = values
        self.files = sorted(values)
        packed = pulumi.Output.all(**values).apply(
            lambda texts: pack({f"secrets/{file}": BundleFile(text, 0o400) for file, text in texts.items()})
        )
        self.installed = host.command(
            f"{name}-installed",
            create=unpack_and_run(f'{LIBRARY}/install-secrets "$bundle" {DIRECTORY}', seconds=60),
            stdin=packed,
            secret=True,
            parent=self,
            depends_on=[host.ready],
        )
        self.register_outputs({})

    def versions(self, files: tuple[str, ...]) -> pulumi.Output[str]:
        """A label for a container that mounts `files`: it changes with any of them, and the container is replaced,
        for a file that is mounted by itself keeps showing the old content."""
        texts = pulumi.Output.all(*(self._values[file] for file in files))
        return pulumi.Output.unsecret(texts.apply(lambda values: "-".join(version(text) for text in values)))
