"""Check the server and its volumes."""

import re
from collections.abc import Collection
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


_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def server_image(value: str) -> str:
    """The name of one of ConoHa's images with Docker in it, or an image's id. Versions rotate, so only the form can be
    checked; the id is what keeps a server whose image is no longer offered."""
    if not re.fullmatch(rf"{_UUID}|vmi-docker-[0-9][0-9a-z.]*-(ubuntu|debian)-[0-9][0-9.]*-amd64", value):
        raise refused(
            f"is {shown(value)}, which is not the name of one of ConoHa's Docker images.",
            "The program expects Docker on the server and installs none: a second Docker beside the first was "
            "part of the data loss of 2026-01-22.",
            "Use a name like vmi-docker-26.1-ubuntu-22.04-amd64; `openstack image list` shows those of the day. For a "
            "server that runs already, the id from `pulumi stack output bootImageId` is right, too.",
        )
    return value


def _volume_size(value: int, known: volumes.VolumeType) -> int:
    if value not in known.prices:
        raise refused(
            f"is {value} GB, a size that ConoHa does not sell for {known.name}.",
            "The volume would be refused, and a volume cannot be resized later.",
            f"Choose one of: {priced(known, known.sizes)}.",
        )
    return value


def boot_volume_size(value: int) -> int:
    """A size in GB of which ConoHa sells boot volumes. Whether it fits the plan is a rule of its own."""
    return _volume_size(value, volumes.BOOT)


def data_volume_size(value: int) -> int:
    """A size in GB of which ConoHa sells additional volumes."""
    return _volume_size(value, volumes.DATA)


def priced(known: volumes.VolumeType, sizes: Collection[int]) -> str:
    """Sizes with their prices, as in `200 (¥3,025 a month)`."""
    prices = {size: known.prices[size] for size in sizes}
    return ", ".join(
        f"{size} (¥{price:,} a month)" if price else f"{size} (in the plan's price)" for size, price in prices.items()
    )


def origin_id(value: str) -> str:
    """An id as OpenStack gives them: a UUID in lower case, with hyphens."""
    if not re.fullmatch(_UUID, value):
        raise refused(
            f"is {shown(value)}, which is not an id of OpenStack.",
            "The new volume is made from exactly this backup, snapshot or volume.",
            "Copy the id from `openstack volume backup list`, `openstack volume snapshot list` or "
            "`openstack volume list`; it looks like 3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64.",
        )
    return value


LATEST = "latest"
"""The last second that a keeper keeps."""


def origin_time(value: str) -> str:
    """A time with its offset, as ISO 8601 has it, or `latest`."""
    if value == LATEST:
        return value
    try:
        offset = datetime.fromisoformat(value).tzinfo
    except ValueError:
        offset = None
    if offset is None:
        raise refused(
            f"is {shown(value)}, which is no time with an offset.",
            "Without an offset it is nine hours off in one of the two countries.",
            'Write it like "2026-01-22T20:49:00+09:00" or "2026-01-22T11:49:00Z", in quotes; or latest.',
        )
    return value


def origin_size(value: int) -> int:
    """A size in GB that something can have."""
    if value <= 0:
        raise refused(
            f"is {value} GB.",
            "The new volume is compared with it, so that one that cannot fit is refused in the preview.",
            "Copy the size from where the id comes from.",
        )
    return value
