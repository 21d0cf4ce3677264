"""The moment that an operator asks for, and what the keeper has of it. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ops import OpsError

LATEST = "latest"
ZONES = {"JST": "+09:00", "UTC": "+00:00", "Z": "+00:00"}
FORM = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(JST|UTC|Z|[+-]\d\d:\d\d)")


def read(text: str) -> str:
    """Return a moment as the settings have it: ISO 8601 with its offset, or "latest".

    Raises:
        OpsError: it is neither, or has no zone.
    """
    if text == LATEST:
        return text
    found = FORM.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        moment = datetime.fromisoformat(f"{found[1]}T{found[2]}{ZONES.get(found[3], found[3])}")
    except ValueError:
        raise OpsError(
            f"{text!r} is not a time with a zone. Nothing was changed.\n"
            "    Why:     without a zone it is nine hours off in one of the two countries.\n"
            "    Way out: write it like '2026-01-22 20:49:00 JST' or 2026-01-22T11:49:00Z; or latest."
        ) from None
    return moment.isoformat()


def refuse_unkept(to: str, told: Mapping[str, Any]) -> None:
    """Raise OpsError if the keeper cannot have this moment, by what it lists (`toybox-keeper list`)."""
    if not told["from"] or not told["to"]:
        raise OpsError(
            f"The keeper has no full backup of {told['source']} yet, so nothing can be restored. Nothing was changed.\n"
            "    Way out: `toybox backup list` shows what there is."
        )
    if to == LATEST:
        return
    first, last = (datetime.fromisoformat(told[name]) for name in ("from", "to"))
    if not first <= datetime.fromisoformat(to) <= last:
        raise OpsError(
            f"The keeper does not have {to}: it has {told['from']} to {told['to']}. Nothing was changed.\n"
            "    Way out: a second in between, or latest. `toybox backup list` shows them."
        )
