"""The host bundle: every file that the server needs from us, rendered by pure functions and sent as one tar archive."""

import base64
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from components import data_disk
from components.data_disk import DataDisk
from components.volumes import MOUNT_POINT, VOLUMES

FILES = Path(__file__).parent / "files"
LIBRARY = "/usr/local/lib/toybox"
"""Where the scripts live on the server."""

DATA_ROOT = "/var/lib/docker"
HOST_SCRIPTS = (
    "await-healthy",
    "data-disk",
    "image-firewall",
    "install-secrets",
    "make-room",
    "ready",
    "release",
    "stop-orphans",
    "tidy",
)


@dataclass(frozen=True)
class BundleFile:
    """A file of a bundle: its text and its mode (0o644 unless it is a program or a secret)."""

    text: str
    mode: int = 0o644


def render_daemon_json() -> str:
    """Docker's daemon.json. live-restore: restarting the daemon leaves the containers running. Log rotation: a full
    root disk is how the next incident would begin."""
    settings = {
        "data-root": DATA_ROOT,
        "live-restore": True,
        "log-driver": "json-file",
        "log-opts": {"max-size": "10m", "max-file": "5"},
    }
    return json.dumps(settings, indent=2) + "\n"


def render_mount_unit(device: str) -> str:
    """The systemd unit that mounts the data disk. It is wanted by multi-user.target and not required by
    local-fs.target: without the disk the server still boots and lets operators in, and only Docker stays down."""
    return f"""\
[Unit]
Description=TOYBOX data disk
Before=docker.service

[Mount]
What={device}
Where={MOUNT_POINT}
Type=ext4
Options=noatime,errors=remount-ro

[Install]
WantedBy=multi-user.target
"""


def render_docker_drop_in() -> str:
    """Docker starts only with the data disk mounted: a container on an unmounted disk starts with an empty directory
    and exit code 0 (measured on Docker 20.10), and writes its database to the root disk. What then runs unknown to
    Docker is ended."""
    return f"""\
[Unit]
RequiresMountsFor={MOUNT_POINT}

[Service]
ExecStartPost=-{LIBRARY}/stop-orphans
"""


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


def host_bundle(disk: DataDisk) -> dict[str, BundleFile]:
    """All files of the bundle: `apply` and its inputs at the top, files for the server below `root/`.

    Nothing in it depends on the server: a preview that replaces the server still shows the guard every file.
    """
    scripts = {f"root{LIBRARY}/{name}": BundleFile((FILES / name).read_text(), 0o755) for name in HOST_SCRIPTS}
    return {
        "apply": BundleFile((FILES / "apply").read_text(), 0o755),
        "directories": BundleFile(render_directories()),
        "disk.json": BundleFile(json.dumps(asdict(disk), indent=2) + "\n"),
        "parameters": BundleFile(render_parameters(disk)),
        "root/etc/docker/daemon.json": BundleFile(render_daemon_json()),
        f"root/etc/systemd/system/{mount_unit_name()}": BundleFile(render_mount_unit(disk.device)),
        "root/etc/systemd/system/docker.service.d/10-toybox.conf": BundleFile(render_docker_drop_in()),
        f"root{LIBRARY}/data_disk.py": BundleFile(Path(data_disk.__file__).read_text(), 0o755),
        **scripts,
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
