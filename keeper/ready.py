"""Whether the keeper does its work: the source is reached, and its write-ahead log arrives."""

import time
from typing import Any

from keeper import jobs
from keeper.places import Places, require_disk
from keeper.refusal import Refusal


def await_source(places: Places, seconds: float) -> dict[str, Any]:
    """Wait until the source's database answers and sends its WAL, and return what it says of itself.

    Raises:
        Refusal: it does not within `seconds`, or it is another cluster.
    """
    require_disk(places.data)
    end = time.monotonic() + seconds
    while True:
        try:
            told = jobs.source_facts(places)
            if (told["receiver"] or {}).get("state") == "streaming":
                return {"source": places.source, **told}
            last = Refusal(
                "The source's database answers, and its write-ahead log does not arrive.",
                f"The slot: {told['slot']}. The receiver: {told['receiver']}.",
                "`journalctl -u toybox-keeper-wal -n 30`, on the keeper, has Barman's reason.",
            )
        except Refusal as refusal:
            last = refusal
        if time.monotonic() >= end:
            raise last
        time.sleep(1)
