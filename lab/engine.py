"""The Docker engine that runs the lab's servers, and their network.

The machine's own engine is used where one answers. Where none does, Debian's is started, with its data in the cache (so
images stay after `down`), without a default bridge and without packet filter rules: the lab leaves nothing behind in
the machine's network.
"""

import http.client
import json
import socket
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from lab import paths, processes
from lab.steps import LabError, run

SOCKET = Path("/var/run/docker.sock")
SERVICE = "dockerd"
DATA_ROOT = paths.LAB_CACHE / "docker"
EXEC_ROOT = paths.RUN / "docker"

NETWORK = "lab-public"
"""The bridge network of the servers; also the name of the bridge."""
SUBNET = "198.51.100.0/24"
"""TEST-NET-2 of RFC 5737: nobody's addresses."""
GATEWAY = "198.51.100.1"
"""This machine, as the servers see it."""
KEEPERS = IPv4Address("198.51.100.240")
"""The first of the keepers' addresses (lab/keeper_machine.py). Neutron gives out those before it."""

LABEL = "toybox.lab=1"
"""On every container and network of the lab. Whatever lacks it is not the lab's and is never touched."""


SERVER_LABEL = "toybox.lab.server"
"""On a server's container: its id in OpenStack. The nova driver puts it there."""
KEEPER_LABEL = "toybox.lab.keeper"
"""On a keeper's container: the project whose production it keeps."""


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        """Connect to the socket in place of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def ask(path: str, timeout: float = 30) -> Any:
    """GET a path of the engine's API (docs.docker.com/engine/api): the parsed answer, or None where there is no such
    thing."""
    connection = SocketConnection(SOCKET, timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status == 404:
        return None
    if response.status >= 400:
        raise LabError(f"the Docker engine answers {response.status} to {path}: {body[:200].decode(errors='replace')}")
    return json.loads(body) if response.getheader("Content-Type", "").startswith("application/json") else body.decode()


def answers() -> bool:
    """Does a Docker engine answer on this machine?"""
    try:
        return bool(ask("/_ping", timeout=5) == "OK")
    except (OSError, http.client.HTTPException):
        return False


def filtered(kind: str) -> str:
    """The path that lists the lab's containers (also stopped ones) or networks."""
    filters = json.dumps({"label": [LABEL]}, separators=(",", ":"))
    return f"/{kind}?{'all=1&' if kind == 'containers/json' else ''}filters={filters}"


def containers() -> list[Any]:
    """The lab's containers, running or not, as the engine's API describes them: servers, and image builds that broke
    off."""
    return list(ask(filtered("containers/json")) or [])


def daemon_settings() -> dict[str, Any]:
    """daemon.json of an engine that the lab starts."""
    return {
        "data-root": str(DATA_ROOT),
        "exec-root": str(EXEC_ROOT),
        "pidfile": str(paths.RUN / "docker.pid"),
        "hosts": [f"unix://{SOCKET}"],
        "bridge": "none",
        "iptables": False,
        "ip-forward": False,
        "ip-masq": False,
        "userland-proxy": False,
    }


def ensure_engine() -> str:
    """Take the engine that answers, or start one."""
    if answers():
        return "running" if processes.alive(SERVICE) else "the machine's own"
    DATA_ROOT.mkdir(parents=True, exist_ok=True)
    (paths.RUN / "docker.pid").unlink(
        missing_ok=True
    )  # the machine may have been switched off; another process may have that pid now
    settings = paths.CONFIG / "dockerd.json"
    settings.write_text(json.dumps(daemon_settings(), indent=2) + "\n")
    processes.start(SERVICE, ["dockerd", "--config-file", settings])
    processes.wait_until(SERVICE, answers, seconds=60)
    return "started"


def ensure_network() -> str:
    """The servers' bridge network. Servers reach each other and this machine, and nothing beyond: a rehearsal must not
    call out."""
    log = paths.LOG / "engine.log"
    network = ask(f"/networks/{NETWORK}")
    if network is not None:
        subnets = [part.get("Subnet") for part in network["IPAM"]["Config"]]
        if network["Labels"].get("toybox.lab") != "1" or subnets != [SUBNET]:
            raise LabError(
                f"there is a Docker network {NETWORK} on {subnets} that is not the lab's",
                then=f"docker network rm {NETWORK}",
            )
        return "already there"
    bridge = "com.docker.network.bridge"
    run(
        *("docker", "network", "create", "--label", LABEL, "--subnet", SUBNET, "--gateway", GATEWAY),
        *("--opt", f"{bridge}.name={NETWORK}", "--opt", f"{bridge}.enable_ip_masquerade=false", NETWORK),
        log=log,
    )
    return f"{SUBNET}, this machine is {GATEWAY}"


def remove_all() -> None:
    """Remove the lab's servers with their anonymous volumes, and the network; then stop the engine, if the lab started
    it."""
    log = paths.LOG / "engine.log"
    if not answers() and DATA_ROOT.exists() and paths.CONFIG.exists():
        # the lab's own, killed or not started since the machine was: what it holds must go all the same
        ensure_engine()
    if answers():
        found = [container["Id"] for container in containers()]
        if found:
            run("docker", "rm", "--force", "--volumes", *found, log=log)
        for network in ask(filtered("networks")) or []:
            run("docker", "network", "rm", network["Id"], log=log)
    processes.stop(SERVICE, grace=30)
    if not answers():
        # the engine leaves the mount of a network namespace behind, and all of its mounts if it was killed
        for folder in (EXEC_ROOT, DATA_ROOT):
            for mount in reversed(mounts_below(Path("/proc/self/mounts").read_text(), folder)):
                run("umount", mount, log=log)


def mounts_below(table: str, folder: Path) -> list[Path]:
    """Where something is mounted at a folder or below it, in the order of mounting, by the text of /proc/mounts."""
    places = [Path(line.split(" ")[1].replace("\\040", " ")) for line in table.splitlines()]
    return [place for place in places if place.is_relative_to(folder)]
