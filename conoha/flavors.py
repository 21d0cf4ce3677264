"""The server plans ("flavors") that the public API sells by the hour.

Names are `g2l-t-c<vCPU>m<memory>`: second generation, Linux, hourly. The prepaid `-p-` flavors exist, but the public
API refuses them (kofuk/premises, `backend/ctrlplane/common/conoha/compute.go`), so they are not offered here.

Sources: ConoHa's price table https://vps.conoha.jp/pricing/ (2026-09-28) and the list in
github.com/Aid-On/terraform-provider-conohavps `llms.txt`. Prices are yen per month including tax: the cap of the
hourly price. A server is billed until it is deleted, also while it is stopped.
"""

from dataclasses import dataclass

from conoha import volumes


@dataclass(frozen=True)
class Flavor:
    """One plan. `memory` is in MiB, `boot_sizes` in GB, `price` in yen per month with the smallest boot volume."""

    name: str
    vcpus: int
    memory: int
    boot_sizes: tuple[int, ...]
    price: int

    def __str__(self) -> str:
        memory = f"{self.memory // 1024} GB" if self.memory >= 1024 else f"{self.memory} MB"
        return f"{self.vcpus} vCPU, {memory}, ¥{self.price:,} a month"


def _flavor(name: str, vcpus: int, memory: int, price: int) -> Flavor:
    """The 512 MB plan takes the 30 GB boot volume and no other; every other plan refuses that one."""
    small = memory == 512
    sizes = tuple(size for size in volumes.BOOT.sizes if (size == volumes.SMALL_BOOT_SIZE) == small)
    return Flavor(name, vcpus, memory, sizes, price)


FLAVORS: dict[str, Flavor] = {
    flavor.name: flavor
    for flavor in (
        _flavor("g2l-t-c1m512", 1, 512, 751),
        _flavor("g2l-t-c2m1", 2, 1024, 1_065),
        _flavor("g2l-t-c3m2", 3, 2048, 2_033),
        _flavor("g2l-t-c4m4", 4, 4096, 3_608),
        _flavor("g2l-t-c6m12", 6, 12288, 7_348),
        _flavor("g2l-t-c8m24", 8, 24576, 14_300),
    )
}
