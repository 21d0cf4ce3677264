"""The month's cost is the price table's, before and after, and says so where the table has no price."""

from typing import Any

from conoha import flavors, prices, volumes
from ops.guard.cost import Item, cost
from ops.guard.preview import Change, Preview, State
from tests.unit.ops.guard.edits import remove
from tests.unit.ops.guard.recordings import altered, step

SERVER = flavors.FLAVORS["g2l-t-c4m4"].price


def unchanged(_: dict[str, Any]) -> None:
    pass


def item(preview: Preview, what: str) -> Item:
    (one,) = [each for each in cost(preview).items if each.what.startswith(what)]
    return one


def test_no_change_costs_the_same() -> None:
    whole = cost(altered("no-change", unchanged))
    assert whole.before == whole.after
    assert whole.is_whole
    assert (whole.dated, whole.source) == (prices.DATED, prices.SOURCE)


def test_another_flavor_costs_its_own_price() -> None:
    one = item(altered("flavor", unchanged), "server")
    assert one == Item("server g2l-t-c4m4 -> g2l-t-c6m12", SERVER, flavors.FLAVORS["g2l-t-c6m12"].price)


def test_a_new_stack_costs_nothing_before() -> None:
    whole = cost(altered("state-lost", unchanged))
    assert whole.before == 0
    assert whole.after == cost(altered("no-change", unchanged)).after


def test_a_data_volume_that_is_left_behind_is_still_billed() -> None:
    whole = cost(altered("data-volume-replaced", unchanged))
    assert whole.after - whole.before == volumes.DATA.prices[200]


def test_a_boot_volume_costs_what_is_beyond_the_smallest() -> None:
    def larger(document: dict[str, Any]) -> None:
        step(document, "server-boot-volume")["newState"]["inputs"]["size"] = 500

    assert item(altered("no-change", larger), "boot volume") == Item("boot volume 100 GB -> 500 GB", 0, 4_356)


def test_what_the_table_does_not_have_is_not_taken_for_free() -> None:
    def odd(document: dict[str, Any]) -> None:
        step(document, "server-instance")["newState"]["inputs"]["flavorName"] = "g2l-t-c99m999"
        step(document, "data-volume")["newState"]["inputs"]["size"] = 300

    whole = cost(altered("no-change", odd))
    assert not whole.is_whole
    assert item(altered("no-change", odd), "server").after is None
    assert item(altered("no-change", odd), "data volume").after is None


def test_restore_points_that_are_turned_off_cost_nothing_afterwards() -> None:
    one = item(altered("no-change", remove("snapshots-subscription")), "automatic backup")
    assert one.before == prices.automatic_backup(300, 14)
    assert one.after == 0


def keeper(endpoint: str) -> State:
    return State(type="toybox:keeper:Keeper", inputs={"copy": endpoint})


def copys_cost(old: State | None, new: State | None) -> Item:
    urn = "urn:pulumi:keeper::toybox::toybox:keeper:Keeper::keeper"
    (one,) = cost(Preview("keeper", (Change(urn, frozenset({"update"}), old, new),), (), {})).items
    return one


def test_the_copy_in_conohas_object_storage_costs_what_is_sold_at_least() -> None:
    conoha, price = keeper("https://s3.c3j1.conoha.io"), prices.OBJECT_STORAGE
    assert copys_cost(None, conoha) == Item("copy in object storage, 100 GB", 0, price)
    assert copys_cost(conoha, conoha) == Item("copy in object storage, 100 GB", price, price)
    assert copys_cost(keeper(""), conoha) == Item("copy in object storage, none -> 100 GB", 0, price)
    assert copys_cost(conoha, keeper("")).after == 0


def test_what_another_provider_takes_for_the_copy_is_not_taken_for_free() -> None:
    assert copys_cost(None, keeper("https://s3.example")).after is None
