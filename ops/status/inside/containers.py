"""Report whether every container in the state runs, is healthy, and stays up."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from host.containers import Container, ailment, is_declared
from ops.status.line import Line


def container_lines(
    containers: Sequence[Container] | None, expected: Iterable[str], now: datetime, stack: str, on_server: str
) -> list[Line]:
    """Return a line for each container that is not well, and one for all that are. `containers` is None if Docker does
    not answer. `on_server` is the ssh command to which another one is appended."""
    if containers is None:
        return [Line("containers", "unknown", "Docker does not tell")]
    seen = {each["name"]: each for each in containers}
    names = sorted({*expected, *(each["name"] for each in containers if is_declared(each))})
    lines = [container_line(name, seen.get(name), now, stack, on_server) for name in names]
    well = [line.name for line in lines if line.verdict == "good"]
    ill = [line for line in lines if line.verdict != "good"]
    return [*([Line("containers", "good", f"{', '.join(well)}: healthy")] if well else []), *ill]


def container_line(name: str, seen: Container | None, now: datetime, stack: str, on_server: str) -> Line:
    """Return a line about one container."""
    if seen is None:
        return Line(name, "bad", "there is no such container", f"pulumi up --stack {stack} --refresh")
    ails = ailment(seen, now)
    if ails is None and seen["health"] == "starting":
        return Line(name, "unknown", "it was just started, and was not healthy yet")
    if ails is None:
        return Line(name, "good", "healthy")
    match ails.kind:
        case "stopped":
            command = f"pulumi up --stack {stack} --refresh"
        case "paused":
            command = f"{on_server} docker unpause {name}"
        case "hanging":
            command = f"{on_server} docker restart {name}"
        case "crash loop":
            command = f"{on_server} docker logs --tail 50 {name}"
    return Line(name, "bad" if ails.lasting else "unknown", ails.text, command)
