"""Check the account in which everything is made."""

import re
from urllib.parse import urlsplit

from conoha import account
from settings.problems import shown
from settings.values.refusal import refused


def auth_url(value: str) -> str:
    """The address of an Identity API v3, over https unless it is on this machine."""
    parts = urlsplit(value)
    remedy = f"Use {account.AUTH_URL}."
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.rstrip("/").endswith("/v3"):
        raise refused(
            f"is {shown(value)}, which is not the address of an OpenStack Identity API v3.",
            "Every call to the cloud begins with a login there.",
            remedy,
        )
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise refused(
            f"is {shown(value)}: http to another machine.",
            "The account's password would cross the network in plain text.",
            remedy,
        )
    return value


def tenant_name(value: str) -> str:
    """The API tenant's name, `gnct...`."""
    return _account_name(value, account.TENANT_PREFIX, "tenant")


def user_name(value: str) -> str:
    """The API user's name, `gncu...`."""
    return _account_name(value, account.USER_PREFIX, "user")


def _account_name(value: str, prefix: str, kind: str) -> str:
    remedy = f"Copy the API {kind} name ({prefix}...) from ConoHa's control panel, under API."
    number = value.removeprefix(prefix)
    if not value.startswith(prefix) or not re.fullmatch(r"[0-9]+", number):
        raise refused(
            f"is {shown(value)}, which is not an API {kind} name of ConoHa.",
            "The login would fail, with the same answer as for a wrong password.",
            remedy,
        )
    if not number.strip("0"):
        raise refused(
            f"is still the placeholder {value}.",
            "Only you know to which account the server belongs.",
            remedy,
        )
    return value
