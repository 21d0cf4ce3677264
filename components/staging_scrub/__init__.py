"""Scrub staging's data, which is a copy of prod's, before any application container can see it.

The scrub runs in every stack that is not production, between the database and the application. personal_data.py lists
the personal data. The scrub does not look into uploaded files, which are public on the site.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pulumi
import pulumi_command as command

from components import data_disk, postgres, redis
from components.containers.platform import Platform
from components.data_disk import DataDisk
from components.host import commands
from components.host.bundle import BundleFile, pack
from host.look import LIBRARY
from inventory import tokens
from inventory.volumes import MOUNT_POINT
from settings import Settings

HERE = Path(__file__).parent
ON_SERVER = f"{LIBRARY}/staging-scrub"
"""Where the script stays on the server, for `toybox refresh` to verify with and for people to look at."""

SECONDS = 1800

INSTALL_AND_RUN = f"""\
set -euo pipefail
rm -rf {ON_SERVER}
install -d -m 0755 {ON_SERVER}
cp -R "$1"/program/. {ON_SERVER}/
cd {ON_SERVER}
exec python3 -B -m components.staging_scrub.scrub
"""


def rules_version() -> str:
    """A name for the present list and script: another one means that the data must be scrubbed again."""
    texts = [(HERE / name).read_bytes() for name in ("personal_data.py", "scrub.py")]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:12]


def scrub_bundle(disk: DataDisk, login: str) -> dict[str, BundleFile]:
    """Everything that the server needs for the scrub: a package of its own, without Pulumi's part."""
    parameters = {
        "disk": asdict(disk),
        "rules": rules_version(),
        "mount_point": MOUNT_POINT,
        "postgres": postgres.NAME,
        "database": postgres.DATABASE,
        "superuser": postgres.SUPERUSER,
        "login": login,
        "redis": redis.NAME,
        "cache": redis.CACHE,
    }
    package = "program/components"
    return {
        "run": BundleFile(INSTALL_AND_RUN, 0o755),
        f"{package}/__init__.py": BundleFile(""),
        f"{package}/data_disk.py": BundleFile(Path(data_disk.__file__).read_text()),
        f"{package}/staging_scrub/__init__.py": BundleFile(""),
        **{
            f"{package}/staging_scrub/{name}": BundleFile((HERE / name).read_text())
            for name in ("personal_data.py", "scrub.py")
        },
        f"{package}/staging_scrub/parameters.json": BundleFile(json.dumps(parameters, indent=2) + "\n"),
    }


def scrubbed(
    name: str,
    settings: Settings,
    disk: pulumi.Output[DataDisk],
    platform: Platform,
    *,
    after: Sequence[pulumi.Resource],
) -> list[pulumi.Resource]:
    """Return the resources that an application container waits for before it may see the data: in production `after`
    alone, elsewhere a `StagingScrub` that comes after it.

    The origin in the settings does not matter here: somebody may have changed it meanwhile. A volume that was empty
    when staging got it has no tables, so the scrub changes nothing.
    """
    if settings.is_production:
        return list(after)
    login = postgres.login_role(settings.secrets.postgres_password.get_secret_value())
    scrub = StagingScrub(name, disk=disk, login=login, platform=platform, after=after)
    return [scrub.ready]


class StagingScrub(pulumi.ComponentResource):
    """The step that must succeed before any application container is made: `ready`.

    It runs again for another volume, another server or another list, and does nothing where the record on the data disk
    says that this volume was scrubbed by this list. Where it fails, the update ends with the reason.
    """

    ready: command.remote.Command

    def __init__(
        self,
        name: str,
        *,
        disk: pulumi.Output[DataDisk],
        login: str,
        platform: Platform,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(tokens.STAGING_SCRUB, name, None, opts)
        self.ready = platform.host.command(
            f"{name}-done",
            create=commands.scrub(SECONDS),
            stdin=disk.apply(lambda known: pack(scrub_bundle(known, login))),
            parent=self,
            depends_on=list(after),
            timeout="35m",
        )
        self.register_outputs({})
