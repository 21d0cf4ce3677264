"""A prod that is well, to be changed by the tests."""

from datetime import timedelta

from ops.status.cloud.server import ServerSeen
from ops.status.known import Known

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SERVER = ServerSeen("s", "ACTIVE", "198.51.100.7")
KNOWN = Known("s", "198.51.100.7", "v", ("beat", "caddy", "postgres", "redis", "web", "worker"))
NEW_SERVER = "pulumi up --stack prod --replace '**::server-boot-volume'"
