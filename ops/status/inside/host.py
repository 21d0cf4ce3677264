"""Report whether the server is fit to run TOYBOX: the verdicts of `host.fitness`, as lines."""

from collections.abc import Sequence

from host.fitness import MOUNT_POINT, Facts, Fault
from ops.status.line import Line

TOPICS = {
    "docker": ("daemon", "daemons", "data-root", "snap"),
    "data disk": ("disk-unmounted", "disk-read-only", "disk-errors"),
    "strangers": ("stranger",),
    "packet filter": ("packet-filter",),
    "host files": ("files",),
}
"""The lines, and the codes of the faults that make them red. A fault with another code has a line of its own."""

LOOKS = {
    "daemons": '"pgrep -a dockerd; ls -d /snap/bin/docker /var/snap/docker"',
    "snap": '"pgrep -a dockerd; ls -d /snap/bin/docker /var/snap/docker"',
    "disk-read-only": f'"dmesg | tail -n 40; findmnt {MOUNT_POINT}"',
    "disk-errors": f'"dmesg | tail -n 40; findmnt {MOUNT_POINT}"',
    "stranger": "docker ps -a",
}
"""Commands that only look, for faults where data may be at stake: the first one of the runbook's section."""


def host_lines(facts: Facts, faults: Sequence[Fault], stack: str, on_server: str) -> list[Line]:
    """Return a line for each topic, red for each fault. `on_server` is the ssh command to which another one is
    appended."""
    lines = []
    for topic, codes in TOPICS.items():
        ours = [fault for fault in faults if fault.code in codes]
        lines += [fault_line(topic, fault, stack, on_server) for fault in ours]
        if not ours:
            lines.append(Line(topic, "good", well(topic, facts)))
    known = [code for codes in TOPICS.values() for code in codes]
    others = [fault for fault in faults if fault.code not in known]
    return lines + [fault_line(fault.code, fault, stack, on_server) for fault in others]


def fault_line(topic: str, fault: Fault, stack: str, on_server: str) -> Line:
    """Return a fault's line, with the update that mends it, or a command that looks and the runbook's section."""
    if fault.mended:
        return Line(topic, "bad", fault.text, f"pulumi up --stack {stack}")
    return Line(topic, "bad", f"{fault.text}. {fault.way_out}", f"{on_server} {LOOKS.get(fault.code, 'docker info')}")


def well(topic: str, facts: Facts) -> str:
    """Return the words for a topic without a fault."""
    match topic:
        case "docker":
            return "; ".join(f"{each['version']}, data root {each['data_root']}" for each in facts["daemons"] or [])
        case "data disk":
            return f"mounted on {MOUNT_POINT}, takes a write, no error counted"
        case "strangers":
            return "no container but TOYBOX's has the data disk"
        case "packet filter":
            return "Docker's rules are there"
        case _:
            return "as the last update sent them"
