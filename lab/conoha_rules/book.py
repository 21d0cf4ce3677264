"""What ConoHa remembers and OpenStack does not: who has subscribed, and how many nights old each backup is.

A small file, read at each use and replaced whole, so that it is right after a crash at any moment; its lock is held
over a change, by whichever process makes it (the proxy, or `python -m lab nights`).
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lab.credentials import write_private
from lab.locks import locked

FREE_CAPACITY = 50
"""GB of image-save capacity that are free of charge."""

TIMES = ("created_at", "updated_at", "data_timestamp")
"""The times that a backup shows."""


@dataclass
class Subscription:
    """The automatic backup of one server."""

    project: str
    retention: int


@dataclass
class State:
    """All that is remembered."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    """By the server's id."""
    nights: dict[str, int] = field(default_factory=dict)
    """How many nights have been let pass since a backup, by its id. Clients' clocks are real, so instead of moving the
    clock each night makes the earlier backups 24 h older."""
    borrowed: list[str] = field(default_factory=list)
    """Volumes of stopped servers that are shown to Cinder as available for a moment."""
    image_capacity: dict[str, int] = field(default_factory=dict)
    """The image-save capacity in GB of each project that ever set it."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "State":
        """The state that a file holds."""
        subscriptions = {server: Subscription(**one) for server, one in document.get("subscriptions", {}).items()}
        return cls(
            subscriptions,
            dict(document.get("nights", {})),
            list(document.get("borrowed", [])),
            dict(document.get("image_capacity", {})),
        )


class Book:
    """The file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> State:
        """The state now."""
        try:
            return State.of(json.loads(self.path.read_text()))
        except FileNotFoundError:
            return State()

    @contextmanager
    def changing(self) -> Iterator[State]:
        """The state, to be changed; written if nothing is raised."""
        with locked(self.path.with_suffix(".lock")):
            state = self.read()
            yield state
            write_private(self.path, json.dumps(asdict(state), indent=2) + "\n")


def older(time: str, nights: int) -> str:
    """A time of Cinder's (2026-11-24T03:00:00.000000, in UTC), so many nights earlier."""
    return (datetime.fromisoformat(time) - timedelta(days=nights)).isoformat(timespec="microseconds")


def aged(backup: Mapping[str, Any], nights: Mapping[str, int]) -> dict[str, Any]:
    """A backup as ConoHa shows it: as old as the nights that have passed, its metadata included."""
    passed = nights.get(str(backup.get("id")), 0)
    times = {name: older(backup[name], passed) for name in TIMES if backup.get(name)}
    return {**backup, **times}
