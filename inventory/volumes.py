"""The one list of volumes. Directories, Docker volumes and the backup set come from it; container specs mount them."""

from dataclasses import dataclass
from typing import Literal

MOUNT_POINT = "/srv/toybox"
"""Where the data disk is mounted on the server."""

DJANGO_UID = 10001
"""The user and group that TOYBOX's image runs as."""

DATABASE_UID = 999
"""The user and group of the official images of PostgreSQL and Redis. Only this user may use the data disk's reserve."""


@dataclass(frozen=True)
class Rebuilt:
    """The keeper does not keep the volume: its content is made again, for the reason given."""

    reason: str


@dataclass(frozen=True)
class Volume:
    """A directory on the data disk that a Docker volume of the same name points to.

    Attributes:
        name: the Docker volume's name and the directory's.
        owner: numeric user and group of the directory, as the image that writes to it expects.
        kept: how the keeper keeps the content: from the stream of the database, as files, or not at all. It has no
            default: a volume without it is an error of types.
        named_in: the columns whose rows name the volume's files, as table.column. A drill finds a row whose file is
            missing. It stops at a column that names files and is not listed.
    """

    name: str
    owner: int
    kept: Literal["database", "files"] | Rebuilt
    named_in: tuple[str, ...] = ()

    @property
    def device(self) -> str:
        """The directory's path on the server."""
        return f"{MOUNT_POINT}/{self.name}"


POSTGRES = Volume("postgres", owner=DATABASE_UID, kept="database")
REDIS = Volume("redis", owner=DATABASE_UID, kept=Rebuilt("Celery's queue: what its jobs are about is in the database"))
MEDIA = Volume("media", owner=DJANGO_UID, kept="files", named_in=("posts_image.file", "posts_image.thumbnail"))
STATIC = Volume("static", owner=DJANGO_UID, kept=Rebuilt("each release collects the image's static files"))
BEAT = Volume("beat", owner=DJANGO_UID, kept=Rebuilt("Celery beat writes its schedule's file when it starts"))
CADDY_DATA = Volume("caddy-data", owner=0, kept="files")
CADDY_CONFIG = Volume("caddy-config", owner=0, kept=Rebuilt("Caddy's copy of the configuration that its image holds"))

VOLUMES = (POSTGRES, REDIS, MEDIA, STATIC, BEAT, CADDY_DATA, CADDY_CONFIG)

KEPT_FILES = tuple(volume for volume in VOLUMES if volume.kept == "files")
"""The volumes that the keeper reads as files."""
