"""Look at the containers once more at the end of each update, so that no update ends well while one is ill.

A health gate runs when its container or the host's condition changes. After a reset of the server nothing changes:
Docker starts the containers by itself. Without this look an update ended well while PostgreSQL was still in its
recovery, and the site answered 500.
"""

from collections.abc import Sequence

import pulumi

from components.containers.service import Service, Spec, await_healthy_command
from components.host import DockerHost


def healthy_command(specs: Sequence[Spec]) -> str:
    """Return the command that waits until each container is healthy. For a container that Docker found healthy at its
    last check it waits for nothing."""
    return "\n".join(
        f"timeout 60 docker inspect --format '{{{{.State.Health.Status}}}}' {spec.name} | grep -qx healthy"
        f" || {await_healthy_command(spec)} || exit 1"
        for spec in specs
    )


def end_with_healthy(services: Sequence[Service], *, host: DockerHost, after: pulumi.Output[str]) -> None:
    """End each update with a look at these containers, once `after` is known. The update fails if one of them does not
    become healthy, or if the host refuses SSH."""
    host.in_every_update(healthy_command([service.spec for service in services]), after=after, must_run=True)
