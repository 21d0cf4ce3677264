"""`up`, `status` and `down` of the whole lab, put together from its parts."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lab import (
    control_plane,
    credentials,
    database,
    debian,
    engine,
    object_storage,
    paths,
    ports,
    processes,
    registry,
    volume_store,
)
from lab.locks import locked
from lab.openstack import firewall
from lab.steps import LabError, Report, Step, run, run_steps

FOLDERS = (
    paths.LOG,
    paths.RUN,
    paths.CONFIG,
    paths.SERVERS,
    paths.PULUMI,
    paths.LAB_DIR / "lock",
    paths.LAB_DIR / "nova",
)


@contextmanager
def alone() -> Iterator[None]:
    """Only one `up` or `down` at a time on this machine. Another one waits."""
    require_root()
    with locked(paths.LOCK):
        yield


def require_root() -> None:
    """Raise LabError for anybody else than root."""
    if os.geteuid() != 0:
        raise LabError("the lab needs root: it mounts, makes loop devices and runs Docker", then="sudo make up")


def services() -> list[str]:
    """All services that the lab may run, in the order of starting."""
    openstack = (one.name for one in control_plane.SERVICES)
    return [engine.SERVICE, registry.SERVICE, database.SERVICE, *openstack, control_plane.RULES, object_storage.SERVICE]


def wanted_ports() -> dict[str, tuple[str, int]]:
    """Every address and port that the lab listens on."""
    ports = {one.name: ("127.0.0.1", one.port) for one in control_plane.SERVICES}
    rules = {control_plane.RULES: ("127.0.0.1", control_plane.RULES_PORT)}
    outside = {registry.SERVICE: registry.PORT, object_storage.SERVICE: object_storage.PORT}
    return {**{name: (engine.GATEWAY, port) for name, port in outside.items()}, **ports, **rules}


def up(report: Report, *, toolchain: bool = False, cloud: str = "conoha") -> None:
    """Bring the lab up from whatever state it is in; with `toolchain` also Pulumi, while the lab comes up. People and
    tests then log in to `cloud` (a key of credentials.AUTH_URLS).

    Raises LabError.
    """
    with alone():
        for folder in FOLDERS:
            folder.mkdir(parents=True, exist_ok=True)
        paths.LAB_DIR.chmod(0o700)
        adopt_strays()
        ours = {pid for name in services() if (pid := processes.alive(name))}
        ports.require_free(wanted_ports(), ours)
        run_steps(up_steps(toolchain), report)
        credentials.give_out(cloud)


def adopt_strays() -> None:
    """End services of a start that was killed off before it had recorded them."""
    running = {name for name in services() if processes.alive(name)}
    for stray in list(processes.strays()):
        # a service that runs may lead others that carry its name: dockerd has a containerd, without which no server
        # starts for half a minute
        if stray.leader and stray.name not in running:
            processes.stop_tree(stray.pid)


def up_steps(toolchain: bool) -> list[Step]:
    """What `up` does, and what needs what."""
    steps = [
        Step("checkout", note_checkout),
        Step("Debian packages", debian.ensure_packages),
        Step("OpenStack packages", openstack_packages),
        Step("Docker engine", engine.ensure_engine, ["Debian packages"]),
        Step("servers' network", engine.ensure_network, ["Docker engine"]),
        Step("volume store", volume_store.ensure_store, ["Debian packages"]),
        Step("database", control_plane.ensure_database, ["Debian packages", "OpenStack packages"]),
        Step("registry", registry.ensure_registry, ["servers' network"]),
        Step("server image", server_image, ["Docker engine"]),
        Step("service images", images, ["registry"]),
    ]
    before = {"cinder": ["volume store"], "nova": ["volume store", "registry", "server image"]}
    for one in control_plane.SERVICES:
        steps.append(
            Step(one.name, lambda one=one: control_plane.ensure_service(one), ["database", *before.get(one.name, [])])  # type: ignore[misc]
        )
    steps.append(Step("ConoHa's rules", control_plane.ensure_rules, [one.name for one in control_plane.SERVICES]))
    for what, service in FILLS.items():
        steps.append(Step(f"{service}: {what.replace('_', ' ')}", lambda what=what: fill(what), ["keystone", service]))  # type: ignore[misc]
    if toolchain:
        steps.append(Step("Pulumi", install_toolchain))
    return steps


def note_checkout() -> str | None:
    """Note the checkout that made the lab, and tell another one: its services run that one's code."""
    if not paths.MADE_BY.exists():
        paths.MADE_BY.write_text(str(paths.CHECKOUT))
    made_by = paths.MADE_BY.read_text()
    if made_by == str(paths.CHECKOUT):
        return None
    return f"{made_by} made this lab, and a machine has one; `make down` ends it"


