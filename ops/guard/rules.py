"""All rules of the guard, as pure functions of a preview. Each yields findings or notes, and prints nothing.

A change is a finding or a note if it touches the way from a data resource to the process that writes it. So is one that
runs a program on the host. Only changes that are known to be harmless pass. There is one module for each family of
rules, which declares their words. A word of several families is declared in the first of them.
"""

from ops.guard import (
    accounts,
    containers,
    data_volumes,
    docker_volumes,
    host_commands,
    images,
    keeper,
    open_ports,
    restore_points,
    role,
    servers,
    unknowns,
)
from ops.guard.finding import Finding, Rule
from ops.guard.preview import Preview

FAMILIES = (
    *(data_volumes, role, restore_points, docker_volumes, containers, servers),
    *(host_commands, accounts, open_ports, keeper, images, unknowns),
)
"""The modules that declare rules, in the order of the table in docs/guard.md."""

RULES: tuple[Rule, ...] = tuple(
    declared for family in FAMILIES for declared in vars(family).values() if isinstance(declared, Rule)
)
"""All rules. Exceptions name their words."""


def findings(preview: Preview) -> tuple[Finding, ...]:
    """Return all findings, data first."""
    return (
        *role.findings(preview),
        *data_volumes.findings(preview),
        *restore_points.findings(preview),
        *docker_volumes.findings(preview),
        *containers.findings(preview),
        *servers.findings(preview),
        *host_commands.findings(preview),
        *accounts.findings(preview),
        *keeper.findings(preview),
        *open_ports.findings(preview),
        *images.findings(preview),
        *unknowns.findings(preview),
    )


def notes(preview: Preview) -> tuple[str, ...]:
    """Return notes that do not stop the update."""
    return (
        *data_volumes.notes(preview),
        *restore_points.notes(preview),
        *docker_volumes.notes(preview),
        *containers.notes(preview),
        *servers.notes(preview),
        *host_commands.notes(preview),
        *keeper.notes(preview),
        *open_ports.notes(preview),
        *images.notes(preview),
    )
