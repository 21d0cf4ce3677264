"""The cloud of one stack: its plain settings, and a connection as its API user.

The settings come straight from the stack's file, so that a command that only reads the cloud needs Pulumi for nothing
but the password, and works while the state is locked or another update runs.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from conoha.account import DOMAIN, REGION
from ops import OpsError
from ops.pulumi_cli import PulumiStack
from settings import DECLARED, Declared, OpenStack, error_texts
from settings import keeper as keeper_settings
from settings.catalogue import NAMESPACE
from settings.problems import SettingsError

if TYPE_CHECKING:
    from openstack.connection import Connection


ROOT = Path(__file__).parent.parent


def opened(name: str) -> PulumiStack:
    """The stack `name`. Raises OpsError if this shell is set up for another one: its settings would be read instead."""
    shell = os.environ.get("PULUMI_STACK")
    if "PULUMI_OPTION_CONFIG_FILE" in os.environ and shell not in (None, name):
        raise OpsError(
            f"This shell is set up for stack {shell} (PULUMI_STACK, PULUMI_OPTION_CONFIG_FILE), and its settings would "
            f"be taken for those of {name}. Use a shell for {name}."
        )
    return PulumiStack(name, ROOT)


def declared(stack: PulumiStack) -> Declared:
    """The stack's settings as its file has them, without the secrets.

    Raises:
        OpsError: there is no such file, or it cannot be read.
        SettingsError: something in it is wrong.
    """
    plain = plain_settings(stack)
    if plain.get("environment") == keeper_settings.ENVIRONMENT:
        raise OpsError(
            f"Stack {stack.name} is a keeper (toybox:environment): it has no account with the cloud, no server there "
            "and no site. This command is for the stacks that have them."
        )
    if found := error_texts.problems(Declared, plain, DECLARED):
        raise SettingsError(stack.name, found)
    return Declared.model_validate(plain)


def plain_settings(stack: PulumiStack) -> dict[str, object]:
    """Return the stack's settings by key, unchecked and without the secrets.

    Raises:
        OpsError: there is no such file, or it cannot be read.
    """
    import yaml

    file = stack.settings_file
    try:
        config = (yaml.safe_load(file.read_text()) or {}).get("config") or {}
        prefix = f"{NAMESPACE}:"
        given = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    except FileNotFoundError:
        raise OpsError(f"{file} does not exist, so there is no stack {stack.name}.") from None
    except (OSError, ValueError, yaml.YAMLError, AttributeError) as error:
        raise OpsError(f"{file} cannot be read: {' '.join(str(error).split())}") from None
    # what is encrypted is a block with the one key `secure`
    return {key: value for key, value in given.items() if not (isinstance(value, dict) and set(value) == {"secure"})}


def connect(stack: PulumiStack) -> "Connection":
    """A connection to the stack's cloud, logged in, for one thread.

    Raises:
        OpsError: the password is not there, or the cloud refuses the login or does not answer.
        SettingsError: the settings are wrong.
    """
    account = declared(stack).openstack
    return logged_in(
        account,
        stack.secret(f"{NAMESPACE}:openstackPassword"),
        f"logging in to {account.auth_url} as {account.user_name}",
        "Check toybox:openstack in the settings, and the password: `pulumi config set --secret "
        f"toybox:openstackPassword --stack {stack.name}` asks for it.",
    )


def logged_in(account: OpenStack, password: str, doing: str, way_out: str) -> "Connection":
    """A connection that has been accepted. `doing` and `way_out` are what to say if it is not (see cloud_errors).

    Raises:
        OpsError: the cloud refuses the login or does not answer.
    """
    from conoha.login import log_in

    connection = log_in(
        auth_url=account.auth_url,
        region=REGION,
        domain=DOMAIN,
        tenant=account.tenant_name,
        user=account.user_name,
        password=password,
    )
    with cloud_errors(doing, way_out):
        connection.authorize()
    return connection


@contextmanager
def cloud_errors(
    doing: str, way_out: str = "Run the command again; the cloud's own status page knows of outages."
) -> Iterator[None]:
    """Whatever the cloud refuses in here becomes an OpsError that says what was being done.

    `doing` completes "The cloud refused ..."."""
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    try:
        yield
    except (ClientException, SDKException) as error:
        said = " ".join(str(error).split())
        raise OpsError(f"The cloud refused {doing}: {said}\n    Way out: {way_out}") from error