def openstack_packages() -> str:
    """OpenStack's virtual environment, and the configuration that names it."""
    remark = control_plane.ensure_environment()
    control_plane.write_configuration(credentials.credentials())
    return remark


def server_image() -> str:
    """Have the image of servers in the engine. (Its builder is loaded only here: it takes a moment.)"""
    from lab.server_image import ensure_server_image

    return ensure_server_image()


def images() -> str:
    """Have the service images in the registry, and note their references for the stacks' settings."""
    from lab.images import build_and_push

    references = build_and_push(registry.ADDRESS, registry.AUTHORITY, paths.LAB_CACHE, paths.LOG)
    credentials.write_private(paths.IMAGES, json.dumps(references, indent=2) + "\n")
    return ", ".join(references)


FILLS = {"flavors": "nova", "volume_types": "cinder", "images": "glance", "networks": "neutron"}
"""What a new cloud is filled with, and the service that holds it."""


def fill(what: str) -> str | None:
    """Fill one service of the new cloud, once. OpenStack's SDK takes its time to load, so it is not even asked when
    that is done."""
    filled = paths.RUN / f"filled-{what}"
    if filled.exists():
        return "already there"
    from lab import cloud

    fills = {
        "flavors": cloud.fill_flavors,
        "volume_types": cloud.fill_volume_types,
        "images": cloud.fill_images,
        "networks": cloud.fill_networks,
    }
    fills[what](credentials.credentials())
    filled.touch()
    return None


def install_toolchain() -> None:
    """Have Pulumi and its plugins, built or from the cache."""
    run(paths.CHECKOUT / "toolchain" / "install", "pulumi", log=paths.LOG / "toolchain.log")


@dataclass(frozen=True)
class ServiceState:
    """One service of the lab, as it is now."""

    name: str
    pid: int | None
    memory: int
    """Resident bytes, of its children too."""
    address: str


@dataclass(frozen=True)
class ServerState:
    """One server of the lab, or one keeper: a container."""

    name: str
    id: str
    """In OpenStack. A keeper has none."""
    address: str
    state: str
    memory: int
    """Bytes in use, page cache that could be dropped apart."""


def service_states() -> list[ServiceState]:
    """The lab's services. The machine's own Docker engine is not one of them, and neither is an object storage that no
    keeper wanted."""
    addresses = {name: f"{address}:{port}" for name, (address, port) in wanted_ports().items()}
    states = []
    for name in services():
        pid = processes.alive(name)
        if name == engine.SERVICE and pid is None and engine.answers():
            continue
        if name == object_storage.SERVICE and not object_storage.FOLDER.exists():
            continue
        memory = processes.resident_bytes(processes.family(pid)) if pid else 0
        states.append(ServiceState(name, pid, memory, addresses.get(name, "")))
    return states


def server_states() -> list[ServerState]:
    """The lab's servers and keepers; none where no engine answers."""
    found = engine.containers() if engine.answers() else []
    machines = {engine.SERVER_LABEL, engine.KEEPER_LABEL}
    return [server_state(container) for container in found if machines & container["Labels"].keys()]


def server_state(container: dict[str, Any]) -> ServerState:
    """A server, from the engine's description of its container."""
    labels = container["Labels"]
    memory = 0
    if container["State"] == "running":
        stats = engine.ask(f"/containers/{container['Id']}/stats?stream=false&one-shot=true")["memory_stats"]
        details = stats.get("stats", {})
        droppable = details.get("total_inactive_file", details.get("inactive_file", 0))
        memory = max(stats.get("usage", 0) - droppable, 0)
    return ServerState(
        name=labels.get("toybox.lab.name", container["Names"][0].lstrip("/")),
        id=labels.get(engine.SERVER_LABEL, ""),
        address=container["NetworkSettings"]["Networks"].get(engine.NETWORK, {}).get("IPAddress", ""),
        state=container["State"],
        memory=memory,
    )


def down() -> None:
    """Take the lab away: servers, services, network, loop devices, mounts, state. Caches stay."""
    with alone():
        object_storage.remove()
        processes.stop(control_plane.RULES, grace=5)
        for service in reversed(control_plane.SERVICES):
            processes.stop(service.name, grace=5)
        processes.stop(registry.SERVICE)
        engine.remove_all()
        firewall.remove()
        processes.stop(database.SERVICE, grace=5)
        for stray in list(processes.strays()):
            try:
                os.kill(stray.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if paths.LAB_DIR.exists():
            volume_store.remove_store()
            shutil.rmtree(paths.LAB_DIR)
    paths.LOCK.unlink(missing_ok=True)
