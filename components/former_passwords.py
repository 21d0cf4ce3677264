"""The end of a rotation: a former password of PostgreSQL or Redis opens nothing any more.

Until every container is healthy with the new one, both are accepted: the site goes on while a release is tried, and an
update that fails leaves the old containers able to start again.
"""

import pulumi

from components import postgres
from components.platform import Platform
from components.redis import ACCEPT


class FormerPasswords(pulumi.ComponentResource):
    """Runs after the step that removes the files of former passwords, whenever one has changed.

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
