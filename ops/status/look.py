"""Ask the state, the cloud, the server and the site. Each is asked by itself: one that does not answer hides no
other."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from host.fitness import faults
from host.ssh import NoAnswerError, ask
from ops import OpsError
from ops.cloud import connect, declared, opened
from ops.pulumi_cli import PulumiStack
from ops.restore_points import schedule
from ops.restore_points.drivers import driver_for
from ops.restore_points.model import RestorePoint
from ops.state.locks import Lock
from ops.status.cloud.kept import kept_lines
from ops.status.cloud.restore_point import points_of, restore_point_line
from ops.status.cloud.security_group import find_rules, security_group_line, ssh_networks
from ops.status.cloud.server import ServerSeen, find_server, server_line
from ops.status.cloud.volume import Data, data_of, volume_line
from ops.status.inside import replication, ssh
from ops.status.inside.clock import clock_line
from ops.status.inside.containers import container_lines
from ops.status.inside.host import host_lines
from ops.status.inside.release import release_line
from ops.status.inside.space import space_lines
from ops.status.keeper import keeper_lines, keeper_stack
from ops.status.known import Known, known
from ops.status.line import Line
from ops.status.outside import dns, ports
from ops.status.outside.certificate import certificate_line
from ops.status.outside.site import ask_site, site_line
from ops.status.state import lock_lines, state_line
from settings import Declared

KEEPER = "keeper"
"""The keeper's stack, where no settings file here says so."""

T = TypeVar("T")


@dataclass
class Status:
    """All lines of the status, in the order of the look."""

    lines: list[Line] = field(default_factory=list)
    newest: RestorePoint | None = None
    """The newest good restore point."""


def look(stack: str, now: Callable[[], datetime]) -> Status:
    """Return the status of the stack.

    Raises:
        OpsError, SettingsError: the stack's settings cannot be used, so nothing is known about it.
    """
    chosen = opened(stack)
    settings = declared(chosen)
    found = Status()
    keeper = keeper_stack(chosen)
    with ThreadPoolExecutor(1) as meanwhile:
        kept = meanwhile.submit(keeper_lines, settings, keeper)
        look_at_the_stack(found, chosen, settings, keeper, now)
    found.lines.extend(kept.result())
    return found


def look_at_the_stack(
    found: Status, chosen: PulumiStack, settings: Declared, keeper: str | None, now: Callable[[], datetime]
) -> None:
    """Add the lines about all but the keeper's own account. `keeper` is its stack."""
    stack = chosen.name
    state, unreadable = state_of(chosen)
    known_address = state.address if state else None
    with ThreadPoolExecutor(1) as meanwhile:  # a port whose packets are dropped takes three seconds
        knocked = meanwhile.submit(ports.knock, known_address) if known_address else None
        server, data = look_at_the_cloud(found, chosen, settings, state, now)
    found.lines[:0] = [state_line(state, unreadable, server, data, stack), *lock_lines(locks_of(chosen), stack)]
    address = server.address if server else known_address
    refusals: ports.Refusals = {}
    if address:
        refusals = knocked.result() if knocked and address == known_address else ports.knock(address)
        look_inside(found, chosen, settings, state, server, address, refusals[ports.SSH], keeper)
    look_from_outside(found, settings, stack, address, refusals, now())


def state_of(stack: PulumiStack) -> tuple[Known | None, str]:
    """Return the known part of the state, or None and the reason. A lock on the state does not block a reader."""
    try:
        return (known(stack.exported()) if stack.exists() else Known()), ""
    except OpsError as error:
        return None, str(error).splitlines()[-1]


def locks_of(stack: PulumiStack) -> Sequence[Lock]:
    """Return the locks on the state. None if they cannot be read: then the state cannot be read, either."""
    try:
        return stack.locks()
    except OpsError:
        return ()


