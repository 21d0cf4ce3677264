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
from components.volumes import DATABASE_UID, MOUNT_POINT, VOLUMES
from host.fitness import DATA_ROOT
from host.look import MANIFEST

FILES = Path(__file__).parent / "files"
LIBRARY = "/usr/local/lib/toybox"
"""Where the scripts live on the server."""

DISK_CHECK = "toybox-disk-check.service"
SHUTDOWN = "toybox-shutdown.service"
"""Units of ours, beside the mount of the data disk."""
JUDGES = Path(host.__file__).parent
"""`look.py` and `fitness.py`, which `ready` and `apply` run on the server, too."""

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
    """Docker's daemon.json. live-restore: restarting the daemon leaves the containers running. journald: a container's
    log would be deleted with it, and the old one's last lines are the ones that are looked for. data-root and pidfile,
    though they are the defaults: a second daemon that reads this file does not start with a data root or a pidfile of
    its own (dockerd: "specified both as a flag and in the configuration file"), nor with these."""
    settings = {
        "data-root": DATA_ROOT,
        "pidfile": "/var/run/docker.pid",
        "live-restore": True,
        "log-driver": LOG_DRIVER,
    }
    return json.dumps(settings, indent=2) + "\n"


def render_journald() -> str:
    """journald's settings. A full root disk is how the next incident would begin, so there is a limit for all logs
    together. None for how many lines come at once: to journald all containers are one service, docker.service, and one
    that says much would silence the others."""
    return """\
[Journal]
Storage=persistent
SystemMaxUse=2G
RateLimitIntervalSec=0
"""


def render_mount_unit(device: str) -> str:
    """The systemd unit that mounts the data disk. It is wanted by multi-user.target and not required by
    local-fs.target: without the disk the server still boots and lets operators in, and only Docker stays down.
    DefaultDependencies=no: by default a mount comes before local-fs.target, and so before all services, among them the
    check that it waits for. systemd would break that cycle at each boot by leaving one of them out, and not always the
    same: with it went Docker. Nor does SSH wait for a long check. umount.target is left of the defaults.
    resuid: the twentieth that ext4 reserves is for the database, which goes on when uploads have filled the rest."""
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
    """The systemd unit that checks the data disk's file system before each mount: after a power cut it brings the
    journal in, and a damaged one is not mounted. It mends what is safe to mend (`-p`) and says so with 1; with more it
    has failed. systemd-fsck@.service would do it once for each boot, and not where there is no udev."""
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
    """A path in a unit's name (systemd.unit(5), "String Escaping for Inclusion in Unit Names")."""
    words = path.strip("/").split("/")
    return "-".join(re.sub(r"[^A-Za-z0-9:_.]", lambda found: f"\\x{ord(found[0]):02x}", word) for word in words)


def render_shutdown_unit() -> str:
    """The systemd unit that ends the containers in their own time when the server shuts down, before Docker and the
    data disk go."""
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
    """Docker starts only with the data disk mounted: a container on an unmounted disk starts with an empty directory
    and exit code 0 (measured on Docker 20.10), and writes its database to the root disk. What then runs unknown to
    Docker is ended, the health of what it knows is watched on, and what was stopped for the shutdown is started. Nor
    does it start before the metadata service is closed to containers."""
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
    """A snap Docker never starts, whoever installs it: it has a configuration file of its own, so that daemon.json does
    not stop it. A drop-in and no mask, because snapd writes the unit itself and would replace the mask."""
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
    """What the apply script and the data disk's have to know, as shell assignments."""
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
    """The keys that may log in, one a line."""
    return "".join(f"{key}\n" for key in keys)


def render_sshd_drop_in() -> str:
    """sshd's settings about keys: the declared ones, for root, and no others, wherever somebody or cloud-init wrote
    them. sshd takes the first value of each; this file comes first (sshd_config(5))."""
    return f"""\
AllowUsers root
AuthorizedKeysFile {AUTHORIZED_KEYS}
AuthorizedKeysCommand none
TrustedUserCAKeys none
"""


def render_manifest(files: Mapping[str, BundleFile]) -> str:
    """What a bundle puts on the server, {path: file}, as `host/look.py` fingerprints it there: an update puts back what
    differs."""
    fingerprints = {
        path: {"sha256": hashlib.sha256(file.text.encode()).hexdigest(), "mode": file.mode}
        for path, file in sorted(files.items())
    }
    return json.dumps({"files": fingerprints}, indent=1) + "\n"


def host_bundle(
    disk: DataDisk, authorized_keys: Sequence[str], keeper: Mapping[str, BundleFile] = MappingProxyType({})
) -> dict[str, BundleFile]:
    """All files of the bundle: `apply` and its inputs at the top, files for the server below `root/`. `keeper` are the
    files of the keeper's login, by their path on the server.

    Nothing in it depends on the server: a preview that replaces the server still shows the guard every file.
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


def unpack_and_run(command: str, *, seconds: int) -> str:
    """The shell command that takes a packed bundle on standard input, unpacks it to `$bundle` and runs `command`. The
    folder is on tmpfs and goes away in any case; the session cannot outlive `seconds`."""
    return (
        "umask 077; bundle=$(mktemp -d -p /run toybox.XXXXXX) && trap 'rm -rf \"$bundle\"' EXIT && "
        f'base64 -d | tar -xf - --no-same-owner -p -C "$bundle" && timeout {seconds} bash {command}'
    )
