"""Logging in to the cloud the way ConoHa wants it: by password, with a project's scope at once.

Sources: GMO's OpenAPI of 2026-07-01 (password is the only method) and doc.conoha.jp/reference/openstack-cli (unscoped
tokens are refused, projects cannot be listed), read 2026-11-24. Another OpenStack takes the same login.
"""

import openstack
from openstack.connection import Connection


def log_in(*, auth_url: str, region: str, domain: str, tenant: str, user: str, password: str) -> Connection:
    """A connection for one thread. The first call logs in; nothing is read from the environment or from clouds.yaml."""
    return openstack.connect(
        load_yaml_config=False,
        load_envvars=False,
        region_name=region,
        auth={
            "auth_url": auth_url,
            "username": user,
            "password": password,
            "project_name": tenant,
            "user_domain_name": domain,
            "project_domain_name": domain,
        },
    )
