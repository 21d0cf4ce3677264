"""The lab hands over to production what `toybox init --stack keeper` prints for it, and nothing secret."""

import json
from pathlib import Path

import pytest

from lab import keeper, paths, stack
from lab.keeper_machine import KeeperMachine
from ops.init import ed25519_key
from settings import ssh_public_key


def test_production_gets_the_address_a_public_key_and_a_verifier(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key, password = ed25519_key(), "a" * 40
    monkeypatch.setattr(paths, "KEEPERS", tmp_path)
    monkeypatch.setattr(
        keeper, "secret", lambda workspace, name, which: {"pullKey": key, "databasePassword": f"{password}\n"}[which]
    )
    workspace = stack.Workspace(program=tmp_path, folder=tmp_path, project="tests1")
    machine = KeeperMachine("tests1")
    block = keeper.way_in(workspace, "keeper", machine)
    assert block["address"] == machine.address
    assert block["sshKey"] == ssh_public_key(key)
    assert block["databaseVerifier"].startswith("SCRAM-SHA-256$4096:")
    assert block == keeper.way_in(workspace, "keeper", machine), "it would change production at each `make up`"
    assert password not in json.dumps(block)
