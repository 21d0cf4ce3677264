"""The lab's accounts. Passwords are made at random, once per lab; nothing outside LAB_DIR knows them."""

import json
import secrets
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab import paths

KEYSTONE_URL = "http://127.0.0.1:5000/v3"
"""Stock OpenStack: what the lab's own services and its administrator log in at."""
CONOHA_URL = "http://127.0.0.1:8800/identity/v3"
"""The same cloud under ConoHa's rules (lab/conoha_rules)."""
AUTH_URLS = {"conoha": CONOHA_URL, "openstack": KEYSTONE_URL}
"""Where people and tests log in, by the word of `python -m lab up --cloud`."""
REGION = "c3j1"
DOMAIN = "gnc"
"""Every ConoHa account is in this domain (conoha-v3: field reports)."""

PEOPLE, TESTS = "people", ("tests1", "tests2")
TENANTS = {name: (f"gnct0000000{n}", f"gncu0000000{n}") for n, name in enumerate((PEOPLE, *TESTS), 1)}
"""Tenant and user names as ConoHa makes them. Tests have tenants of their own, so that they see nothing of a running
TOYBOX, and nothing of each other where two of them run side by side."""


def new_credentials() -> dict[str, Any]:
    """Accounts with fresh passwords: one for each tenant, and two that only the lab uses (the cloud's administrator and
    its services)."""

    def password() -> str:
        return secrets.token_urlsafe(24)

    return {
        "auth_url": CONOHA_URL,
        "region": REGION,
        "domain": DOMAIN,
        "projects": {
            name: {"tenant": tenant, "tenant_id": uuid.uuid4().hex, "user": user, "password": password()}
            for name, (tenant, user) in TENANTS.items()
        },
        "administrator": {"tenant": "admin", "user": "admin", "domain": "Default", "password": password()},
        "services": {"password": password()},
    }


def credentials(path: Path = paths.CREDENTIALS) -> dict[str, Any]:
    """The lab's accounts; made at the first call."""
    if not path.exists():
        write_private(path, json.dumps(new_credentials(), indent=2) + "\n")
    accounts: dict[str, Any] = json.loads(path.read_text())
    return accounts


def give_out(cloud: str, path: Path = paths.CREDENTIALS) -> None:
    """Let people and tests log in to the cloud under ConoHa's rules ("conoha") or to the stock one ("openstack")."""
    accounts = credentials(path)
    if accounts["auth_url"] != AUTH_URLS[cloud]:
        write_private(path, json.dumps({**accounts, "auth_url": AUTH_URLS[cloud]}, indent=2) + "\n")


def stock(accounts: Mapping[str, Any]) -> bool:
    """Whether people and tests log in to stock OpenStack, where ConoHa's rules do not hold."""
    return bool(accounts["auth_url"] == KEYSTONE_URL)


def write_private(path: Path, text: str) -> None:
    """Put a file in place whole, readable by root only."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text)
    new.rename(path)
