"""Where things lie on the keeper, and what it keeps."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keeper.refusal import Refusal

ETC = Path("/etc/toybox-keeper")
DATA = Path("/srv/toybox-keeper")
"""The keeper's disk is mounted here. Nothing is kept anywhere else."""
RUN = Path("/run/toybox-keeper")
USER = "barman"
"""The user that runs everything, from Debian's package of Barman."""

RATE = 8192
"""KiB per second at most, for a full backup and for a pull of files: two thirds of a server's line. The rest is the
visitors'. pg_dump has no such limit.

UNCONFIRMED (line-rate): a ConoHa server has 100 Mbit/s. A user of one reports that, and 0.5 Mbit/s after 14 GiB in one
day (203mmH on Qiita, item 5d3af7ac3fb34999b827).
"""

ROLE = "keeper"
"""The database role, its own database, and its replication slot."""
FOLDERS = ("barman", "mirror", "repository", "dumps", "manifests", "records", "restored", "copying", "states", "images")


@dataclass(frozen=True)
class Storage:
    """The bucket that the copy goes to: S3, path style."""

    endpoint: str
    bucket: str
    region: str


@dataclass(frozen=True)
class Places:
    """The keeper's files.

    Attributes:
        source: the stack that is kept.
        major: the source's major version of PostgreSQL.
        database: the application's database.
        volumes: the names of the volumes that are kept as files.
        named_in: (volume, the columns whose rows name its files, as table.column).
        copy: where the encrypted copy goes; None: there is none.
        within: the keeper's disk, where `data` is a folder on it: what a copy brought back.
    """

    source: str
    major: int
    database: str
    volumes: tuple[str, ...]
    etc: Path = ETC
    data: Path = DATA
    run: Path = RUN
    named_in: tuple[tuple[str, tuple[str, ...]], ...] = ()
    copy: Storage | None = None
    within: Path | None = None

    @property
    def disk(self) -> Path:
        """Where the disk is mounted that all of this lies on."""
        return self.within or self.data

    @property
    def programs(self) -> Path:
        """PostgreSQL's own programs, of the source's major version."""
        return Path(f"/usr/lib/postgresql/{self.major}/bin")

    @property
    def barman_home(self) -> Path:
        """What Barman keeps of the source: base/, wals/, streaming/."""
        return self.data / "barman" / self.source

    @property
    def manifests(self) -> Path:
        """One JSON file for each run of a job."""
        return self.data / "manifests"

    @property
    def records(self) -> Path:
        """What is known of the source: its cluster, each job's last success, what a drill verified."""
        return self.data / "records"

    def conninfo(self, database: str) -> str:
        """Return the connection string for `database`, through the tunnel's socket."""
        parts = {
            "host": self.run,
            "port": 5432,
            "user": ROLE,
            "dbname": database,
            "passfile": self.etc / "pgpass",
            "connect_timeout": 10,
            "application_name": "toybox-keeper",
        }
        return " ".join(f"{name}={value}" for name, value in parts.items())


def load(etc: Path = ETC) -> Places:
    """Read settings.json. Raises Refusal if it is not there or not whole."""
    file = etc / "settings.json"
    try:
        told: dict[str, Any] = json.loads(file.read_text())
        return Places(
            source=str(told["source"]),
            major=int(told["major"]),
            database=str(told["database"]),
            volumes=tuple(str(name) for name in told["volumes"]),
            etc=etc,
            named_in=tuple((str(name), tuple(columns)) for name, columns in told["named_in"].items()),
            copy=Storage(**told["copy"]) if told.get("copy") else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refusal(
            f"{file} cannot be used: {error!r}",
            "It says which stack is kept, and what of it.",
            "Run `pulumi up --stack keeper`, which puts it back.",
        ) from None


def require_disk(data: Path = DATA) -> None:
    """Raise Refusal unless the keeper's disk is mounted and takes a write.

    Written to the root disk instead, a backup would hide under the mount point, and a new repository would look like
    the first one.
    """
    if not os.path.ismount(data):
        raise Refusal(
            f"{data} is not a mounted disk.",
            "A backup written to the root disk would be hidden as soon as the disk is mounted over it.",
            f"Mount the keeper's disk: `mount {data}`. `lsblk` shows whether the machine has it.",
        )
    try:
        os.close(os.open(data / "records", os.O_TMPFILE | os.O_WRONLY, 0o600))
    except OSError as error:
        raise Refusal(
            f"{data} takes no write: {error.strerror}.",
            "What cannot be written is not kept.",
            f"Look at it with `findmnt {data}`, `df -h {data}` and `dmesg | tail`.",
        ) from None
