"""The end of a rotation: PostgreSQL and Redis no longer accept a former password.

They accept both passwords until every container is healthy with the new one. So the site goes on during the release's
trial, and a failed update leaves old containers that can start again.
"""

import pulumi

from components import postgres
from components.containers.platform import Platform
from components.redis import ACCEPT


class FormerPasswords(pulumi.ComponentResource):
    """Runs after the step that removes the files of former passwords, whenever a password has changed.

    Args:
        login: PostgreSQL's login that stays.
        redis: the version of Redis's present password.
    """

    def __init__(self, name: str, *, login: str, redis: str, platform: Platform, after: pulumi.Resource) -> None:
        super().__init__("toybox:services:FormerPasswords", name)
        platform.host.command(
            f"{name}-postgres",
            create=postgres.RUN_SQL.format(database=postgres.DATABASE),
            stdin=postgres.end_former_logins_sql(login),
            parent=self,
            depends_on=[after],
        )
        platform.host.command(
            f"{name}-redis",
            create=ACCEPT,
            triggers=[redis],
            parent=self,
            depends_on=[after],
        )
        self.register_outputs({})
