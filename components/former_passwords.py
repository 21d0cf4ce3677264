"""The end of a rotation: PostgreSQL and Redis no longer accept a former password.

They accept both passwords until every container is healthy with the new one. So the site goes on during the release's
trial, and a failed update leaves old containers that can start again.
"""

import pulumi

from components.containers.platform import Platform
from components.containers.prune import Tidy
from components.postgres import DATABASE, Postgres, end_former_logins_sql, run_sql
from components.redis import ACCEPT, Redis
from inventory import tokens


class FormerPasswords(pulumi.ComponentResource):
    """Runs after the step that removes the files of former passwords, whenever a password has changed. `ready` resolves
    when the present passwords alone open PostgreSQL and Redis.
    """

    ready: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        postgres: Postgres,
        redis: Redis,
        platform: Platform,
        after: Tidy,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.FORMER_PASSWORDS, name, None, opts)
        database = platform.host.command(
            f"{name}-postgres",
            create=run_sql(DATABASE),
            stdin=end_former_logins_sql(postgres.login),
            parent=self,
            depends_on=[after.ready],
        )
        broker = platform.host.command(
            f"{name}-redis",
            create=ACCEPT,
            triggers=[redis.password],
            parent=self,
            depends_on=[after.ready],
        )
        self.ready = pulumi.Output.all(database.stdout, broker.stdout).apply(lambda _: "")
        self.register_outputs({})
