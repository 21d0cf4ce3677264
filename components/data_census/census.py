"""Prints what the database and the uploads on this server hold, and which disk they lie on, as one JSON object.

Stands alone: sent to the server and run there by `python3 -` (3.10, Ubuntu 22.04), as root. It changes nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

MOUNT_POINT = "/srv/toybox"
PSQL = 'exec psql -XAtq -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d "${POSTGRES_DB:-toybox}"'
"""A container of before this project's superuser was `postgres` says who it is."""

TABLES = """
SELECT coalesce(json_agg(json_build_object('name', name, 'table', quoted, 'times', times)), '[]')
FROM (
  SELECT CASE WHEN n.nspname = 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END AS name,
    format('%I.%I', n.nspname, c.relname) AS quoted,
    coalesce((SELECT json_agg(quote_ident(a.attname)) FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND a.atttypid = 'timestamptz'::regtype), '[]') AS times
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
  ORDER BY 1
) AS tables;
"""

IDENTIFIER = "SELECT system_identifier FROM pg_control_system();"


def psql(statements: str) -> str:
    """What the database answers, in the PostgreSQL container."""
    command = ["docker", "exec", "-i", "postgres", "sh", "-c", PSQL]
    return subprocess.run(command, input=statements, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def counting(tables: list[dict[str, Any]]) -> str:
    """One statement for all tables, and so of one moment: rows, and the newest time in any column that is not in the
    future (an expiry is no write)."""
    parts = []
    for each in tables:
        times = ", ".join(f"max({name}) FILTER (WHERE {name} <= now())" for name in each["times"])
        newest = f"extract(epoch FROM greatest({times}))" if times else "NULL"
        name = "'" + each["name"].replace("'", "''") + "'"
        columns = f"{name} AS name, count(*) AS rows, {newest} AS newest"
        parts.append(f"SELECT {columns} FROM {each['table']}")  # noqa: S608 - names as PostgreSQL quotes them
    return f"SELECT json_agg(counted) FROM ({' UNION ALL '.join(parts)}) AS counted;"  # noqa: S608 - see above


def disk() -> list[str]:
    """The names by which the mounted data disk is known, which hold the volume's id; none if nothing is mounted."""
    found = subprocess.run(
        ["findmnt", "--noheadings", "--output", "SOURCE", "--mountpoint", MOUNT_POINT],
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    device = found.stdout.strip()
    links = Path("/dev/disk/by-id").glob("*") if device else []
    return sorted(link.name for link in links if os.path.realpath(link) == os.path.realpath(device))


def media() -> dict[str, int]:
    """Number and bytes of the uploaded files."""
    files = [path for path in Path(MOUNT_POINT, "media").rglob("*") if path.is_file()]
    return {"files": len(files), "bytes": sum(path.stat().st_size for path in files)}


def census() -> dict[str, Any]:
    """All of it."""
    tables = json.loads(psql(TABLES))
    counted = json.loads(psql(counting(tables))) if tables else []
    times = [each["newest"] for each in counted if each["newest"] is not None]
    return {
        "disk": disk(),
        "identifier": int(psql(IDENTIFIER)),
        "rows": {each["name"]: each["rows"] for each in counted},
        "newest": max(times, default=None),
        "media": media(),
    }


if __name__ == "__main__":
    print(json.dumps(census()))
