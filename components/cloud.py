"""The explicit OpenStack provider of a stack, and what makes an update that was killed go on.

Default providers are disabled in both stack files: with one, a shell that still holds another cloud's OS_* variables
would quietly plan against that cloud (pulumi-openstack #201).
"""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_openstack as openstack

from components.cloud_leftovers import CloudLeftovers, connection
from components.secret_output import secret_output
from settings import Settings


class Cloud(openstack.Provider):
    """The provider, with the `hooks` of everything that is made through it, and a way to ask the cloud itself. Children
    inherit a provider, not hooks."""

    hooks: pulumi.ResourceHookBinding
    connect: Callable[[], Any]  # a Connection of openstack.connection; Pulumi evaluates this annotation


def openstack_provider(settings: Settings) -> Cloud:
    """The provider for everything in the cloud: password and project scope, as ConoHa demands (no unscoped tokens)."""
    account = settings.openstack
    cloud = Cloud(
        "openstack",
        auth_url=account.auth_url,
        region=account.region,
        user_name=account.user_name,
        tenant_name=account.tenant_name,
        user_domain_name=account.domain_name,
        project_domain_name=account.domain_name,
        password=secret_output(settings.secrets.openstack_password),
        endpoint_type="public",
    )
    cloud.connect = lambda: connection(settings)
    make_room = pulumi.ResourceHook("openstack-make-room", CloudLeftovers(cloud.connect).before_create)
    cloud.hooks = pulumi.ResourceHookBinding(before_create=[make_room])
    return cloud
