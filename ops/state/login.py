"""The login of `toybox init`: with the password that was just typed, before there is a state that could keep it."""

from typing import TYPE_CHECKING

from ops import cloud
from ops.pulumi_cli import PulumiStack

if TYPE_CHECKING:
    from openstack.connection import Connection


def login(stack: PulumiStack, password: str) -> "Connection":
    """A connection to the stack's cloud. Raises OpsError and SettingsError."""
    account = cloud.declared(stack).openstack
    return cloud.logged_in(
        account,
        password,
        f"logging in to {account.auth_url} as {account.user_name}, which is how the keys of the bucket are got",
        f"Check toybox:openstack in the settings and the password, then run `toybox init --stack {stack.name}` again.",
    )
