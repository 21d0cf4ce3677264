"""Check when restore points are taken, and how many are kept."""

from settings.problems import shown
from settings.values.refusal import refused

MOST_KEPT = 366
"""Snapshots of one volume: a year of them, and no more by a slip of the finger."""


def schedule(value: object) -> object:
    """No truth value: YAML makes one of `off`. Which texts there are, the model says."""
    if isinstance(value, bool):
        word = "on" if value else "off"
        raise refused(
            f"is the truth value {shown(value)}: YAML reads {word}, {'yes' if value else 'no'} and {shown(value)} "
            "without quotes as that.",
            "Whether restore points are taken is never guessed.",
            'Write it in quotes, schedule: "off"; or schedule: daily.',
        )
    return value
