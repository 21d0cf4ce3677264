"""What ConoHa's automatic backup keeps and costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conoha import backup_limits, flavors, prices, volumes


@given(st.integers(min_value=0, max_value=40))
def test_conoha_keeps_what_is_requested_or_more_and_never_less(requested: int) -> None:
    if requested > 30:
        with pytest.raises(ValueError, match="30 backups at most"):
            backup_limits.kept(requested)
    else:
        assert backup_limits.kept(requested) >= max(requested, 14)
        assert backup_limits.kept(requested) in (14, requested)


def test_a_larger_or_longer_backup_never_costs_less() -> None:
    assert list(prices.AUTOMATIC_BACKUP.values()) == sorted(prices.AUTOMATIC_BACKUP.values())
    for size in prices.AUTOMATIC_BACKUP:
        costs = [prices.automatic_backup(size, kept) or 0 for kept in range(14, 31)]
        assert costs == sorted(costs)
        assert costs[0] == prices.AUTOMATIC_BACKUP[size]


def test_each_backup_above_14_is_paid_for_by_100_gb() -> None:
    assert prices.automatic_backup(300, 14) == 1_210
    assert prices.automatic_backup(300, 16) == 1_210 + 2 * 66 * 3
    assert prices.automatic_backup(300, 7) == 1_210


def test_a_price_that_is_not_published_is_not_guessed() -> None:
    assert prices.automatic_backup(400, 14) is None


def test_a_server_costs_its_plan_and_what_its_boot_volume_costs_more() -> None:
    assert prices.server("g2l-t-c4m4", 100) == 3_608
    assert prices.server("g2l-t-c4m4", 200) == 3_608 + 1_513
    assert prices.data_volume(200) == volumes.DATA.prices[200]
    with pytest.raises(KeyError):
        prices.server("g2l-p-c4m4", 100)


def test_only_the_smallest_plan_has_no_automatic_backup() -> None:
    smallest = min(flavors.FLAVORS.values(), key=lambda flavor: flavor.memory)
    assert (smallest.name,) == backup_limits.NOT_OFFERED_WITH
