"""`toybox refresh`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.cloud import connect, opened
from ops.data.refresh.refresh import Refresh
from ops.stack_option import StackOrDefault


def refresh(
    wanted: Annotated[str | None, typer.Option("--from", metavar="ID", help="This restore point of prod.")] = None,
    stack: StackOrDefault = "staging",
    allow_older: Annotated[bool, typer.Option("--allow-older", help="Also data older than 26 h.")] = False,
) -> None:
    """Make staging's data again from prod's newest restore point, without personal data.

    A new data volume and a new server; prod is only read. Before any application container starts, the data is scrubbed
    by the list in components/staging_scrub/personal_data.py. What staging held before is deleted, once the new data is
    found to be right. Interrupted, it can be run again.
    """
    chosen = opened(stack)
    Refresh(chosen, connect(chosen), datetime.now(UTC), typer.echo).run(wanted, allow_older=allow_older)
