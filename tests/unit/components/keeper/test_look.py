"""The look at the keeper's machine finds what differs, and nothing where nothing does."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from components.keeper import bundle, look
from components.keeper.condition import token_of


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with one file of ours."""
    file = tmp_path / "ours"
    file.write_text("as it was left")
    file.chmod(0o600)
    wanted = {"sha256": hashlib.sha256(b"as it was left").hexdigest(), "mode": 0o600}
    (tmp_path / "manifest.json").write_text(json.dumps({"files": {str(file): wanted}}))
    monkeypatch.setattr(look, "MANIFESTS", (str(tmp_path / "manifest.json"),))
    return file


def test_a_file_that_is_gone_changed_or_open_to_others_differs(machine: Path) -> None:
    assert look.differing() == []
    machine.chmod(0o644)
    assert look.differing() == [str(machine)]
    machine.chmod(0o600)
    machine.write_text("changed")
    assert look.differing() == [str(machine)]
    machine.unlink()
    assert look.differing() == [str(machine)]


def test_a_machine_without_a_manifest_differs(machine: Path) -> None:
    os.unlink(look.MANIFESTS[0])
    assert look.differing() == [look.MANIFESTS[0]]


def test_the_look_reads_what_the_bundles_leave() -> None:
    assert look.MANIFESTS == (bundle.MANIFEST, bundle.SECRETS_MANIFEST)
    assert look.LIBRARY == bundle.LIBRARY


def test_people_hear_of_what_differs_and_not_of_a_new_machine() -> None:
    assert token_of({"applied": "old", "differs": []}, "new") == ("old", "")
    token, said = token_of({"applied": "old", "differs": ["/etc/toybox-keeper/pgpass"]}, "new")
    assert token == "new"
    assert "/etc/toybox-keeper/pgpass" in said
    assert token_of({"applied": "", "differs": ["x"]}, "new") == ("new", "")
