"""What things cost on ConoHa, in yen per month including tax, in one place.

Plans and volumes carry their own prices (conoha/flavors.py, conoha/volumes.py); what is added here is the automatic
backup and object storage. Everything is of one date, so that a sum is a sum of prices of the same day.
"""

from collections.abc import Mapping
from types import MappingProxyType

from conoha import volumes
from conoha.flavors import FLAVORS

DATED = "2026-09-28"
SOURCE = "https://vps.conoha.jp/pricing/"
"""The price table, as copied into github.com/Aid-On/terraform-provider-conohavps `llms.txt`, read 2026-11-24."""

AUTOMATIC_BACKUP: Mapping[int, int] = MappingProxyType(
    {100: 363, 200: 847, 300: 1_210, 500: 2_057, 600: 2_420, 700: 2_904}
)
"""By the GB of the server's volumes together, for 14 kept backups. Other sums are not in the table."""

INCLUDED = 14
"""Kept backups in that price."""

MORE_BACKUPS = 66
"""For each kept backup above those, per 100 GB."""


OBJECT_STORAGE = 545
"""For each OBJECT_STORAGE_STEP of capacity that is bought. Requests and what is read cost nothing."""
OBJECT_STORAGE_STEP = 100
"""GB."""


def automatic_backup(size: int, kept: int) -> int | None:
    """A server's automatic backup, with `size` GB of volumes and `kept` backups; None if the price is not published."""
    base = AUTOMATIC_BACKUP.get(size)
    return None if base is None else base + max(0, kept - INCLUDED) * MORE_BACKUPS * (size // 100)


def server(flavor: str, boot_size: int) -> int:
    """A server of this plan with a boot volume of this size, whether it runs or is stopped.

    Raises KeyError if ConoHa does not sell that.
    """
    return FLAVORS[flavor].price + volumes.BOOT.prices[boot_size]


def data_volume(size: int) -> int:
    """An additional volume. Raises KeyError if ConoHa does not sell that size."""
    return volumes.DATA.prices[size]
