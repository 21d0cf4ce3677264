"""Check the secrets. Their text is never part of a message."""

import re
from collections.abc import Callable

from pydantic import SecretStr

from settings.values.refusal import refused

_MADE_BY_INIT = "`pulumi config rm {path}`, then `toybox init --stack {stack}`, which makes a new one."
_ASKED_BY_INIT = "`pulumi config rm {path}`, then `toybox init --stack {stack}`, which asks for it."


def _secret(pattern: str, rule: str, why: str, remedy: str) -> Callable[[SecretStr], SecretStr]:
    compiled = re.compile(pattern)

    def check(value: SecretStr) -> SecretStr:
        if not compiled.fullmatch(value.get_secret_value()):
            raise refused(f"is not {rule} (its text is not shown).", why, remedy)
        return value

    return check


openstack_password = _secret(
    r"[\x21-\x7e]{9,70}",
    "9 to 70 printable characters without spaces",
    "ConoHa has no other passwords, so the login would fail; often a line break or a quote was stored with it.",
    _ASKED_BY_INIT,
)
postgres_password = _secret(
    r"[A-Za-z0-9_-]{24,128}",
    "24 to 128 of A-Z a-z 0-9 _ -",
    "It guards the database, and stands in URLs, where other characters have a meaning.",
    _MADE_BY_INIT,
)
redis_password = _secret(
    r"[A-Za-z0-9_-]{24,128}",
    "24 to 128 of A-Z a-z 0-9 _ -",
    "It guards sessions and queued jobs, and stands in URLs, where other characters have a meaning.",
    _MADE_BY_INIT,
)
django_secret_key = _secret(
    r"[\x21-\x7e]{50,256}",
    "50 to 256 printable characters without spaces",
    "Django signs sessions and password resets with it: a weak one lets a stranger log in as anybody.",
    _MADE_BY_INIT,
)
access_password = _secret(
    r"[\x21-\x7e]{12,72}",
    "12 to 72 printable characters without spaces",
    "A shorter one is guessed; of a longer one bcrypt, which stores it, reads only the first 72 bytes.",
    _MADE_BY_INIT,
)


def _private_key(value: SecretStr, why: str) -> SecretStr:
    # Loaded late: the import takes a tenth of a second, which docs and `toybox --help` need not wait for.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    text = value.get_secret_value()
    try:
        key = load_ssh_private_key(text.encode(), password=None)
        if text.split("\n", 1)[0] != "-----BEGIN OPENSSH PRIVATE KEY-----":
            raise ValueError("lines were joined: ssh is stricter than cryptography")
    except (ValueError, TypeError, UnsupportedAlgorithm):
        wrong = "is not an OpenSSH private key without a passphrase (its text is not shown)."
        raise refused(wrong, why, _MADE_BY_INIT) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise refused("is not an ed25519 key (its text is not shown).", why, _MADE_BY_INIT)
    return value


def ssh_private_key(value: SecretStr) -> SecretStr:
    """The key to log in with."""
    return _private_key(value, "Pulumi logs in to the server with it; without it nothing can be set up.")


def ssh_host_key(value: SecretStr) -> SecretStr:
    """The key by which the server is known."""
    return _private_key(value, "The server shows it, and every connection that does not see it is refused.")


def pull_key(value: SecretStr) -> SecretStr:
    """The key with which the keeper pulls."""
    return _private_key(value, "The keeper logs in to the kept server with it; without it nothing is pulled.")


database_password = _secret(
    r"[A-Za-z0-9]{24,128}",
    "24 to 128 of A-Z a-z 0-9",
    "The kept database lets the keeper in with it, and it stands in a password file, where : and \\ have a meaning.",
    _MADE_BY_INIT,
)
storage_key = _secret(
    r"[A-Za-z0-9/+=_-]{8,128}",
    "8 to 128 of A-Z a-z 0-9 / + = _ -",
    "No S3 service makes such keys; often a line break or a quote was stored with it.",
    "`pulumi config rm {path} --stack {stack}`, then `toybox init --stack {stack}`, which asks for it.",
)
copy_password = _secret(
    r"[A-Za-z0-9]{24,128}",
    "24 to 128 of A-Z a-z 0-9",
    "It encrypts the copy in object storage: without it no copy comes back.",
    "Put the former value back: `pulumi config set --secret {path} --stack {stack}` asks for it. "
    "A new one opens no repository that is there.",
)
repository_password = _secret(
    r"[A-Za-z0-9]{24,128}",
    "24 to 128 of A-Z a-z 0-9",
    "It encrypts the repository of files: without it no file comes back.",
    "Put the former value back: `pulumi config set --secret {path} --stack {stack}` asks for it. "
    "A new one opens no repository that is there.",
)
