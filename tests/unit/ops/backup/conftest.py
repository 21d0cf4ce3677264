"""A keeper whose machine signs records."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keeper.notes import rendered
from keeper.signature import NAMESPACE
from ops.backup.asking import Keeper
from ops.init import ed25519_key
from ops.pulumi_cli import PulumiStack
from settings import ssh_public_key

Sign = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def host_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The machine's own key."""
    file = tmp_path_factory.mktemp("machine") / "host_key"
    file.write_text(ed25519_key())
    file.chmod(0o600)
    return file


@pytest.fixture
def pinned(host_key: Path) -> Keeper:
    """The keeper, with the machine's host key in its settings."""
    return Keeper(PulumiStack("keeper", Path("/")), "192.0.2.9", "prod", ssh_public_key(host_key.read_text()))


@pytest.fixture
def sign(host_key: Path) -> Sign:
    """Returns a record as the keeper answers it: its text and the machine's signature."""

    def signed(record: dict[str, Any], namespace: str = NAMESPACE) -> dict[str, str]:
        text = rendered(record)
        words = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(host_key), "-n", namespace]
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=True)
        return {"text": text, "signature": done.stdout}

    return signed
