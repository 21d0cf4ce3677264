"""The login `keeper` on the server: what its files say. Pure.

It forwards to the database's port and reads the kept volumes, and can do nothing else. It has no shell, no password, no
sudo and no group. The files are read by a unit of systemd, in a file system that holds the kept volumes read-only and
nothing else of the data disk: the login itself has no right to any of them.

UNCONFIRMED (rsync-in-image): ConoHa's images have rsync. Without it `apply` changes nothing and says so.
"""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path

from components.host import keeper_files, keeper_gate
from components.host.bundle import BundleFile, mount_unit_name
from components.keeper_network import DATABASE_ADDRESS, DATABASE_PORT
from host.fitness import KEEPER_GATE, KEEPER_KEYS
from host.look import LIBRARY
from inventory.volumes import KEPT_FILES
from settings import Keeper

SOCKET_UNIT = "toybox-keeper-files.socket"
SERVICE_UNIT = "toybox-keeper-files@.service"
SOCKET = "/run/toybox-keeper/files"
ROOT = "/kept"
"""Where the sandbox has the kept volumes, each in a folder of its name."""

SSHD_MATCH = "/etc/ssh/sshd_config.d/01-toybox-keeper.conf"
PROGRAMS = tuple(Path(str(module.__file__)) for module in (keeper_gate, keeper_files))


def render_authorized_keys(keeper: Keeper) -> str:
    """Return the one key that logs in as keeper, from the keeper's address alone."""
    return f'from="{keeper.address}",restrict,port-forwarding {keeper.ssh_key}\n'


def is_an_operator(keeper: Keeper, operators: Sequence[str]) -> bool:
    """Return whether the keeper's machine is an operator's, too: the one that runs `pulumi up` may be."""
    return any(ip_address(keeper.address) in ip_network(each) for each in operators)


def render_sshd_match(keeper: Keeper, operators: Sequence[str]) -> str:
    """Return sshd's settings for the login keeper (sshd_config(5), "Match").

    AllowUsers adds to the one for root. sshd refuses root from the keeper's address, unless an operator has it. A
    dead connection ends within a minute: it would hold the replication slot.
    """
    deny = "" if is_an_operator(keeper, operators) else f"DenyUsers root@{keeper.address}\n"
    return f"""\
AllowUsers keeper
{deny}Match User keeper
    AuthorizedKeysFile {KEEPER_KEYS}
    AuthenticationMethods publickey
    AllowTcpForwarding local
    PermitOpen {DATABASE_ADDRESS}:{DATABASE_PORT}
    PermitListen none
    AllowStreamLocalForwarding no
    AllowAgentForwarding no
    X11Forwarding no
    PermitTunnel no
    PermitTTY no
    PermitUserRC no
    GatewayPorts no
    MaxSessions 4
    ClientAliveInterval 15
    ClientAliveCountMax 4
    ForceCommand {KEEPER_GATE}
"""


def render_socket_unit() -> str:
    """Return the socket behind which the kept files are. Only root and the login keeper may connect to it."""
    return f"""\
[Unit]
Description=TOYBOX files, for the keeper to read

[Socket]
ListenSequentialPacket={SOCKET}
SocketUser=root
SocketGroup=keeper
SocketMode=0660
DirectoryMode=0755
Accept=yes
MaxConnections=2

[Install]
WantedBy=sockets.target
"""


def render_service_unit() -> str:
    """Return the unit that runs one rsync for one connection.

    It sees the system's programs and the kept volumes, all read-only, and has one capability: to read every file of
    them. Without the data disk it does not start: an empty folder would look like files that were deleted. It never
    mounts the disk itself (Requisite). It gives way to the site by its priorities alone: with cgroups of version 1,
    limits and device rules make systemd remove the cgroups of Docker's containers, and each health check fails from
    then on (seen on the lab, with CPUWeight, IOWeight, MemoryHigh and PrivateDevices).
    """
    binds = " ".join(f"{volume.device}:{ROOT}/{volume.name}" for volume in KEPT_FILES)
    mount = mount_unit_name()
    return f"""\
[Unit]
Description=TOYBOX files, read by the keeper
Requisite={mount}
After={mount}
CollectMode=inactive-or-failed

[Service]
ExecStart=/usr/bin/python3 -I {LIBRARY}/keeper_files.py
StandardInput=socket
StandardOutput=journal
StandardError=journal
User=keeper
WorkingDirectory={ROOT}
TemporaryFileSystem=/:ro
BindReadOnlyPaths=/usr -/bin -/lib -/lib64 -/etc/ld.so.cache
BindReadOnlyPaths={binds}
AmbientCapabilities=CAP_DAC_READ_SEARCH
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
NoNewPrivileges=yes
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
RestrictSUIDSGID=yes
MemoryDenyWriteExecute=yes
LockPersonality=yes
SystemCallArchitectures=native
RuntimeMaxSec=6h
Nice=10
IOSchedulingClass=idle
"""


def login_files(keeper: Keeper, operators: Sequence[str]) -> dict[str, BundleFile]:
    """Return the files that make the login, by their path on the server."""
    units = "/etc/systemd/system"
    return {
        KEEPER_KEYS: BundleFile(render_authorized_keys(keeper)),
        SSHD_MATCH: BundleFile(render_sshd_match(keeper, operators)),
        f"{units}/{SOCKET_UNIT}": BundleFile(render_socket_unit()),
        f"{units}/{SERVICE_UNIT}": BundleFile(render_service_unit()),
        **{f"{LIBRARY}/{program.name}": BundleFile(program.read_text(), 0o755) for program in PROGRAMS},
    }
