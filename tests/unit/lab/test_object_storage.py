"""The lab's object storage is configured from what the lab knows, and is there only where it is wanted."""

import configparser
import json
from pathlib import Path

import pytest

from lab import credentials, lifecycle, object_storage


def test_every_file_of_its_configuration_is_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(object_storage, "FOLDER", tmp_path)
    monkeypatch.setattr(credentials, "credentials", credentials.new_credentials)
    settings = json.loads(Path(object_storage.write_configuration()).read_text())
    assert {"folder", "faults", "ports", "address", "port", "certificate", "certificate_key"} == settings.keys()
    files = list(tmp_path.glob("*.conf"))
    assert {file.stem for file in files} >= {"swift", "proxy-server", *(f"{kind}-server" for kind in settings["ports"])}
    for file in files:
        assert "$" not in file.read_text()
        configparser.ConfigParser(interpolation=None).read(file)
        assert file.stat().st_mode & 0o077 == 0, "a service's password is in one"


def test_it_asks_keystone_before_it_looks_at_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Swift's order: with authtoken after s3token every signature was refused."""
    text = (object_storage.SOURCES / "proxy-server.conf").read_text()
    pipeline = next(line for line in text.splitlines() if line.startswith("pipeline ="))
    order = [pipeline.index(name) for name in ("authtoken", "s3api", "s3token", "keystoneauth", "account_quotas")]
    assert order == sorted(order)


def test_a_lab_without_it_is_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert object_storage.SERVICE in lifecycle.services()
    monkeypatch.setattr(object_storage, "FOLDER", tmp_path / "none")
    assert object_storage.SERVICE not in {state.name for state in lifecycle.service_states()}
