"""`manage.py fingerprint`: what the site holds, in a form that two can be compared by."""

import hashlib
import json
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection, transaction

LEFT_OUT = {
    "posts_heartbeat": "grows by itself, a row per run of the periodic job",
    "django_session": "changes with every visit of somebody who is logged in",
}
"""Tables that change without anybody changing the site's content, and why."""

PASSING = {"accounts_user": ["last_login"]}
"""Columns of the same kind, by table."""


class Command(BaseCommand):
    """Two fingerprints are equal if, and only if, no row and no byte of a media file differs."""

    help = "Print rows per table, number of media files, and a SHA-256 over all of them, as JSON."

    def handle(self, **_):
        digest = hashlib.sha256()
        with transaction.atomic(), connection.cursor() as cursor:
            # one snapshot for all tables
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            tables = {
                table: _add_table(digest, cursor, table)
                for table in sorted(connection.introspection.table_names(cursor))
                if table not in LEFT_OUT
            }
        files, size = _add_files(digest, Path(settings.MEDIA_ROOT))
        result = {
            "tables": tables,
            "media": {"files": files, "bytes": size},
            "sha256": digest.hexdigest(),
            "left_out": LEFT_OUT | {f"{table}.{column}": "changes with every login"
                                    for table, columns in PASSING.items() for column in columns},
        }  # fmt: skip
        self.stdout.write(json.dumps(result, indent=2))


def _add_table(digest, cursor, table: str) -> int:
    """Add the table's columns and rows to the digest; return how many rows there are."""
    columns = [
        column.name
        for column in connection.introspection.get_table_description(cursor, table)
        if column.name not in PASSING.get(table, [])
    ]
    names = ", ".join(map(connection.ops.quote_name, columns))
    digest.update(f"table {table} ({names})\n".encode())
    # PostgreSQL writes the rows, so that no Python type stands between; in byte order, whatever the collation
    rows = f"SELECT ROW({names})::text AS content FROM {connection.ops.quote_name(table)}"  # noqa: S608, quoted names
    cursor.execute(f'SELECT content FROM ({rows}) AS rows ORDER BY content COLLATE "C"')  # noqa: S608
    count = 0
    for (row,) in cursor:
        digest.update(f"{len(row)} {row}\n".encode())
        count += 1
    return count


def _add_files(digest, root: Path) -> tuple[int, int]:
    """Add every file below `root`, with its path, to the digest; return how many there are and their bytes."""
    count = size = 0
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"file {path.relative_to(root)} {content}\n".encode())
        count += 1
        size += path.stat().st_size
    return count, size
