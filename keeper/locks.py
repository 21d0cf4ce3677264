"""Locks: which runs do not go on side by side."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from keeper.places import Places
from keeper.refusal import Refusal


@contextmanager
def alone(places: Places, name: str, seconds: float, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock `name`. Raises Refusal if another one holds it for longer than `seconds`."""
    file = places.run / f"{name}.lock"
    with open(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise Refusal(
                        f"Another job still runs ({file}).",
                        "One at a time: two would share the source's disk and each other's results.",
                        "`systemctl list-units 'toybox-keeper-*' --state=activating` shows it. Run this one later.",
                    ) from None
                time.sleep(0.2)
        yield
