"""The host bundle: every file that the server needs from us, rendered by pure functions and sent as one tar archive."""

import base64
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import host
from components import data_disk
from components.data_disk import DataDisk
from host.fitness import DATA_ROOT
from host.look import LIBRARY, MANIFEST
from inventory.volumes import DATABASE_UID, MOUNT_POINT, VOLUMES

FILES = Path(__file__).parent / "files"
DISK_CHECK = "toybox-disk-check.service"
SHUTDOWN = "toybox-shutdown.service"
"""Our units, beside the mount of the data disk."""
JUDGES = Path(host.__file__).parent
"""`look.py` and `fitness.py`, which `ready` and `apply` also run on the server."""

LOG_DRIVER = "journald"
HOST_SCRIPTS = (
    "await-healthy",
    "close-metadata",
    "data-disk",
    "image-firewall",
    "install-secrets",
    "make-room",
    "ready",
    "release",
    "shutdown",
    "stop-orphans",
    "tidy",
    "watch-health",
)


@dataclass(frozen=True)
class BundleFile:
    """A file of a bundle: its text and its mode (0o644 unless it is a program or a secret)."""

    text: str
    mode: int = 0o644


def render_daemon_json() -> str:
    """Return Docker's daemon.json. live-restore: restarting the daemon leaves the containers running. journald: Docker
    deletes a container's own log with the container, and operators need the last lines of the old one. data-root and
    pidfile have their default values. With them, a second daemon that reads this file does not start with a data root
    or a pidfile of its own (dockerd: "specified both as a flag and in the configuration file"), nor with these."""
    settings = {
        "data-root": DATA_ROOT,
        "pidfile": "/var/run/docker.pid",
        "live-restore": True,
        "log-driver": LOG_DRIVER,
    }
    return json.dumps(settings, indent=2) + "\n"


def render_journald() -> str:
    """Return journald's settings. A full root disk could start the next incident, so one limit covers all logs
    together. There is no rate limit: to journald all containers are one service, docker.service, and a noisy one would
    silence the others."""
    return """\
[Journal]
Storage=persistent
SystemMaxUse=2G
RateLimitIntervalSec=0
"""


def render_mount_unit(device: str) -> str:
    """Return the systemd unit that mounts the data disk. multi-user.target wants it; local-fs.target does not require
    it. Without the disk the server still boots and lets operators in, and only Docker stays down.
    DefaultDependencies=no: by default a mount comes before local-fs.target, and so before all services. The check that
    it waits for is one of these. systemd would break that cycle at each boot by leaving out one of them, not always the
    same: once it left out Docker. SSH does not wait for a long check either. Of the defaults only umount.target stays.
    resuid: ext4 reserves a twentieth of the disk for the database, which goes on when uploads have filled the rest."""
    return f"""\
[Unit]
Description=TOYBOX data disk
DefaultDependencies=no
Conflicts=umount.target
Before=umount.target docker.service
Requires={DISK_CHECK}
After={DISK_CHECK}

[Mount]
What={device}
Where={MOUNT_POINT}
Type=ext4
Options=noatime,errors=remount-ro,resuid={DATABASE_UID}

[Install]
WantedBy=multi-user.target
"""


def render_disk_check_unit(device: str) -> str:
    """Return the systemd unit that checks the data disk's file system before each mount. After a power cut the check
    replays the journal. A damaged file system is not mounted. The check repairs the faults that are safe to repair
    (`-p`) and exits with 1; with graver ones it fails. systemd-fsck@.service would check only once for each boot, and
    not where there is no udev."""
    return f"""\
[Unit]
Description=Check of the TOYBOX data disk
After={systemd_escape(device)}.device

[Service]
Type=oneshot
ExecStart=/sbin/e2fsck -p {device}
SuccessExitStatus=1
TimeoutStartSec=infinity
"""


def systemd_escape(path: str) -> str:
    """Return a path as the name of a unit has it (systemd.unit(5), "String Escaping for Inclusion in Unit Names")."""
    words = path.strip("/").split("/")
    return "-".join(re.sub(r"[^A-Za-z0-9:_.]", lambda found: f"\\x{ord(found[0]):02x}", word) for word in words)


def render_shutdown_unit() -> str:
    """Return the systemd unit that stops the containers in their own time when the server shuts down. It runs before
    Docker stops and before the data disk is unmounted."""
    return f"""\
[Unit]
Description=TOYBOX containers, stopped in their own time before a shutdown
After=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop={LIBRARY}/shutdown begin
TimeoutStopSec=60

[Install]
WantedBy=multi-user.target
"""


def render_docker_drop_in() -> str:
    """Return the drop-in that starts Docker only with the data disk mounted. A container on an unmounted disk starts
    with an empty directory and exit code 0 (measured on Docker 20.10), and writes its database to the root disk. The
    drop-in closes the metadata service to containers before Docker starts. Afterwards it ends processes that run
    unknown to Docker, resumes the health checks of known containers, and starts those that the shutdown stopped."""
    return f"""\
[Unit]
RequiresMountsFor={MOUNT_POINT}

[Service]
ExecStartPre={LIBRARY}/close-metadata
ExecStartPost=-{LIBRARY}/stop-orphans
ExecStartPost=-{LIBRARY}/watch-health
ExecStartPost=-{LIBRARY}/shutdown end
"""


