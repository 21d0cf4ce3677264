"""What every command that moves data works on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ops.pulumi_cli import PulumiStack

if TYPE_CHECKING:
    from openstack.connection import Connection


@dataclass(frozen=True)
class DataCommand:
    """The stack that gets the data, its cloud, the time of the command, and where its progress is told."""

    stack: PulumiStack
    connection: "Connection"
    now: datetime
    say: Callable[[str], None]


@dataclass(frozen=True)
class ConfirmedCommand(DataCommand):
    """The same, for a command that asks first: `confirm` raises if it is not meant."""

    confirm: Callable[[str], None]
