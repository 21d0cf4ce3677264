"""Check the keeper, from both sides: the block of the stack that it keeps, and its own stack."""

import ipaddress
import re

from settings.values.refusal import refused


def ipv4(value: str) -> str:
    """Return one IPv4 address. Raise ValueError for anything else, a network included."""
    return str(ipaddress.IPv4Address(value))


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
            "Copy the block that `toybox init --stack keeper` prints. A password does not belong into this file.",
        )
    return value
