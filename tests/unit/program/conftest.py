"""Both stacks' programs, each run once for all tests, with the committed settings, the lab's overlay and made-up
secrets."""

import json
from dataclasses import dataclass
from hashlib import sha256

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.stack import is_secret, merge, overlay
from tests.unit.program.recording import CHECKOUT, Run, run_program

STACKS = ("prod", "staging")

CREDENTIALS = {
    "auth_url": "http://127.0.0.1:5000/v3",
    "projects": {"people": {"tenant": "gnct00000001", "user": "gncu00000001"}},
}
IMAGES = {
    "postgres": "198.51.100.1:5001/postgres:15@sha256:" + "1" * 64,
    "redis": "198.51.100.1:5001/redis:7@sha256:" + "2" * 64,
    "caddy": "198.51.100.1:5001/caddy:2@sha256:" + "3" * 64,
    "django": "198.51.100.1:5001/django@sha256:" + "4" * 64,
}


def private_key(name: str) -> str:
    """An ed25519 key that is the same in every run, and on no server: its public half stands in the snapshots."""
    key = Ed25519PrivateKey.from_private_bytes(sha256(f"TOYBOX unit tests: {name}".encode()).digest())
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def canaries(stack: str) -> dict[str, str]:
    """The stack's secrets by setting. None of these texts may be seen anywhere outside of a secret."""
    names = ["openstackPassword", "postgresPassword", "redisPassword", "djangoSecretKey"]
    if stack == "staging":
        names.append("accessPassword")
    words = {name: f"canary-{name}-{sha256(name.encode()).hexdigest()[:32]}" for name in names}
    return {**words, **{name: private_key(name) for name in ("sshPrivateKey", "sshHostKey")}}


def configuration(stack: str) -> tuple[dict[str, str], list[str]]:
    """What a language host hands to the program: every value as text, lists and blocks as JSON; and the encrypted
    ones' names."""
    committed = yaml.safe_load((CHECKOUT / f"Pulumi.{stack}.yaml").read_text())
    declared = merge(committed, overlay(CREDENTIALS, "people", IMAGES), {})["config"]
    plain = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in declared.items()
        if not is_secret(value)
    }
    secret = {f"toybox:{name}": value for name, value in canaries(stack).items()}
    return {**plain, **secret}, list(secret)


@dataclass(frozen=True)
class Secrets:
    """A stack's made-up secrets."""

    by_name: dict[str, str]

    def seen_in(self, text: str) -> list[str]:
        """The names of the secrets that `text` gives away. A key is given away by any line of its body."""
        return [
            name
            for name, secret in self.by_name.items()
            if any(line in text for line in secret.splitlines() if line and not line.startswith("-----"))
        ]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Each stack's program, run to its end."""
    return {stack: run_program(stack, *configuration(stack), tmp_path_factory.mktemp(stack)) for stack in STACKS}


@pytest.fixture(params=STACKS)
def run(request: pytest.FixtureRequest, runs: dict[str, Run]) -> Run:
    """The program of each stack in turn."""
    return runs[request.param]


@pytest.fixture
def secrets(run: Run) -> Secrets:
    """The secrets that `run` was given."""
    return Secrets(canaries(run.stack))
