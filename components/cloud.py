"""The explicit OpenStack provider of a stack.

Default providers are disabled in both stack files: with one, a shell that still holds another cloud's OS_* variables
would quietly plan against that cloud (pulumi-openstack #201).
"""

import pulumi_openstack as openstack

from components.secret_output import secret_output
from settings import Settings


def openstack_provider(settings: Settings) -> openstack.Provider:
    """The provider for everything in the cloud: password and project scope, as ConoHa demands (no unscoped tokens)."""
    account = settings.openstack
    return openstack.Provider(
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
