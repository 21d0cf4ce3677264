"""Judge a container as `host/look.py` saw it: does it run, is it healthy, does it stay up?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Container = Mapping[str, Any]

LATELY = timedelta(minutes=10)
"""A container that was restarted, and has run for a shorter time, is in a crash loop or has just left one. Docker waits
at most a minute between two starts."""

OFTEN = 3
"""This number of restarts is a crash loop, even if the container is healthy between two of them."""


@dataclass(frozen=True)
class Ailment:
    """The reason why a container does not do its work.

    Attributes:
        kind: the fault; the remedy depends on it.
        text: the message for people.
        lasting: whether the fault is present now. A container that was restarted lately and is healthy may have left
            it.
    """

    kind: Literal["stopped", "paused", "crash loop", "hanging"]
    text: str
    lasting: bool = True


def is_declared(container: Container) -> bool:
    """Return whether TOYBOX made the container to stay: its label equals its name, and Docker restarts it."""
    return bool(
        container["labels"].get("toybox.name") == container["name"] and container["restart_policy"] == "unless-stopped"
    )


def age(container: Container, now: datetime) -> timedelta:
    """Return the time since its start. Docker writes nanoseconds, which Python does not read."""
    whole = container["started"].partition(".")[0].rstrip("Z")
    return now - datetime.fromisoformat(whole).replace(tzinfo=UTC)


def ailment(container: Container, now: datetime) -> Ailment | None:
    """Return the container's fault, by the server's clock; None if it runs and is healthy, or has just been started."""
    state, health, restarts = container["state"], container["health"], container["restarts"]
    ended = f"exit code {container['exit_code']}{', out of memory' if container['oom_killed'] else ''}"
    if state == "restarting":
        return Ailment("crash loop", f"it is in a crash loop: {restarts} restarts, {ended}")
    if state == "paused":
        return Ailment("paused", "it is paused")
    if state != "running":
        return Ailment("stopped", f"it is {state} ({ended}{', ' if container['error'] else ''}{container['error']})")
    if health == "unhealthy":
        return Ailment("hanging", "it runs and is unhealthy")
    if restarts and age(container, now) < LATELY:
        seconds = age(container, now).total_seconds()
        text = f"it did not stay up: restarts: {restarts}, the last one {seconds:.0f} s ago"
        return Ailment("crash loop", text, lasting=health != "healthy" or restarts >= OFTEN)
    return None
