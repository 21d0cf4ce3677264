"""What production's database grants the keeper: the role `keeper`, its own database, and no more.

What it does not do: the login on the host, the firewall's rule and the Docker network are where those of everybody are
(components/host, components/server, components/containers/networks). It holds no password: the settings have a
verifier.
"""

from pathlib import Path

import pulumi
import pulumi_command as command

from components import postgres
from components.containers.platform import Platform
from components.host import commands
from inventory import tokens
from settings import Keeper

HERE = Path(__file__).parent
ADMIT_SQL = HERE / "admit.sql"
DISMISS_SQL = HERE / "dismiss.sql"


def admit_sql(verifier: str) -> str:
    """Return the statements that make the role with this verifier, as far as it is missing."""
    return postgres.set_variables(verifier=verifier) + ADMIT_SQL.read_text()


def dismiss_command() -> str:
    """Return the command that ends the role on a server without a keeper."""
    return commands.end_keeper_role(postgres.run_sql("postgres"), DISMISS_SQL.read_text())


def admit_keeper(
    name: str, keeper: Keeper | None, *, database: command.remote.Command, platform: Platform
) -> "KeeperAccess | None":
    """Let the keeper in, once `database` is ready. Without a keeper, end the role in each update: no input of a
    resource says whether a data disk brings one."""
    if keeper is None:
        platform.host.in_every_update(dismiss_command(), after=database.stdout)
        return None
    return KeeperAccess(name, keeper=keeper, database=database, platform=platform)


class KeeperAccess(pulumi.ComponentResource):
    """The role in the database. The guard compares the component's inputs: who may log in."""

    ready: command.remote.Command

    def __init__(
        self,
        name: str,
        *,
        keeper: Keeper,
        database: command.remote.Command,
        platform: Platform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.KEEPER_ACCESS, name, keeper.model_dump(by_alias=True), opts)
        self.ready = platform.host.command(
            f"{name}-role",
            create=postgres.run_sql("postgres"),
            triggers=[platform.host.condition.token],
            stdin=admit_sql(keeper.database_verifier),
            parent=self,
            depends_on=[database],
        )
        self.register_outputs({})
