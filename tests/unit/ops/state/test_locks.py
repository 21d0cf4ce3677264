"""Whether somebody holds Pulumi's lock on a stack."""

import json
from pathlib import Path

import pytest

from ops.state import locks
from ops.state.locks import Lock

CONTENT = {"pid": 4711, "username": "ada", "hostname": "desk", "timestamp": "2026-11-24T09:00:00.123456789+09:00"}
"""As pulumi 3.259 writes it (pkg/backend/diy/lock.go)."""


def test_the_locks_of_this_stack_alone_are_read_from_a_folder(tmp_path: Path) -> None:
    for stack in ("prod", "prod2"):
        folder = tmp_path / locks.prefix(stack, "toybox")
        folder.mkdir(parents=True)
        (folder / "3f2c8a0e.json").write_text(json.dumps({**CONTENT, "username": stack}))
        (folder / "3f2c8a0e.json.attrs").write_text("{}")
    found = [locks.parsed(each) for each in locks.in_folder(tmp_path, locks.prefix("prod", "toybox"))]
    assert found == [Lock("prod", "desk", 4711, "2026-11-24T09:00:00")]
    assert locks.in_folder(tmp_path, locks.prefix("staging", "toybox")) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": 1}'])
def test_a_lock_that_cannot_be_read_is_a_lock(content: bytes) -> None:
    assert locks.refusal("prod", [locks.parsed(content)])


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///var/state", "/var/state"),
        ("file:///var/state?no_tmp_dir=true", "/var/state"),
        ("file://~/state", str(Path.home() / "state")),
    ],
)
def test_the_folder_is_the_one_that_pulumi_takes(url: str, folder: str) -> None:
    assert locks.folder(url) == Path(folder)


def test_the_refusal_names_the_holder_and_the_way_out() -> None:
    said = locks.refusal("prod", [Lock("ada", "desk", 4711, "2026-11-24T09:00:00")])
    assert "ada@desk, process 4711" in said
    assert "`pulumi cancel --yes --stack prod`" in said
    assert "Nothing was changed" in said
    assert locks.refusal("prod", []) == ""
