"""Who listens where: a port that somebody else has taken is named, with its owner, before anything is started."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from lab.steps import LabError


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket of this machine."""

    address: IPv4Address | IPv6Address
    port: int
    inode: int


def parse_listeners(table: str) -> list[Listener]:
    """The listening sockets in the text of /proc/net/tcp or /proc/net/tcp6 (the kernel's
    Documentation/networking/proc_net_tcp.rst).

    An address is printed as 32-bit words in the machine's byte order; this reads those of a little-endian machine.
    """
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[3] != "0A":  # TCP_LISTEN
            continue
        digits, port = fields[1].split(":")
        words = [bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8)]
        found.append(Listener(ip_address(b"".join(words)), int(port, 16), int(fields[9])))
    return found


def in_the_way(listeners: Iterable[Listener], address: str, port: int) -> Listener | None:
    """The listener that keeps somebody else from listening at an IPv4 address and port."""
    wanted = ip_address(address)
    for listener in listeners:
        at = listener.address
        mapped = at.ipv4_mapped if isinstance(at, IPv6Address) else None
        if listener.port == port and (at == wanted or at.is_unspecified or mapped == wanted):
            return listener
    return None


def owner(inode: int) -> int | None:
    """The pid of a process that holds a socket."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            for descriptor in os.scandir(folder / "fd"):
                if os.readlink(descriptor.path) == f"socket:[{inode}]":
                    return int(folder.name)
        except OSError:
            continue  # it ended meanwhile
    return None


def command_of(pid: int) -> str:
    """A process's command line, for a reader."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "it has just ended"
    return b" ".join(words).decode(errors="replace").strip()[:200]


def current_listeners() -> list[Listener]:
    """This machine's listening TCP sockets."""
    return [one for table in ("tcp", "tcp6") for one in parse_listeners(Path(f"/proc/net/{table}").read_text())]


def require_free(wanted: Mapping[str, tuple[str, int]], ours: set[int]) -> None:
    """Raise LabError naming every wanted port that a process other than ours has taken.

    `wanted` maps a service's name to its address and port; `ours` are the pids of the services that the lab itself
    runs.
    """
    listeners = current_listeners()
    taken = []
    for name, (address, port) in wanted.items():
        listener = in_the_way(listeners, address, port)
        if listener is None:
            continue
        pid = owner(listener.inode)
        if pid in ours:
            continue
        who = f"pid {pid} ({command_of(pid)})" if pid else "a process that cannot be seen from here"
        taken.append(f"port {port} of {listener.address}, which the lab's {name} needs, is taken by {who}")
    if taken:
        raise LabError(
            "; ".join(taken) + ". Nothing was started", then="stop that process, then `python -m lab up` again"
        )
