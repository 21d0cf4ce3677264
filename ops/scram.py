"""PostgreSQL's verifier of a password. The server checks a login with it; a login with it is not possible.

RFC 5802 and RFC 5803; PostgreSQL's form is `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (PostgreSQL 15,
src/common/scram-common.c, scram_build_secret).
"""

import hashlib
import hmac
from base64 import b64encode

ITERATIONS = 4096
"""PostgreSQL 15's own number."""

SALT_FOR = b"TOYBOX: salt of the keeper's verifier"


def salt_of(password: str) -> bytes:
    """Return 16 bytes that follow from the password alone, so that the same password always has the same verifier.

    A salt keeps equal passwords of two people apart; this password is random, and one role has it.
    """
    return hmac.digest(password.encode(), SALT_FOR, "sha256")[:16]


def verifier(password: str, salt: bytes) -> str:
    """Return PostgreSQL's verifier of an ASCII password."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = (b64encode(part).decode() for part in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(ITERATIONS, *encoded)
