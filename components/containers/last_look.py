"""Look at the containers once more at the end of each update, so that no update ends well while one is ill.

A health gate runs when its container or the host's condition changes. After a reset of the server nothing changes:
Docker starts the containers by itself. Without this look an update ended well while PostgreSQL was still in its
recovery, and the site answered 500.
"""

from collections.abc import Sequence

import pulumi

from components.containers.service import Service
from components.host import DockerHost, commands


def end_with_healthy(services: Sequence[Service], *, host: DockerHost, after: pulumi.Output[str]) -> None:
    """End each update with a look at these containers, once `after` is known. The update fails if one of them does not
    become healthy, or if the host refuses SSH."""
    look = commands.await_all_healthy({service.name: service.await_healthy for service in services})
    host.in_every_update(look, after=after, must_run=True)
