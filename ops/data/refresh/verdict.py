"""Whether a refreshed staging is what it should be. Pure."""

from collections.abc import Mapping
from typing import Any


def problems(report: Mapping[str, Any], volume_id: str) -> list[str]:
    """What is wrong with staging, by what the scrub's `verify` printed on its server; nothing if all is well.

    Rows are compared as they were before any application container started: afterwards the site lives, and a periodic
    job writes rows of its own. Media files are compared as they are now, for nobody could have added one.
    """
    record = report.get("record")
    if not record or record["volume"] != volume_id:
        return ["the data volume has no record of a scrub, so its data may be prod's as it is"]
    rows, media = record["rows"], record["media"]
    found = [f"{column} holds a real e-mail address in {count} rows" for column, count in report["addresses"].items()]
    found += [f"{column} is not listed in components/staging_scrub/personal_data.py" for column in report["unlisted"]]
    for table, before in rows["before"].items():
        expected = 0 if table in rows["emptied"] else before
        if rows["after"].get(table) != expected:
            found.append(f"table {table} has {rows['after'].get(table)} rows and should have {expected}")
        if expected and not report["rows"].get(table):
            found.append(f"table {table} is empty now, and had {expected} rows after the scrub")
    if report["media"] != media["before"]:
        found.append(f"media: {files(report['media'])}, and should be {files(media['before'])}")
    if sum(rows["before"].values()) == 0:
        found.append("the database that was restored has no rows at all")
    return found


CONTAINERS = "docker ps --all --format '{{.Names}} {{.Status}}'"
"""The command that lists the containers and their health, on the server."""

EXPECTED = frozenset({"beat", "caddy", "postgres", "redis", "web", "worker"})


def volume_problems(volume: Any, restore_point: str | None, server: str | None) -> list[str]:
    """Return the problems of the volume by the cloud's facts: whether it was made from the restore point, or from
    nothing for a keeper's backup, and whether the stack's server has it. ConoHa shows the restore point in the volume's
    metadata."""
    origins = {volume.snapshot_id, volume.backup_id, (volume.metadata or {}).get("src_backup_id")} - {None, ""}
    attached = [str(each["server_id"]) for each in volume.attachments or []]
    found = []
    if origins if restore_point is None else restore_point not in origins:
        made_from = ", ".join(map(str, origins)) or "nothing"
        wanted = restore_point or "nothing"
        found.append(f"volume {volume.id} was made from {made_from}, and should be from {wanted}")
    if attached != [server]:
        found.append(f"volume {volume.id} is attached to {', '.join(attached) or 'nothing'}, the server is {server}")
    return found


def container_problems(printed: str) -> list[str]:
    """Return the problems of the containers, by the output of `CONTAINERS`. A container without a first check of
    Docker's has passed the update's own health gate. Docker checks for the first time after half a minute."""
    status = dict(line.split(" ", 1) for line in printed.splitlines() if line.strip())
    return [
        f"container {name} is {status.get(name, 'not there')}"
        for name in sorted(EXPECTED)
        if not status.get(name, "").endswith(("(healthy)", "(health: starting)"))
    ]


def files(media: Mapping[str, int]) -> str:
    """Media files in words."""
    return f"{media['files']} files of {media['bytes'] / 1e6:.1f} MB"


def summary(report: Mapping[str, Any]) -> list[str]:
    """What was compared, in words."""
    rows, media = report["record"]["rows"], report["record"]["media"]
    kept = {table: count for table, count in rows["before"].items() if table not in rows["emptied"]}
    lines = [
        f"{sum(kept.values())} rows in {len(kept)} tables, as before the scrub",
        f"{files(media['before'])} in media, as before the scrub",
    ]
    if gone := [f"{table} ({rows['before'][table]} rows)" for table in rows["emptied"] if rows["before"].get(table)]:
        lines.append(f"emptied: {', '.join(gone)}")
    return [*lines, "no real e-mail address in any column"]