def render_snap_docker_drop_in() -> str:
    """Return the drop-in that keeps a snap Docker from starting. The snap has a configuration file of its own, so
    daemon.json does not stop it. A mask would not last, because snapd writes the unit itself and would replace it."""
    return """\
# On 2026-01-22 a snap Docker ran beside the system's, with a data root of its own. This file keeps it from starting.
[Unit]
AssertPathExists=/nonexistent/a-second-docker-daemon
"""


MASKED = ""
"""A unit file without content is masked (systemd.unit(5))."""


def render_directories() -> str:
    """The volumes' directories, one `owner path` a line."""
    return "".join(f"{volume.owner} {volume.device}\n" for volume in VOLUMES)


def render_parameters(disk: DataDisk) -> str:
    """Return the parameters of the `apply` and `data-disk` scripts as shell assignments."""
    parameters = {
        "DATA_DEVICE": disk.device,
        "DATA_LABEL": disk.label,
        "MOUNT_POINT": MOUNT_POINT,
        "VOLUME": disk.volume,
    }
    return "".join(f"{name}={value}\n" for name, value in parameters.items())


def mount_unit_name() -> str:
    """systemd's name for the unit of MOUNT_POINT: the path with dashes for slashes."""
    return MOUNT_POINT.strip("/").replace("/", "-") + ".mount"


AUTHORIZED_KEYS = "/etc/ssh/toybox_authorized_keys"


def render_authorized_keys(keys: Sequence[str]) -> str:
    """Return the keys that may log in, one a line."""
    return "".join(f"{key}\n" for key in keys)


def render_sshd_drop_in() -> str:
    """Return sshd's settings about keys. sshd accepts the declared keys, for root, and no others, wherever somebody or
    cloud-init wrote them. sshd takes the first value of each setting; this file comes first (sshd_config(5))."""
    return f"""\
AllowUsers root
AuthorizedKeysFile {AUTHORIZED_KEYS}
AuthorizedKeysCommand none
TrustedUserCAKeys none
"""


def render_manifest(files: Mapping[str, BundleFile]) -> str:
    """Return the fingerprints of a bundle's files on the server, {path: file}, in the form of `host/look.py`. An update
    puts back the files that differ."""
    fingerprints = {
        path: {"sha256": hashlib.sha256(file.text.encode()).hexdigest(), "mode": file.mode}
        for path, file in sorted(files.items())
    }
    return json.dumps({"files": fingerprints}, indent=1) + "\n"


def host_bundle(
    disk: DataDisk, authorized_keys: Sequence[str], keeper: Mapping[str, BundleFile] = MappingProxyType({})
) -> dict[str, BundleFile]:
    """Return all files of the bundle: `apply` and its inputs at the top, files for the server below `root/`. `keeper`
    are the files of the keeper's login, by their path on the server.

    No file depends on the server: a preview that replaces the server still shows the guard every file.
    """
    scripts = {f"{LIBRARY}/{name}": BundleFile((FILES / name).read_text(), 0o755) for name in HOST_SCRIPTS}
    judges = {f"{LIBRARY}/{name}": BundleFile((JUDGES / name).read_text()) for name in ("look.py", "fitness.py")}
    units = "/etc/systemd/system"
    root = {
        "/etc/docker/daemon.json": BundleFile(render_daemon_json()),
        "/etc/systemd/journald.conf.d/10-toybox.conf": BundleFile(render_journald()),
        f"{units}/{mount_unit_name()}": BundleFile(render_mount_unit(disk.device)),
        f"{units}/{DISK_CHECK}": BundleFile(render_disk_check_unit(disk.device)),
        f"{units}/{SHUTDOWN}": BundleFile(render_shutdown_unit()),
        AUTHORIZED_KEYS: BundleFile(render_authorized_keys(authorized_keys)),
        "/etc/ssh/sshd_config.d/00-toybox-keys.conf": BundleFile(render_sshd_drop_in()),
        f"{units}/docker.service.d/10-toybox.conf": BundleFile(render_docker_drop_in()),
        f"{units}/snap.docker.dockerd.service.d/10-toybox.conf": BundleFile(render_snap_docker_drop_in()),
        # rootless Docker is a service of a user's
        "/etc/systemd/user/docker.service": BundleFile(MASKED),
        f"{LIBRARY}/data_disk.py": BundleFile(Path(data_disk.__file__).read_text(), 0o755),
        **scripts,
        **judges,
        **keeper,
    }
    return {
        "apply": BundleFile((FILES / "apply").read_text(), 0o755),
        "directories": BundleFile(render_directories()),
        "disk.json": BundleFile(json.dumps(asdict(disk), indent=2) + "\n"),
        "parameters": BundleFile(render_parameters(disk)),
        f"root{MANIFEST}": BundleFile(render_manifest(root)),
        **{f"root{path}": file for path, file in root.items()},
    }


def pack(files: Mapping[str, BundleFile]) -> str:
    """The files as a base64 tar archive. Same files, same text, on every machine: no times, no names of users, and no
    compression, whose output differs between versions of zlib."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, file in sorted(files.items()):
            data = file.text.encode()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), file.mode
            archive.addfile(member, io.BytesIO(data))
    return base64.b64encode(buffer.getvalue()).decode()
