"""Check the keeper, from both sides: the block of the stack that it keeps, and its own stack."""

import ipaddress
import re
from urllib.parse import urlsplit

from conoha import names
from settings.problems import shown
from settings.values.refusal import refused


def keeper_address(value: str) -> str:
    """Return one IPv4 address. Raises the refusal of anything else, a network included."""
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:
        raise refused(
            f"is {shown(value)}, which is not an IPv4 address.",
            "Port 22 is open to the keeper's own address and to no network around it.",
            "Write the keeper's fixed address as the Internet sees it, without a prefix length.",
        ) from None
    return str(address)


LEAST_ITERATIONS = 4096
"""PostgreSQL's own number (scram_iterations), and the least that RFC 7677 allows."""
_VERIFIER = re.compile(r"SCRAM-SHA-256\$(?P<iterations>[0-9]{4,9}):(?P<salt>[A-Za-z0-9+/]+={0,2})\$(?P<keys>[^$]+)")
_SCRAM_KEYS = re.compile(r"[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=")


def database_verifier(value: str) -> str:
    """Return a SCRAM-SHA-256 verifier in PostgreSQL's form (pg_authid.rolpassword): 32 bytes for each of its keys.

    PostgreSQL takes any other text for a password in plain text, and stores a verifier of that.
    """
    found = _VERIFIER.fullmatch(value)
    whole = found is not None and _SCRAM_KEYS.fullmatch(found["keys"]) is not None and len(found["salt"]) % 4 == 0
    if found is None or not whole or int(found["iterations"]) < LEAST_ITERATIONS:
        raise refused(
            "is not a SCRAM-SHA-256 verifier as PostgreSQL stores it (its text is not shown).",
            "PostgreSQL would take it for a password in plain text, and the keeper could not log in.",
            "Copy the block that `toybox init keeper` prints. A password does not belong into this file.",
        )
    return value


_ED25519 = r"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}"


def machine_address(value: str) -> str:
    """One IPv4 address."""
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        raise refused(
            f"is {shown(value)}, which is not an IPv4 address.",
            "Pulumi reaches the keeper there, and the kept stack lets this address in, and no other.",
            "Write the machine's fixed address, such as 203.0.113.9: no name, no port, no /32.",
        ) from None
    return value


def machine_host_key(value: str) -> str:
    """The public half of the machine's ed25519 host key, without a comment."""
    if not re.fullmatch(_ED25519, value):
        raise refused(
            f"is {shown(value)}, which is not an ed25519 host key.",
            "Every connection expects exactly this key, and refuses the machine that shows another one.",
            "On the machine's console: cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub",
        )
    return value


def kept_stack(value: str) -> str:
    """A stack's name. Whether it can be kept is a rule of its own."""
    if not names.STACK.fullmatch(value):
        raise refused(
            f"is {shown(value)}, which is no name of a stack.",
            "The keeper reads the stack's address and host key from its outputs.",
            "Write the stack's name, such as prod.",
        )
    return value


def storage_endpoint(value: str) -> str:
    """The address of an S3 service, over https and without a path."""
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or value != f"https://{parts.netloc}" or "@" in parts.netloc:
        raise refused(
            f"is {shown(value)}, which is not the address of an S3 service.",
            "The copy goes there. Over http its keys' signatures could be seen on the way.",
            "Write https:// and the host alone, such as https://s3.c3j1.conoha.io: no bucket, no path, no slash.",
        )
    return value


def storage_bucket(value: str) -> str:
    """A bucket's name that every S3 service takes."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", value):
        raise refused(
            f"is {shown(value)}, which is no name of a bucket.",
            "All customers share one set of bucket names, and each service has its own rules for them.",
            "Write 3 to 63 small letters, digits and dashes, for example with your domain in it.",
        )
    return value


def storage_region(value: str) -> str:
    """The region that requests are signed for."""
    if not re.fullmatch(r"[a-z0-9-]{1,40}", value):
        raise refused(
            f"is {shown(value)}, which is no name of a region.",
            "Each request to the storage is signed for its region.",
            "Write the word that the service names, such as conoha.",
        )
    return value
