"""PostgreSQL 15: TOYBOX's database.

What it does not do: it publishes no port, and it makes no dumps.
"""

import pulumi
import pulumi_command as command

from components.host_secrets import version
from components.platform import Platform
from components.postgres.tuning import memory_settings
from components.pulled_image import PulledImage
from components.service import SECRETS_IN_CONTAINER, HealthCheck, Service, Spec, locked_entrypoint
from components.volumes import POSTGRES

NAME = "postgres"
DATABASE = "toybox"
ROLE = "toybox"
PASSWORD_FILE = "postgres_password"

PGDATA_VOLUME = "/var/lib/postgresql/data"
"""The image's own VOLUME. Mounted on its parent instead, the database would lie in an anonymous volume and the named
one would stay empty (docker-library/docs #2505)."""


def postgres_spec(memory: int) -> Spec:
    """The container for a server with `memory` MiB. PGDATA is a subdirectory: initdb refuses a directory with a
    lost+found, and an unmounted disk becomes visible as a missing directory."""
    settings = memory_settings(memory)
    return Spec(
        name=NAME,
        entrypoint=locked_entrypoint(f"{PGDATA_VOLUME}/.lock"),
        command=(
            "postgres",
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ),
        environment={
            "POSTGRES_DB": DATABASE,
            "POSTGRES_USER": ROLE,
            "POSTGRES_PASSWORD_FILE": f"{SECRETS_IN_CONTAINER}/{PASSWORD_FILE}",
            "POSTGRES_INITDB_ARGS": "--data-checksums --encoding=UTF8",
            "PGDATA": f"{PGDATA_VOLUME}/pgdata",
        },
        volumes={PGDATA_VOLUME: (POSTGRES, False)},
        secrets=(PASSWORD_FILE,),
        # over TCP: the server that initdb starts for a moment listens on a socket only
        health=HealthCheck(
            ("pg_isready", "-q", "-h", "127.0.0.1", "-U", ROLE, "-d", DATABASE),
            start=120,
        ),
        stop_seconds=120,
    )


SET_PASSWORD = f"timeout 60 docker exec -i {NAME} psql -v ON_ERROR_STOP=1 -q -U {ROLE} -d postgres"
"""Sets the role's password from standard input. The image does so only when it makes the database: without this
step, a new password, or a data disk that came from another stack, would lock the site out."""


def set_password_sql(password: str) -> str:
    """The statements, with the password as a quoted literal. The image makes the database after initdb and does not
    look again: one that was stopped in between never gets it, so it is made here if it is missing."""
    literal = password.replace("'", "''")
    missing = f"NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')"
    return (
        f"SELECT 'CREATE DATABASE {DATABASE} OWNER {ROLE}' WHERE {missing} \\gexec\n"
        f"ALTER ROLE {ROLE} PASSWORD '{literal}';\n"
    )


class Postgres(pulumi.ComponentResource):
    """The database container; `ready` is when it accepts the stack's own password."""

    image: PulledImage
    ready: command.remote.Command

    def __init__(
        self,
        name: str,
        *,
        image: str,
        memory: int,
        password: pulumi.Output[str],
        platform: Platform,
    ) -> None:
        super().__init__("toybox:services:Postgres", name)
        self.image = PulledImage(f"{name}-image", reference=image, host=platform.host, parent=self)
        service = Service(
            name,
            spec=postgres_spec(memory),
            image_id=self.image.id,
            platform=platform,
            networks=[platform.networks.backend],
            parent=self,
        )
        self.ready = platform.host.command(
            f"{name}-password",
            create=SET_PASSWORD,
            triggers=[pulumi.Output.unsecret(password.apply(version))],
            stdin=password.apply(set_password_sql),
            secret=True,
            parent=self,
            depends_on=[service.healthy],
        )
        self.register_outputs({})
