"""The one list of volumes. Directories, Docker volumes, mounts, the backup set and monitoring all come from it."""

from dataclasses import dataclass

MOUNT_POINT = "/srv/toybox"
"""Where the data disk is mounted on the server."""

DJANGO_UID = 10001
"""The user and group that TOYBOX's image runs as."""

DATABASE_UID = 999
"""The user and group of the official images of PostgreSQL and Redis. Only this user may use the data disk's reserve."""


@dataclass(frozen=True)
class Volume:
    """A directory on the data disk that a Docker volume of the same name points to.

    Attributes:
        name: the Docker volume's name and the directory's.
        owner: numeric user and group of the directory, as the image that writes to it expects.
    """

    name: str
    owner: int

    @property
    def device(self) -> str:
        """The directory's path on the server."""
        return f"{MOUNT_POINT}/{self.name}"


POSTGRES = Volume("postgres", owner=DATABASE_UID)
REDIS = Volume("redis", owner=DATABASE_UID)
MEDIA = Volume("media", owner=DJANGO_UID)
STATIC = Volume("static", owner=DJANGO_UID)
BEAT = Volume("beat", owner=DJANGO_UID)
CADDY_DATA = Volume("caddy-data", owner=0)
CADDY_CONFIG = Volume("caddy-config", owner=0)

VOLUMES = (POSTGRES, REDIS, MEDIA, STATIC, BEAT, CADDY_DATA, CADDY_CONFIG)
