"""The stack's secrets as read-only files on the server, for containers to mount one by one.

No secret is ever in an environment variable (`docker inspect` shows it), a command line (`ps` shows it), a log or the
plain state. Each value has a file of its own, <name>.d/<version>. During the trial of a new value the old container
still finds its own.
"""

import hashlib
from collections.abc import Mapping

import pulumi
import pulumi_command as command

from components.host import DockerHost, commands
from components.host.bundle import BundleFile, pack, render_manifest
from host.look import SECRETS
from inventory import tokens


def secrets_bundle(texts: Mapping[str, str]) -> dict[str, BundleFile]:
    """Return the secret files and their manifest. They are on the root disk, not on the data disk: restore points and
    staging copies must not carry prod's passwords."""
    manifest = render_manifest({f"{SECRETS}/{name}": BundleFile(text, 0o444) for name, text in texts.items()})
    return {
        "manifest.json": BundleFile(manifest, 0o400),
        **{f"secrets/{name}": BundleFile(text, 0o400) for name, text in texts.items()},
    }


def version(text: str) -> str:
    """A name for the secret's present value, safe to show: the secrets are long and random."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def folder(name: str) -> str:
    """Return the folder below SECRETS with every value of a secret that is still accepted."""
    return f"{name}.d"


def versioned(name: str, text: str) -> str:
    """Return the path of a secret's present value below SECRETS."""
    return f"{folder(name)}/{version(text)}"


class HostSecrets(pulumi.ComponentResource):
    """Writes every secret file in one step and returns the path of each.

    Args:
        values: {name of the secret: its content}.
    """

    ready: command.remote.Command
    files: list[str]

    def __init__(
        self,
        name: str,
        *,
        host: DockerHost,
        values: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.HOST_SECRETS, name, None, opts)
        self._versioned = {secret: versioned(secret, text) for secret, text in sorted(values.items())}
        self.files = list(self._versioned.values())
        texts = {self._versioned[secret]: text for secret, text in values.items()}
        self.ready = host.command(
            f"{name}-installed",
            create=commands.install_secrets(),
            triggers=[host.condition.token],
            stdin=pulumi.Output.secret(pack(secrets_bundle(texts))),
            secret=True,
            parent=self,
            depends_on=[host.ready],
        )
        self.register_outputs({})

    def path(self, name: str) -> str:
        """Return the path of a secret's present value. Another value has another path, which replaces the container
        that mounts it."""
        return f"{SECRETS}/{self._versioned[name]}"
