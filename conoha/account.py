"""Where ConoHa's API is and what the names of an account look like.

Sources: GMO's OpenAPI of 2026-07-01 (region `c3j1`, the only one it names) and, for domain, tenant and user names,
people who logged in on real accounts (github.com/skworks33/terraform-conoha-v3-api README, read 2026-11-24).
"""

from urllib.parse import urlsplit

REGION = "c3j1"
"""The only region of Ver.3.0. The names of the volume types begin with it."""

DOMAIN = "gnc"
"""The Keystone domain of every account. With another one the login fails with the same 401 as a wrong password."""

AUTH_URL = "https://identity.c3j1.conoha.io/v3"

TENANT = "^gnct[0-9]+$"
USER = "^gncu[0-9]+$"
"""The patterns of the names of API tenants and API users."""


def is_conoha(auth_url: str) -> bool:
    """Whether `auth_url` is ConoHa's own Keystone, and not another OpenStack that goes by ConoHa's names."""
    host = urlsplit(auth_url).hostname or ""
    return host == "conoha.io" or host.endswith(".conoha.io")
