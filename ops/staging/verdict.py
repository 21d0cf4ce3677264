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
    if report["media"] != media["before"]:
        found.append(f"media: {files(report['media'])}, and should be {files(media['before'])}")
    if sum(rows["before"].values()) == 0:
        found.append("the restore point's database has no rows at all")
    return found


def files(media: Mapping[str, int]) -> str:
    """Media files in words."""
    return f"{media['files']} files of {media['bytes'] / 1e6:.1f} MB"


def summary(report: Mapping[str, Any]) -> list[str]:
    """What was compared, in words."""
    rows, media = report["record"]["rows"], report["record"]["media"]
    kept = {table: count for table, count in rows["before"].items() if table not in rows["emptied"]}
    lines = [
        f"{sum(kept.values())} rows in {len(kept)} tables, as in the restore point",
        f"{files(media['before'])} in media, as in the restore point",
    ]
    if gone := [f"{table} ({rows['before'][table]} rows)" for table in rows["emptied"] if rows["before"].get(table)]:
        lines.append(f"emptied: {', '.join(gone)}")
    return [*lines, "no real e-mail address in any column"]
