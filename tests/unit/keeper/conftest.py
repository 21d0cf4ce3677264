"""A keeper in a folder: its places, and a source that answers what a test says."""

import time
from pathlib import Path
from typing import Any

import pytest

from keeper.places import FOLDERS, Places

NOW = 1_800_000_000.0


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A keeper of stack prod, whose disk is there."""
    made = Places("prod", 15, "toybox", ("media", "caddy-data"), tmp_path / "etc", tmp_path / "data", tmp_path / "run")
    for folder in (made.etc, made.run, *(made.data / name for name in FOLDERS)):
        folder.mkdir(parents=True)
    monkeypatch.setattr("os.path.ismount", lambda path: path == made.data)
    return made


def facts(**changes: Any) -> dict[str, Any]:
    """What a source that is well says of itself (database.FACTS)."""
    return {
        "system_identifier": "7000000000000000001",
        "version": "15.14 (Debian 15.14-0+deb12u1)",
        "major": 15,
        "clock": time.time(),
        "lsn": "0/5000000",
        "timeline": 1,
        "bytes": 10_000_000,
        "slot": {"active": True, "wal_status": "reserved", "restart_lsn": "0/5000000", "behind": 0},
        "receiver": {"state": "streaming", "flushed": "0/5000000", "behind": 0},
        **changes,
    }
