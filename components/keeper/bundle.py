"""The keeper's bundle: its program, its configuration and its units, and the bundle of its secrets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keeper
from components.host.bundle import BundleFile, render_manifest
from components.keeper import units
from components.postgres import DATABASE
from inventory.volumes import KEPT_FILES
from keeper import image_start
from keeper.bucket import CREDENTIALS
from keeper.places import DATA, FOLDERS, ROLE, RUN, USER
from keeper.retention import FEWEST
from keeper.signature import NAMESPACE, REQUEST
from settings.keeper import Copy, Secrets

FILES = Path(__file__).parent / "files"
PROGRAM = Path(keeper.__file__).parent
LIBRARY = units.LIBRARY
SCRIPTS = ("install-secrets", "ready", "sign")
MANIFEST = f"{LIBRARY}/manifest.json"
SECRETS_MANIFEST = f"{units.CONFIGURATION}/secrets.json"
USER_AT_SOURCE = "keeper"
"""The login on the kept server, which can pull and nothing else."""

PACKAGES = (
    "barman",
    f"postgresql-{units.MAJOR}",
    f"postgresql-client-{units.MAJOR}",
    "restic",
    "rsync",
    "openssh-client",
    "bubblewrap",  # a drill starts what came from the source: it can harm nothing else
    "skopeo",  # a drill starts TOYBOX's image, too: these fetch it, unpack it, lead it to PostgreSQL, and are its Redis
    "umoci",
    "socat",
    "redis-tools",  # has the server's program, and no service that would start at each boot
    "python3",
    "util-linux",
    "ca-certificates",
    "locales-all",  # the image's databases have en_US.utf8, without which a restored copy does not start
)


def render_settings(source: str, copy: Copy | None) -> str:
    """Return settings.json: what is kept, and where its copy goes. The volumes, and the columns that name their files,
    are the one list's."""
    settings = {
        "source": source,
        "major": units.MAJOR,
        "database": DATABASE,
        "volumes": [volume.name for volume in KEPT_FILES],
        "named_in": {volume.name: list(volume.named_in) for volume in KEPT_FILES if volume.named_in},
        "copy": copy.model_dump() if copy else None,
    }
    return json.dumps(settings, indent=1) + "\n"


def render_ssh_config(source: str, address: str) -> str:
    """Return the ssh_config(5) of every connection to the kept server, which it calls `source`."""
    return f"""\
Host source
  HostName {address}
  HostKeyAlias toybox-{source}
  User {USER_AT_SOURCE}
  IdentityFile {units.CONFIGURATION}/pull_key
  IdentitiesOnly yes
  UserKnownHostsFile {units.CONFIGURATION}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  HostKeyAlgorithms ssh-ed25519
  BatchMode yes
  ConnectTimeout 15
  ServerAliveInterval 10
  ServerAliveCountMax 3
  ExitOnForwardFailure yes
  StreamLocalBindUnlink yes
  StreamLocalBindMask 0177
"""


def render_known_hosts(source: str, host_key: str) -> str:
    """Return the known_hosts file: one host, one key."""
    return f"toybox-{source} {host_key}\n"


def render_barman(source: str) -> str:
    """Return Barman's configuration.

    No retention policy and no `barman cron`: retention runs after a success, spares what a drill verified and asks
    the source's clock (keeper/retention.py), which Barman's does not.
    """
    conninfo = f"host={RUN} port=5432 user={ROLE} passfile={units.CONFIGURATION}/pgpass connect_timeout=10"
    return f"""\
[barman]
barman_user = {USER}
barman_home = {DATA}/barman
log_file = {DATA}/barman/barman.log
log_level = WARNING
compression = gzip

[{source}]
description = TOYBOX, stack {source}
conninfo = {conninfo} dbname={ROLE}
streaming_conninfo = {conninfo}
backup_method = postgres
streaming_archiver = on
archiver = off
slot_name = {ROLE}
create_slot = auto
path_prefix = {units.PROGRAMS}
immediate_checkpoint = true
minimum_redundancy = {FEWEST}
"""


def render_tmpfiles() -> str:
    """Return the tmpfiles.d(5) line of the folder with the socket and the locks, which is gone after each boot."""
    return f"d {RUN} 0700 {USER} {USER} -\n"


