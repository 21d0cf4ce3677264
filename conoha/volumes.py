"""Volume types, the sizes ConoHa sells of each, and what a volume may be made from.

Sources: GMO's OpenAPI of 2026-07-01 (types, sizes, create sources) and the price table of 2026-09-28 as listed in
github.com/Aid-On/terraform-provider-conohavps `llms.txt`. Sizes are in GB, prices in yen per month including tax.

ConoHa has no extend, no retype and no transfer: a volume keeps its size and type for life. One data volume per server.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class VolumeType:
    """A volume type and its price list: size in GB -> yen per month on top of the server."""

    name: str
    prices: Mapping[int, int]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes on sale in GB, smallest first."""
        return tuple(sorted(self.prices))


SMALL_BOOT_SIZE = 30
"""GB. Only for the 512 MB plan, and the only size it takes: "512MB plan can only attach 30GB" (135yshr/orenovpn)."""

BOOT = VolumeType("c3j1-ds02-boot", MappingProxyType({SMALL_BOOT_SIZE: 0, 100: 0, 200: 1_513, 500: 4_356}))
"""Boot volumes. Plain `c3j1-ds02`, as older texts call it, is refused with "volume type does not exist"."""

DATA = VolumeType(
    "c3j1-ds02-add",
    MappingProxyType({200: 3_025, 500: 5_445, 1_000: 8_954, 5_000: 44_770, 10_000: 89_540}),
)
"""Additional volumes: what outlives the server."""


SOURCES = ("backup", "snapshot", "volume")
"""What OpenStack makes a volume from. ConoHa has no volumes from snapshots."""


def size_fits_origin(source: str, size: int, origin_size: int) -> bool:
    """Whether a volume of `size` GB can be made from an origin of `origin_size` GB.

    A clone (`source_volid`) must have exactly its source's size; a volume from a backup or a snapshot may be larger,
    never smaller. (Both must keep the type as well; there is only one type of data volume.)
    """
    return size == origin_size if source == "volume" else size >= origin_size


def smallest_fitting(source: str, origin_size: int) -> int | None:
    """The smallest data volume on sale that can be made from an origin of `origin_size` GB, or None."""
    return next((size for size in DATA.sizes if size_fits_origin(source, size, origin_size)), None)
