"""Count the data on the volume when a server first has it, before any application container can change it.

The census runs in production; in staging the scrub counts. `toybox restore volume` compares the site with the census. A
later count would compare the site with itself. The census runs once for each volume and server.
"""

from collections.abc import Sequence
from pathlib import Path

import pulumi
import pulumi_command as command

from components.containers.platform import Platform
from components.host import commands
from inventory import tokens
from settings import Settings

SCRIPT = Path(__file__).with_name("census.py")


def counted(
    name: str,
    settings: Settings,
    volume_id: pulumi.Output[str],
    platform: Platform,
    *,
    after: Sequence[pulumi.Resource],
) -> list[pulumi.Resource]:
    """Return the resources that an application container waits for in addition to `after`: in production the census,
    else none."""
    if not settings.is_production:
        return list(after)
    return [DataCensus(name, volume_id=volume_id, platform=platform, after=after).ready]


class DataCensus(pulumi.ComponentResource):
    """One command on the server. Its output in the state is the count."""

    ready: command.remote.Command

    def __init__(
        self,
        name: str,
        *,
        volume_id: pulumi.Output[str],
        platform: Platform,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.DATA_CENSUS, name, None, opts)
        self.ready = platform.host.command(
            f"{name}-taken",
            create=commands.count_data(),
            stdin=volume_id.apply(lambda volume: f"{SCRIPT.read_text()}\n# of volume {volume}\n"),
            parent=self,
            depends_on=list(after),
            timeout="35m",
        )
        self.register_outputs({})
