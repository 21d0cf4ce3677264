"""Check the restore points: the automatic backup, the number that is kept, and those that belong to the server. On
ConoHa restore points belong to a server."""

from collections.abc import Iterator

from ops.guard import data_volumes, declared, role
from ops.guard.finding import Finding, Rule
from ops.guard.preview import Change, Preview, State

FORGET = Rule(
    "forget",
    "Fewer restore points are kept, or an unknown number.",
    "The oldest restore points are deleted, and older damage can no longer be mended.",
)


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding if the automatic backup would end, fewer restore points would be kept, or the server that owns
    them would go."""
    server_replaced = any(change.replaced for change in preview.of_type(declared.SERVER))
    for change in preview.changes:
        if change.qualified_type == declared.SUBSCRIPTION:
            # The backup belongs to a server, and a new server gets one of its own.
            if change.removed or (change.replaced and not server_replaced):
                yield _subscription(change)
            elif "update" in change.ops and not _policies(preview):
                yield _fewer(change, "an unknown number", "an unknown number")
    yield from _kept(preview)
    if role.is_production(preview) and _hang_on_the_server(preview):
        for change in preview.of_type(declared.SERVER):
            if change.leaves:
                yield _server_goes(change)


def notes(preview: Preview) -> Iterator[str]:
    """Yield a note if the automatic backup would be changed and keeps as many."""
    for change in preview.changes:
        if change.qualified_type == declared.SUBSCRIPTION and "update" in change.ops:
            yield "The automatic backup would be changed to what `toybox:snapshotPolicy` says."


def _policies(preview: Preview) -> list[tuple[Change, int | None, int | None]]:
    """Return the resources whose state has the number of kept restore points: (resource, before, afterwards)."""
    return [
        (change, _number(change.old.inputs.get("kept")), _number(change.new.inputs.get("kept")))
        for change in preview.changes
        if change.qualified_type == declared.POLICY_COMPONENT and change.old and change.new
    ]


def _kept(preview: Preview) -> Iterator[Finding]:
    ends = any(change.qualified_type == declared.SUBSCRIPTION and change.removed for change in preview.changes)
    for change, before, after in _policies(preview):
        # A state from before this input has no number. Its number was at least the later one, if the subscription stays
        # the same.
        older = before is None and not any(
            each.qualified_type == declared.SUBSCRIPTION and "update" in each.ops for each in preview.changes
        )
        if not ends and not older and (after is None or before is None or after < before):
            yield _fewer(change, _word(before), _word(after))
    for change in declared.data_volumes(preview):
        before, after = _metadata(change.old), _metadata(change.new)
        if change.old and change.new and before is not None and (after is None or after < before):
            yield _fewer(change, _word(before), _word(after or 0))


def _metadata(state: State | None) -> int | None:
    """Return how many restore points of this volume `toybox restore-points run` keeps (settings.SnapshotPolicy); None
    if it takes none."""
    metadata = state.inputs.get("metadata") if state else None
    if not isinstance(metadata, dict) or metadata.get("toybox-schedule") != "daily":
        return None
    keep = str(metadata.get("toybox-keep", ""))
    return int(keep) if keep.isdigit() else 0


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _word(number: int | None) -> str:
    return "an unknown number" if number is None else str(number)


def _hang_on_the_server(preview: Preview) -> bool:
    """Return whether restore points belong to a server: ConoHa's do, Cinder's snapshots belong to the volume."""
    policy = preview.settings.get("snapshotPolicy")
    said = policy.get("driver") if isinstance(policy, dict) else None
    return said != "openstack" or any(change.qualified_type == declared.SUBSCRIPTION for change in preview.changes)


def _subscription(change: Change) -> Finding:
    return Finding(
        data_volumes.DELETE if change.removed else data_volumes.REPLACE,
        change.urn,
        "The automatic backup would be cancelled"
        + ("." if change.removed else " and subscribed again, for the same server."),
        "No restore point is taken from then on, so the newest one grows old; those that are there stay."
        if change.removed
        else "ConoHa does not say what becomes of the backups of a subscription that is cancelled.",
        "Set `toybox:snapshotPolicy` back to `schedule: daily`."
        if change.removed
        else "Change the declaration in a way that updates the subscription.",
    )


def _fewer(change: Change, before: str, after: str) -> Finding:
    return Finding(
        FORGET,
        change.urn,
        f"{_first_upper(after)} restore points would be kept instead of {before}.",
        "Those beyond the number go, the oldest first. Damage that is found later than they reach back cannot be "
        "mended from any.",
        "Set `keep` of `toybox:snapshotPolicy` back.",
    )


def _server_goes(change: Change) -> Finding:
    return Finding(
        data_volumes.REPLACE if change.replaced else data_volumes.DELETE,
        change.urn,
        f"The server would be {'replaced' if change.replaced else 'deleted'}{change.because}.",
        "ConoHa's restore points belong to a server, and it is not known yet whether those of a deleted server stay: "
        "at worst all of them go with it, and the data volume is the only copy.",
        "First make a copy that does not hang on the server: a volume from the newest restore point, as "
        "docs/restore-points.md says under 'Before the server goes'. Then say in an exception which one it is.",
    )


def _first_upper(text: str) -> str:
    return text[0].upper() + text[1:]
