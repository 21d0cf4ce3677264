"""Check the server and its volumes."""

from collections.abc import Callable, Collection
from datetime import datetime

from conoha import volumes
from conoha.flavors import FLAVORS
from settings.problems import one_of, shown
from settings.values.refusal import refused


def flavor(value: str) -> str:
    """A plan that ConoHa's public API sells."""
    if value not in FLAVORS:
        plans = FLAVORS.values()
        raise refused(
            f"is {shown(value)}, which ConoHa's public API does not sell.",
            "The server would be refused after its volumes had been made and billed.",
            one_of(value, FLAVORS, ", ".join(f"{plan.name} ({plan})" for plan in plans)),
        )
    return value


UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""As OpenStack writes an id."""


def size_of(known: volumes.VolumeType) -> Callable[[int], int]:
    """Return the check whether ConoHa sells a volume of a size in GB. Whether it fits the plan is a rule of its own."""

    def check(size: int) -> int:
        if size not in known.prices:
            raise ValueError(size)
        return size

    return check


def priced(known: volumes.VolumeType, sizes: Collection[int]) -> str:
    """Sizes with their prices, as in `200 (¥3,025 a month)`."""
    prices = {size: known.prices[size] for size in sizes}
    return ", ".join(
        f"{size} (¥{price:,} a month)" if price else f"{size} (in the plan's price)" for size, price in prices.items()
    )


def origin_time(value: str) -> str:
    """Return `latest`, or a time with its offset, as ISO 8601 has it. Raise ValueError for anything else."""
    if value != "latest" and datetime.fromisoformat(value).tzinfo is None:
        raise ValueError(value)
    return value