def look_at_the_cloud(
    found: Status, stack: PulumiStack, settings: Declared, state: Known | None, now: Callable[[], datetime]
) -> tuple[ServerSeen | None, Data | None]:
    """Add the lines about the cloud. Return the server and the data volume, if the cloud answers."""
    lines, name = found.lines, stack.name
    try:
        connection = connect(stack)
    except OpsError as error:
        lines.append(Line("cloud", "bad", str(error), f"toybox api GET compute /servers/detail --stack {name}"))
        return None, None
    driver = driver_for(settings, connection)
    server, servers_asked = answered(lines, "server", name, lambda: find_server(connection, name))
    volumes, volumes_asked = answered(lines, "data volume", name, driver.volumes)
    points, points_asked = answered(lines, "restore point", name, driver.list)
    rules, rules_asked = answered(lines, "security group", name, lambda: find_rules(connection, name))
    data, told = answered(lines, "data volume", name, lambda: data_of(settings, name, state, volumes or []))
    if servers_asked:
        lines.append(server_line(server, state, name))
    ours: Sequence[RestorePoint] = points_of(name, data, volumes or [], points or []) if data else []
    found.newest = schedule.newest_good(ours, now())
    if volumes_asked and told and data:
        lines.append(volume_line(data, server, state, settings, name, found.newest))
        if points_asked:
            lines.append(restore_point_line(settings, name, data, ours, now()))
        lines.extend(kept_lines(data, name))
    if rules_asked:
        lines.append(security_group_line(rules, ssh_networks(settings), name))
    return server, data


def answered(lines: list[Line], name: str, stack: str, ask: Callable[[], T]) -> tuple[T | None, bool]:
    """Return the cloud's answer, and whether it answers. Add a line if it does not."""
    try:
        return ask(), True
    except OpsError as error:
        lines.append(Line(name, "bad", str(error), f"toybox status --stack {stack}"))
        return None, False


def look_inside(
    found: Status,
    stack: PulumiStack,
    settings: Declared,
    state: Known | None,
    server: ServerSeen | None,
    address: str,
    closed: str,
    keeper: str | None,
) -> None:
    """Add the lines of the server's own facts. `closed` is the reason why port 22 does not let this machine in."""
    lines, name = found.lines, stack.name
    config = f".toybox/{name}/ssh/config"
    before = datetime.now(UTC)
    try:
        if closed:  # a shared connection that is left over would hide that the port is closed
            raise NoAnswerError(f"port {ports.SSH} of {address}: {closed}")
        with ThreadPoolExecutor(1) as meanwhile:
            replicates = meanwhile.submit(replication.ask, config, address, stack.root) if settings.keeper else None
            facts = ask(config, address, stack.root)
    except NoAnswerError as error:
        source = ssh.source_towards(address)
        lines.append(ssh.ssh_line(str(error), server, source, settings.operators, name))
        lines.append(Line("inside", "unknown", "nothing is known of containers, disks and packet filter"))
        return
    after = datetime.now(UTC)
    on_server = ssh.on_server(name, address)
    lines.append(ssh.ssh_line("", server, None, settings.operators, name))
    lines.extend(host_lines(facts, faults(facts), name, on_server))
    lines.extend(space_lines(facts["space"], (facts["data_disk"] or {}).get("source"), on_server))
    theirs = datetime.fromtimestamp(facts["clock"], UTC) if facts["clock"] else after
    lines.extend(container_lines(facts["containers"], state.containers if state else (), theirs, name, on_server))
    lines.append(release_line(facts["released"], theirs, name))
    lines.append(clock_line(facts["clock"], before, after, on_server))
    if replicates:
        try:
            lines.append(replication.replication_line(replicates.result(), keeper or KEEPER))
        except NoAnswerError as error:
            lines.append(replication.silent_line(str(error), on_server))


def look_from_outside(
    found: Status, settings: Declared, stack: str, address: str | None, refusals: ports.Refusals, now: datetime
) -> None:
    """Add the lines about the visitors' view. If the site is down, the first red line above has its cause, and the
    command."""
    lines = found.lines
    logs = f"{ssh.on_server(stack, address or '')} docker logs --tail 50 web"
    command = next((line.command for line in lines if line.verdict == "bad"), logs)
    ours = ask_site(settings, address)
    lines.append(site_line(settings, ours, command))
    lines.append(certificate_line(settings.domain, ours.certificate, now, command))
    if address:
        lines.append(ports.ports_line(refusals, address, stack, command))
    resolved = dns.resolve(settings.domain)
    elsewhere = bool(resolved) and address not in resolved
    visitors = ask_site(settings, None) if elsewhere else ours
    lines.append(dns.dns_line(settings, address, resolved, ours, visitors, stack))
