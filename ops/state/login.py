"""The login of `toybox init`: with the password that was just typed, before there is a state that could keep it."""

from typing import TYPE_CHECKING

from ops import cloud
from ops.pulumi_cli import PulumiStack

if TYPE_CHECKING:
    from openstack.connection import Connection


def login(stack: PulumiStack, password: str) -> "Connection":
    """A connection to the stack's cloud. Raises OpsError and SettingsError."""
    from conoha.login import log_in

    account = cloud.declared(stack).openstack
    connection = log_in(
        auth_url=account.auth_url,
        region=account.region,
        domain=account.domain_name,
        tenant=account.tenant_name,
        user=account.user_name,
        password=password,
    )
    with cloud.cloud_errors(
        f"logging in to {account.auth_url} as {account.user_name}, which is how the keys of the bucket are got",
        f"Check toybox:openstack in the settings and the password, then run `toybox init {stack.name}` again.",
    ):
        connection.authorize()
    return connection
