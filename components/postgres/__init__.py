"""PostgreSQL 15: TOYBOX's database.

What it does not do: it publishes no port, and it makes no dumps.
"""

from pathlib import Path

import pulumi
import pulumi_command as command
from pydantic import SecretStr

from components import keeper_network
from components.containers.container_spec import ContainerSpec, HealthCheck, locked_entrypoint
from components.containers.memory import memory_limit
from components.containers.platform import Platform
from components.containers.pulled_image import PulledImage
from components.containers.service import Service
from components.host import commands
from components.host.host_secrets import version
from components.postgres.tuning import MAX_CONNECTIONS, memory_settings, shared_memory
from inventory import tokens
from inventory.volumes import DATABASE_UID, POSTGRES

HERE = Path(__file__).parent
HAND_OVER_SQL = HERE / "hand_over.sql"
NAME = "postgres"
DATABASE = "toybox"
OWNER = "toybox"
"""The role that owns the database and all in it. It is no superuser and cannot log in. The application's logins become
it after the login."""

SUPERUSER = "postgres"
"""The cluster's first superuser. It has no password: only the socket inside the container accepts it."""

PASSWORD_FILE = "postgres_password"

PGDATA_VOLUME = "/var/lib/postgresql/data"
"""The image's own VOLUME. Mounted on its parent instead, the database would lie in an anonymous volume and the named
one would stay empty (docker-library/docs #2505)."""


HBA_FILE = "/var/run/postgresql/pg_hba.conf"
"""Written at each start, from the keeper's lines and the data directory's own file, in the container's own memory."""

SLOT_LIMIT = "20GB"
"""The most WAL that PostgreSQL keeps for a slot without a reader: a tenth of the smallest data volume on sale. A keeper
that was away for longer needs a new full backup."""


def render_hba(keeper_network: str, gateway: str) -> str:
    """Return the lines of pg_hba.conf that go before all others, where a keeper pulls: the first that matches decides.

    The keeper comes by the host's forward, from the gateway of its network, and from nowhere else. No other login comes
    from there.
    """
    return f"""\
# The keeper's lines, of TOYBOX (components/postgres). Those of the data directory follow.
host replication keeper {gateway}/32 scram-sha-256
host keeper,{DATABASE} keeper {gateway}/32 scram-sha-256
host replication keeper all reject
host all keeper all reject
host replication all {keeper_network} reject
host all all {keeper_network} reject
"""


START = 'exec docker-entrypoint.sh "$@"\n'
"""The entrypoint's last line."""


def render_entrypoint(hba: str = "") -> str:
    """Return the entrypoint's script. With lines for pg_hba.conf it composes HBA_FILE before PostgreSQL starts."""
    script = (HERE / "entrypoint").read_text()
    if not hba:
        return script
    compose = f"cat - \"$PGDATA/pg_hba.conf\" >{HBA_FILE} <<'END'\n{hba}END\n"
    return script.removesuffix(START) + compose + START


def postgres_spec(memory: int, *, keeper: bool = False) -> ContainerSpec:
    """The container for a server with `memory` MiB. PGDATA is a subdirectory: initdb refuses a directory with a
    lost+found, and an unmounted disk becomes visible as a missing directory. With `keeper` it lets the keeper in."""
    limit = memory_limit(NAME, memory)
    settings = {
        **memory_settings(limit),
        # PostgreSQL ends a query whose client is gone: else it would still apply that of a killed migration
        "client_connection_check_interval": "2s",
        **({"hba_file": HBA_FILE, "max_slot_wal_keep_size": SLOT_LIMIT} if keeper else {}),
    }
    hba = render_hba(keeper_network.SUBNET, keeper_network.GATEWAY) if keeper else ""
    return ContainerSpec(
        name=NAME,
        entrypoint=locked_entrypoint(f"{PGDATA_VOLUME}/.lock", render_entrypoint(hba)),
        command=(
            "postgres",
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ),
        environment={"PGDATA": f"{PGDATA_VOLUME}/pgdata"},
        volumes={PGDATA_VOLUME: (POSTGRES, False)},
        # over TCP: a server that listens on a socket only serves no other container
        health=HealthCheck(
            ("pg_isready", "-q", "-h", "127.0.0.1", "-U", SUPERUSER, "-d", "postgres"),
            start=120,
        ),
        stop_seconds=120,
        memory=limit,
        # one for each connection, and as many for vacuum, parallel queries, health checks and people's own
        processes=2 * MAX_CONNECTIONS,
        shared_memory=shared_memory(limit),
        user=f"{DATABASE_UID}:{DATABASE_UID}",
        temporary={"/tmp": 16, "/var/run/postgresql": 1},
    )


def login_role(password: str) -> str:
    """Return the role that logs in with this password. Each password has a role of its own. While a new one is tried,
    the old containers still log in with theirs. A single role's single password would lock them out."""
    return f"{OWNER}_{version(password)}"


HAND_OVER = commands.run_sql_once(NAME, SUPERUSER, OWNER, "postgres")
"""Runs hand_over.sql from standard input, in a cluster whose only superuser is the application's role."""


def run_sql(database: str) -> str:
    """Return the command that runs the statements on standard input."""
    return commands.run_sql(NAME, SUPERUSER, database)


def add_login_sql(password: str) -> str:
    """Return the statements that make the login with this password, and the missing roles and rights that it needs."""
    return set_variables(login=login_role(password), password=password) + (HERE / "add_login.sql").read_text()


def end_former_logins_sql(login: str) -> str:
    """Return the statements that remove every login but this one."""
    return set_variables(login=login) + (HERE / "end_former_logins.sql").read_text()


def set_variables(**variables: str) -> str:
    """Return psql's assignments of variables, in psql's own quotes (psql's manual, "Meta-Commands")."""
    escapes = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n"})
    return "".join(f"\\set {name} '{value.translate(escapes)}'\n" for name, value in variables.items())


class Postgres(pulumi.ComponentResource):
    """The database container. `ready` resolves when it accepts `login` with the stack's own password."""

    image: PulledImage
    services: list[Service]
    login: str
    ready: command.remote.Command

    def __init__(
        self,
        name: str,
        *,
        image: str,
        memory: int,
        password: SecretStr,
        platform: Platform,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.POSTGRES, name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.login = login_role(password.get_secret_value())
        self.image = PulledImage(f"{name}-image", reference=image, host=platform.host, opts=child)
        keeper = platform.networks.keeper
        service = Service(
            name,
            spec=postgres_spec(memory, keeper=keeper is not None),
            image_id=self.image.id,
            platform=platform,
            networks=[platform.networks.backend],
            addresses={keeper_network.DATABASE_ADDRESS: keeper} if keeper else {},
            opts=child,
        )
        self.services = [service]
        handed_over = platform.host.command(
            f"{name}-ownership",
            create=HAND_OVER,
            stdin=HAND_OVER_SQL.read_text(),
            parent=self,
            depends_on=[service.ready],
        )
        self.ready = platform.host.command(
            f"{name}-password",
            create=run_sql("postgres"),
            triggers=[self.login],
            stdin=pulumi.Output.secret(add_login_sql(password.get_secret_value())),
            secret=True,
            parent=self,
            depends_on=[handed_over],
        )
        self.register_outputs({})
