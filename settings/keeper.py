"""The settings of the stack `keeper` (`toybox:` in Pulumi.keeper.yaml), as typed, validated, frozen models.

The models below are the one place where such a setting is explained: error messages and docs/keeper-settings.md are
made from their descriptions.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from conoha import names
from settings import keeper_rules, values
from settings.catalogue import Model, allowed, describe
from settings.loading import checked, configured, sibling_settings
from settings.ssh_keys import PUBLIC_KEY

ENVIRONMENT = "keeper"
"""What `toybox:environment` is in such a stack, and in no other."""


class Machine(Model):
    """The keeper itself: a machine that exists. The program sets it up and does not make it."""

    address: Annotated[str, AfterValidator(values.keeper.ipv4)] = Field(
        description="The machine's fixed IPv4 address. `pulumi up` reaches it there, and the kept stack lets it in.",
        examples=["203.0.113.9"],
        json_schema_extra=allowed("an IPv4 address: no name, no port, no /32"),
    )
    host_key: str = Field(
        pattern=f"^{PUBLIC_KEY}$",
        description="The public half of the machine's ed25519 host key, to which every connection is pinned.",
        examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJkQ0Y7yQ9sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7a"],
        json_schema_extra=allowed(
            "`ssh-ed25519` and the key, without a comment",
            "the machine's console, where `cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub` prints it",
        ),
    )


class Copy(Model):
    """Where the encrypted copy of the keeper goes."""

    endpoint: str = Field(
        pattern=r"^https://[A-Za-z0-9._-]+(?::[0-9]+)?$",
        description="The address of the object storage: any S3 service, such as ConoHa's. Over http the signatures of "
        "its keys could be seen on the way.",
        examples=["https://s3.c3j1.conoha.io"],
        json_schema_extra=allowed("https:// and the host alone: no bucket, no path, no slash"),
    )
    bucket: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$",
        description="The bucket, which has the copies of this keeper and nothing else. The first copy makes it. All "
        "customers of a service share one set of names.",
        examples=["toybox-keeper"],
        json_schema_extra=allowed("3 to 63 small letters, digits and dashes"),
    )
    region: str = Field(
        pattern=r"^[a-z0-9-]{1,40}$",
        description="The region that requests are signed for. ConoHa takes any.",
        examples=["conoha"],
        json_schema_extra=allowed("small letters, digits and dashes"),
    )


class Declared(Model):
    """The settings that stand in plain text in Pulumi.keeper.yaml, each under a key of its own."""

    environment: Literal["keeper"] = Field(
        description="What the stack is for: it keeps backups of another one. A site has production or staging here.",
        examples=[ENVIRONMENT],
    )
    machine: Machine = Field(
        description="The keeper itself: a Debian 12 machine at another provider than the stack that it keeps, with a "
        "disk of its own mounted at /srv/toybox-keeper, and root reached by the key sshPrivateKey."
    )
    keeps: str = Field(
        pattern=f"^{names.STACK.pattern}$",
        description="The stack that is kept. Its address and its host key are read from its outputs.",
        examples=["prod"],
        json_schema_extra=allowed("the name of a stack whose environment is production"),
    )
    copy_to: Copy | None = Field(
        default=None,
        alias="copy",
        description="Where a daily copy of all that is kept goes, encrypted with a password of its own, so that the "
        "keeper may burn as well. Without it there is no copy.",
    )


class Secrets(Model):
    """The settings that are stored encrypted. `toybox init` makes them, and asks for the keys of the copy."""

    ssh_private_key: Annotated[SecretStr, AfterValidator(values.secrets.ssh_private_key)] = Field(
        description="The key with which Pulumi and operators log in to the keeper as root (OpenSSH, ed25519).",
        json_schema_extra=allowed("an ed25519 key in OpenSSH's format, without a passphrase"),
    )
    pull_key: Annotated[SecretStr, AfterValidator(values.secrets.pull_key)] = Field(
        description="The key with which the keeper logs in to the kept server, to pull and for nothing else. The kept "
        "stack's settings have its public half.",
        json_schema_extra=allowed("an ed25519 key in OpenSSH's format, other than sshPrivateKey"),
    )
    database_password: Annotated[SecretStr, AfterValidator(values.secrets.database_password)] = Field(
        description="The password of the kept database's role keeper. The kept stack's settings have a verifier of "
        "it, which opens no login.",
        json_schema_extra=allowed("24 to 128 of A-Z a-z 0-9"),
    )
    repository_password: Annotated[SecretStr, AfterValidator(values.secrets.repository_password)] = Field(
        description="The password that encrypts the repository of files. Without it no file comes back: keep a copy "
        "of it where the keeper is not.",
        json_schema_extra=allowed("24 to 128 of A-Z a-z 0-9"),
    )

    copy_access_key: Annotated[SecretStr, AfterValidator(values.secrets.storage_key)] | None = Field(
        default=None,
        description="The access key of the object storage that the copy goes to. Required with copy.",
        json_schema_extra=allowed("8 to 128 of A-Z a-z 0-9 / + = _ -"),
    )
    copy_secret_key: Annotated[SecretStr, AfterValidator(values.secrets.storage_key)] | None = Field(
        default=None,
        description="The secret key that belongs to it. Required with copy.",
        json_schema_extra=allowed("8 to 128 of A-Z a-z 0-9 / + = _ -"),
    )
    copy_password: Annotated[SecretStr, AfterValidator(values.secrets.copy_password)] | None = Field(
        default=None,
        description="The password that encrypts the copy, another one than repositoryPassword. Without it no copy "
        "comes back: keep it where the keeper is not. Required with copy.",
        json_schema_extra=allowed("24 to 128 of A-Z a-z 0-9"),
    )


class KeeperSettings(Declared):
    """All settings of a keeper's stack, checked."""

    stack: str
    secrets: Secrets


DECLARED = describe(Declared)
SECRETS = describe(Secrets)
"""Both: settings by path, for messages and for docs/keeper-settings.md."""


def parse(
    stack: str,
    given: Mapping[str, object],
    encrypted: Collection[str],
    siblings: Mapping[str, Mapping[str, object]],
) -> KeeperSettings:
    """Return the checked settings of `stack`. Pure; the arguments are those of settings.loading.parse.

    Raises:
        SettingsError: with every problem there is, in the order of the settings.
    """
    across = keeper_rules.across_settings(given, siblings)
    return KeeperSettings.model_validate(checked(stack, given, encrypted, Declared, Secrets, across))


def load() -> KeeperSettings:
    """Return the settings of the keeper's stack that the running Pulumi program is for. Raises SettingsError."""
    stack, given, encrypted = configured(DECLARED)
    return parse(stack, given, encrypted, sibling_settings(Path(__file__).parents[1], stack))
