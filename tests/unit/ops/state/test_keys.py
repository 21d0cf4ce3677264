"""The keys of the bucket: in a private file that Pulumi reads, got from the cloud once."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops import OpsError
from ops.state import keys
from ops.state.keys import Keys

CANARY = Keys("AKCANARY", "canary-secret")


def test_a_profile_is_added_and_what_was_there_stays(tmp_path: Path) -> None:
    file = tmp_path / "aws" / "credentials"
    keys.add(file, "toybox", CANARY)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    other = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key = B"
    file.write_text(other)
    assert keys.stored(file, "toybox") is None
    keys.add(file, "toybox", CANARY)
    assert file.read_text().startswith(f"{other}\n\n[toybox]\n")
    assert keys.stored(file, "toybox") == CANARY
    assert keys.stored(file, "default") == Keys("A", "B")


def test_the_file_is_where_pulumi_looks_for_it() -> None:
    assert keys.file({}) == Path.home() / ".aws" / "credentials"
    assert keys.file({"AWS_SHARED_CREDENTIALS_FILE": "/run/keys"}) == Path("/run/keys")


def test_without_a_file_there_are_no_keys(tmp_path: Path) -> None:
    assert keys.stored(tmp_path / "nothing", "toybox") is None


def test_a_file_that_others_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text(keys.section("toybox", CANARY))
    file.chmod(0o640)
    with pytest.raises(OpsError) as caught:
        keys.stored(file, "toybox")
    assert "can be read by others (mode 0640)" in str(caught.value)
    assert f"chmod 600 {file}" in str(caught.value)


def test_a_broken_file_is_told_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.touch(mode=0o600)
    file.write_text("aws_secret_access_key = canary-secret\n")
    with pytest.raises(OpsError) as caught:
        keys.stored(file, "toybox")
    assert "is broken" in str(caught.value)
    assert "canary-secret" not in str(caught.value)


def test_keys_are_not_shown_by_accident() -> None:
    assert "canary-secret" not in repr(CANARY)


class Cloud:
    """What of openstacksdk's connection is used. tests/lab asks a real Keystone."""

    current_user_id, current_project_id = "u1", "p1"

    def __init__(self, *there: dict[str, str], refuses: int = 0) -> None:
        self.there, self.refuses, self.made = list(there), refuses, 0
        self.identity = self

    def get(self, path: str) -> Any:
        assert path == "/users/u1/credentials/OS-EC2"
        return self.answer({"credentials": self.there})

    def post(self, path: str, json: dict[str, str]) -> Any:
        self.made += 1
        new = {"access": "new", "secret": "canary", **json}
        self.there.append(new)
        return self.answer({"credential": new})

    def answer(self, content: object) -> Any:
        return SimpleNamespace(ok=not self.refuses, status_code=self.refuses, reason="Forbidden", json=lambda: content)


def test_keys_are_made_once_and_shared_by_all_operators() -> None:
    cloud = Cloud({"access": "others", "secret": "x", "tenant_id": "p2"})
    first = keys.of_the_account(cloud)
    assert first == Keys("new", "canary") == keys.of_the_account(cloud)
    assert cloud.made == 1


def test_a_cloud_that_gives_no_keys_says_what_to_look_at() -> None:
    with pytest.raises(OpsError) as caught:
        keys.of_the_account(Cloud(refuses=403))
    assert "The cloud makes no keys for the bucket: 403 Forbidden" in str(caught.value)
    assert "object storage is ordered" in str(caught.value)