def render_parameters(source: str, copy: Copy | None) -> str:
    """Return what the scripts have to know, as shell assignments."""
    timers = (job.timer for job in units.jobs(with_copy=copy is not None))
    enabled = " ".join((units.TUNNEL, units.WAL, units.WANTED, units.SIGN, *timers))
    parameters = {
        "SOURCE": source,
        "DATA": DATA,
        "REQUEST": f"{RUN}/{REQUEST}",
        "NAMESPACE": NAMESPACE,
        "FOLDERS": f"'{' '.join(FOLDERS)}'",
        "KEEPER_USER": USER,
        "PACKAGES": f"'{' '.join(PACKAGES)}'",
        "UNITS": f"'{enabled}'",
        "SERVICES": f"'{units.TUNNEL} {units.WAL}'",
    }
    return "".join(f"{name}={value}\n" for name, value in parameters.items())


def keeper_bundle(
    source: str, address: str, host_key: str, web: Mapping[str, Any], copy: Copy | None
) -> dict[str, BundleFile]:
    """Return all files of the bundle: `apply` and its parameters at the top, the machine's files below `root/`. `web`
    is how the kept stack starts its web process, and empty if that is not known."""
    program = {f"{LIBRARY}/keeper/{file.name}": BundleFile(file.read_text()) for file in sorted(PROGRAM.glob("*.py"))}
    services = units.render_all(source, with_copy=copy is not None)
    root = {
        **program,
        **{f"{LIBRARY}/{name}": BundleFile((FILES / name).read_text(), 0o755) for name in SCRIPTS},
        f"{LIBRARY}/parameters": BundleFile(render_parameters(source, copy)),
        units.COMMAND: BundleFile((FILES / "toybox-keeper").read_text(), 0o755),
        f"{units.CONFIGURATION}/settings.json": BundleFile(render_settings(source, copy)),
        f"{units.CONFIGURATION}/{image_start.FILE}": BundleFile(json.dumps(web, indent=1, sort_keys=True) + "\n"),
        f"{units.CONFIGURATION}/ssh_config": BundleFile(render_ssh_config(source, address)),
        f"{units.CONFIGURATION}/known_hosts": BundleFile(render_known_hosts(source, host_key)),
        f"{units.CONFIGURATION}/barman.conf": BundleFile(render_barman(source)),
        "/etc/tmpfiles.d/toybox-keeper.conf": BundleFile(render_tmpfiles()),
        **{f"/etc/systemd/system/{name}": BundleFile(text) for name, text in services.items()},
    }
    return {
        "apply": BundleFile((FILES / "apply").read_text(), 0o755),
        f"root{MANIFEST}": BundleFile(render_manifest(root)),
        **{f"root{path}": file for path, file in root.items()},
    }


def render_pgpass(password: str) -> str:
    """Return the password file of libpq. Whatever host and database: the socket leads to one server."""
    return f"*:*:*:{ROLE}:{password}\n"


def render_credentials(access: str, secret: str) -> str:
    """Return the AWS SDKs' credentials file, which restic reads."""
    return f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n"


def of_the_copy(secrets: Secrets) -> Mapping[str, str]:
    """Return the secret files of the copy; none where it has no secrets."""
    access, secret, password = secrets.copy_access_key, secrets.copy_secret_key, secrets.copy_password
    if not (access and secret and password):
        return {}
    return {
        CREDENTIALS: render_credentials(access.get_secret_value(), secret.get_secret_value()),
        "copy-password": password.get_secret_value() + "\n",
    }


def secret_files(secrets: Secrets) -> Mapping[str, str]:
    """Return the secret files by name."""
    return {
        **of_the_copy(secrets),
        "pull_key": secrets.pull_key.get_secret_value().rstrip("\n") + "\n",
        "pgpass": render_pgpass(secrets.database_password.get_secret_value()),
        "repository-password": secrets.repository_password.get_secret_value() + "\n",
    }


def secrets_bundle(secrets: Secrets) -> dict[str, BundleFile]:
    """Return the secret files and their manifest, for `install-secrets`."""
    files = {name: BundleFile(text, 0o400) for name, text in secret_files(secrets).items()}
    manifest = render_manifest({f"{units.CONFIGURATION}/{name}": file for name, file in files.items()})
    return {"manifest.json": BundleFile(manifest, 0o400), **{f"secrets/{name}": file for name, file in files.items()}}
