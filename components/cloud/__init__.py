"""The explicit OpenStack provider of a stack, made after the check for leftovers of killed updates.

Both stack files disable default providers. With one, a shell that still holds another cloud's OS_* variables would plan
against that cloud, without a word (pulumi-openstack #201).
"""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_openstack as openstack

from components.cloud.leftovers import EqualRules, connection, stop_for_leftovers
from components.secret_output import secret_output
from conoha.account import DOMAIN, REGION
from settings import Settings


class Cloud(openstack.Provider):
    """The provider, with the `rule_hooks` of a security group's rules, and a function that connects to the cloud."""

    rule_hooks: pulumi.ResourceHookBinding
    connect: Callable[[], Any]  # a Connection of openstack.connection; Pulumi evaluates this annotation


def openstack_provider(settings: Settings) -> Cloud:
    """Return the provider for everything in the cloud: password and project scope, as ConoHa demands (no unscoped
    tokens).

    Raises:
        pulumi.RunError: in an update, if the cloud has a resource of the stack that the state does not know.
    """
    if not pulumi.runtime.is_dry_run():
        stop_for_leftovers(settings)
    account = settings.openstack
    cloud = Cloud(
        "openstack",
        auth_url=account.auth_url,
        region=REGION,
        user_name=account.user_name,
        tenant_name=account.tenant_name,
        user_domain_name=DOMAIN,
        project_domain_name=DOMAIN,
        password=secret_output(settings.secrets.openstack_password),
        endpoint_type="public",
    )
    cloud.connect = lambda: connection(settings)
    make_room = pulumi.ResourceHook("equal-rules", EqualRules(cloud.connect).before_create)
    cloud.rule_hooks = pulumi.ResourceHookBinding(before_create=[make_room])
    return cloud
