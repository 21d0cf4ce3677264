"""`toybox init`: the secrets of an environment, made once and stored encrypted in the stack's settings.

It only ever adds what is missing. There is no way to overwrite: whoever needs a new secret removes the old one first,
and knows what hangs on it. Interrupted halfway, it completes the rest when it is run again.
"""

import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from settings import SECRETS, keeper_rules, rules, values
from settings import keeper as keeper_settings
from settings.catalogue import NAMESPACE
from settings.problems import Problem, SettingsError

ASKED = "openstackPassword"
"""The one secret that only the operator knows."""


@dataclass(frozen=True)
class Stored:
    """One value of the stack's settings as Pulumi lists it: the text of an encrypted one is not among it."""

    value: str | None
    encrypted: bool


class Stack(Protocol):
    """The stack whose secrets are made."""

    name: str

    def settings(self) -> Mapping[str, Stored]:
        """What is stored, by key with its namespace. The stack is made if it is not there yet."""

    def store_secret(self, key: str, value: str) -> None:
        """Store one value encrypted."""


def ed25519_key() -> str:
    """A new private key in OpenSSH's format."""
    # Loaded late: `toybox --help` need not wait for it.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def random_text(length: int, alphabet: str = string.ascii_letters + string.digits) -> Callable[[], str]:
    """A maker of random texts. Letters and digits alone need no quoting in a URL, a shell or a configuration file."""
    return lambda: "".join(secrets.choice(alphabet) for _ in range(length))


COPY_KEYS = ("copyAccessKey", "copySecretKey")
"""The keys of a keeper's object storage, which only the operator has."""

TYPED_BY_PEOPLE = "abcdefghijkmnpqrstuvwxyz23456789"
"""No l and 1, no o and 0."""

MAKERS: Mapping[str, Callable[[], str]] = {
    "sshPrivateKey": ed25519_key,
    "sshHostKey": ed25519_key,
    "postgresPassword": random_text(40),
    "redisPassword": random_text(40),
    "djangoSecretKey": random_text(64),
    "accessPassword": random_text(20, TYPED_BY_PEOPLE),
}
KEEPER_MAKERS: Mapping[str, Callable[[], str]] = {
    "sshPrivateKey": ed25519_key,
    "pullKey": ed25519_key,
    "databasePassword": random_text(40),
    "repositoryPassword": random_text(40),
    "copyPassword": random_text(40),
}


def is_keeper(stored: Mapping[str, Stored]) -> bool:
    """Return whether the stack is a keeper's, by its declared environment."""
    declared = stored.get(f"{NAMESPACE}:environment")
    return declared is not None and declared.value == keeper_settings.ENVIRONMENT


def known_secrets(stored: Mapping[str, Stored]) -> list[str]:
    """Return the secrets that a stack of this kind can have, in the order of its settings."""
    return [key for (key,) in (keeper_settings.SECRETS if is_keeper(stored) else SECRETS)]


def missing(stored: Mapping[str, Stored]) -> tuple[str, ...]:
    """The secrets that the stack needs and does not have, in the order of the settings."""
    if is_keeper(stored):
        unused = () if f"{NAMESPACE}:copy" in stored else keeper_rules.OF_THE_COPY
        return tuple(key for key in known_secrets(stored) if f"{NAMESPACE}:{key}" not in stored and key not in unused)
    access = stored.get(f"{NAMESPACE}:access")
    needed = [key for (key,), setting in SECRETS.items() if setting.required or (access and access.value == "password")]
    return tuple(key for key in needed if f"{NAMESPACE}:{key}" not in stored)


def in_plain_text(stored: Mapping[str, Stored]) -> list[Problem]:
    """The secrets that are there but not encrypted: they are known to others, and to add the rest would hide that."""
    present = {key.removeprefix(f"{NAMESPACE}:"): each.encrypted for key, each in stored.items()}
    return rules.encryption(present, known_secrets(stored), [key for key in present if present[key]])


def not_asked(key: str) -> str:
    """Raise LookupError: a site has no such secret."""
    raise LookupError(key)


def complete(
    stack: Stack,
    ask: Callable[[], str],
    made: Callable[[str], None],
    ask_for_key: Callable[[str], str] = not_asked,
) -> tuple[str, ...]:
    """Store what is missing and return its keys; `ask` gives openstackPassword, `ask_for_key` one of COPY_KEYS, `made`
    hears of each as it is stored.

    The questions come first, so that nothing is half done while they wait for their answers. Raises SettingsError if a
    secret stands in plain text or an answer cannot be what was asked for.
    """
    stored = stack.settings()
    if exposed := in_plain_text(stored):
        raise SettingsError(stack.name, exposed)
    keys = missing(stored)
    makers = KEEPER_MAKERS if is_keeper(stored) else MAKERS
    answers = {ASKED: checked(stack.name, ASKED, ask())} if ASKED in keys else {}
    answers |= {key: checked(stack.name, key, ask_for_key(key)) for key in COPY_KEYS if key in keys}
    for key in keys:
        stack.store_secret(f"{NAMESPACE}:{key}", answers[key] if key in answers else makers[key]())
        made(key)
    return keys


def checked(stack: str, key: str, answer: str) -> str:
    """The answer, if it can be a password of ConoHa, or a key of an object storage. Raises SettingsError."""
    check, what = (
        (values.secrets.openstack_password, "the password of the API user, from ConoHa's control panel")
        if key == ASKED
        else (values.secrets.storage_key, "the key, as the object storage has it")
    )
    try:
        check(SecretStr(answer))
    except PydanticCustomError as error:
        context = error.context or {}
        remedy = f"Run `toybox init --stack {stack}` again with {what}."
        problem = Problem(f"{NAMESPACE}:{key}", context["wrong"], context["why"], remedy)
        raise SettingsError(stack, [problem]) from None
    return answer
