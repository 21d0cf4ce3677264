"""Check the account in which everything is made."""

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


def no_placeholder(value: str) -> str:
    """Return the name of a tenant or user. Refuse that of the committed settings, whose number is all zeros."""
    if not value[len("gnct") :].strip("0"):
        raise refused(
            f"is still the placeholder {value}.",
            "Only you know to which account the server belongs.",
            "Copy the name from ConoHa's control panel, under API.",
        )
    return value
