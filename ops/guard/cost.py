"""What the stack costs a month, before and after, from ConoHa's price table. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from conoha import account, backup_limits, flavors, prices, volumes
from ops.guard import declared
from ops.guard.preview import Change, Preview, State


@dataclass(frozen=True)
class Item:
    """One line: yen a month before and after. None if the table does not have it; 0 if it is not there."""

    what: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Cost:
    """All lines, and the sums of what the table has."""

    items: tuple[Item, ...]
    dated: str = prices.DATED
    source: str = prices.SOURCE

    @property
    def before(self) -> int:
        """Yen a month now."""
        return sum(item.before or 0 for item in self.items)

    @property
    def after(self) -> int:
        """Yen a month afterwards."""
        return sum(item.after or 0 for item in self.items)

    @property
    def is_whole(self) -> bool:
        """Whether the table had all of it."""
        return all(None not in (item.before, item.after) for item in self.items)


def cost(preview: Preview) -> Cost:
    """The month's cost of server, volumes, automatic backup, and the object storage of a keeper's copy."""
    return Cost(tuple(_items(preview)))


def _items(preview: Preview) -> Iterator[Item]:
    for change in preview.of_type(declared.SERVER):
        yield _item("server", change, _server)
    for change in preview.of_type(declared.VOLUME):
        is_data = change.qualified_type == declared.DATA_VOLUME
        yield _item("data volume" if is_data else "boot volume", change, _data_volume if is_data else _boot_volume)
        if change.old and change.old.retain_on_delete and (change.removed or change.replaced):
            yield Item("data volume that is left behind", 0, _price(change.old, _data_volume)[1])
    for change in preview.changes:
        if change.qualified_type == declared.SUBSCRIPTION:
            yield _backup(preview, change)
        if change.qualified_type == declared.KEEPER_MACHINE:
            yield _item("copy in object storage,", change, _object_storage)


def _item(what: str, change: Change, price: Callable[[State], tuple[str, int]]) -> Item:
    was, before = _price(change.old, price)
    would_be, after = _price(change.new, price)
    words = " -> ".join(dict.fromkeys(word for word in (was, would_be) if word))
    return Item(f"{what} {words}", before, after)


def _price(state: State | None, price: Callable[[State], tuple[str, int]]) -> tuple[str, int | None]:
    """(what it is, its price); a price of None is one that the table does not have."""
    if state is None:
        return "", 0
    try:
        return price(state)
    except KeyError as missing:
        return f"{missing.args[0]}", None


def _server(state: State) -> tuple[str, int]:
    flavor = str(state.inputs.get("flavorName"))
    return flavor, flavors.FLAVORS[flavor].price


def _boot_volume(state: State) -> tuple[str, int]:
    size = _size(state)
    return f"{size} GB", volumes.BOOT.prices[size]


def _data_volume(state: State) -> tuple[str, int]:
    size = _size(state)
    return f"{size} GB", prices.data_volume(size)


def _object_storage(state: State) -> tuple[str, int]:
    """The least that is sold. How much a copy takes is known only where it lies."""
    endpoint = str(state.inputs.get("copy") or "")
    if not endpoint:
        return "none", 0
    if not account.is_conoha(endpoint):
        raise KeyError(endpoint)
    return f"{prices.OBJECT_STORAGE_STEP} GB", prices.OBJECT_STORAGE


def _size(state: State | None) -> int:
    size = state.inputs.get("size") if state else None
    return int(size) if isinstance(size, int | float) else 0


def _backup(preview: Preview, change: Change) -> Item:
    """How many backups are kept stands in the settings alone: a subscription's own inputs are secret. So what it costs
    now is known only if it does not change."""
    policy = preview.settings.get("snapshotPolicy")
    requested = policy.get("keep") if isinstance(policy, dict) else None
    kept = (
        backup_limits.kept(requested)
        if isinstance(requested, int) and requested <= backup_limits.MOST_KEPT
        else prices.INCLUDED
    )
    all_volumes = list(preview.of_type(declared.VOLUME))
    before = prices.automatic_backup(sum(_size(volume.old) for volume in all_volumes), kept) if change.old else 0
    after = prices.automatic_backup(sum(_size(volume.new) for volume in all_volumes), kept) if change.new else 0
    if "update" in change.ops:
        before = None
    return Item(f"automatic backup, {kept} kept", before, after)
