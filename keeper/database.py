"""The source's database, asked through the tunnel with psql."""

import json
import subprocess
import tempfile
from types import TracebackType
from typing import Any

from keeper.places import ROLE, Places
from keeper.programs import last_lines
from keeper.refusal import Refusal

END = "toybox-keeper: end of the answer"

RECEIVER = "barman_receive_wal"
"""The name under which Barman's receiver logs in to the source."""

FACTS = f"""
SELECT json_build_object(
    'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
    'version', current_setting('server_version'),
    'major', current_setting('server_version_num')::int / 10000,
    'clock', extract(epoch FROM clock_timestamp()),
    'lsn', pg_current_wal_lsn(),
    'timeline', ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int,
    'bytes', pg_database_size(:'database'),
    'slot', (SELECT json_build_object('active', active, 'wal_status', wal_status, 'restart_lsn', restart_lsn,
                                      'behind', pg_current_wal_lsn() - restart_lsn)
             FROM pg_replication_slots WHERE slot_name = '{ROLE}'),
    'receiver', (SELECT json_build_object('state', state, 'flushed', flush_lsn,
                                          'behind', pg_current_wal_lsn() - flush_lsn)
                 FROM pg_stat_replication WHERE application_name = '{RECEIVER}' LIMIT 1))
"""  # noqa: S608 - a constant
"""Everything about the source at once. `behind` is in bytes."""

ROWS = """
SELECT coalesce(json_object_agg(name, rows ORDER BY name), '{}'::json) FROM (
    SELECT format('%I.%I', n.nspname, c.relname) AS name,
           (xpath('/row/rows/text()',
                  query_to_xml(format('SELECT count(*) AS rows FROM ONLY %I.%I', n.nspname, c.relname),
                               false, true, '')))[1]::text::bigint AS rows
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
) AS counted
"""
"""{table: rows}, counted one by one. Unlogged tables are empty after a recovery, and left out."""

MARK = "INSERT INTO mark DEFAULT VALUES RETURNING json_build_object('at', at, 'seconds', extract(epoch FROM at))"
PRUNE_MARKS = "DELETE FROM mark WHERE at < clock_timestamp() - interval '30 days'"
NEWEST_MARK = "SELECT json_build_object('at', max(at), 'seconds', extract(epoch FROM max(at))) FROM mark"

CLOCKS_MAY_DIFFER = 300
"""Seconds between the source's clock and the keeper's. Beyond them nothing is pruned by age."""


class Session:
    """One psql session, for as long as the `with` block lasts. It can hold a transaction open."""

    def __init__(self, places: Places, database: str) -> None:
        self._source = places.source
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the session
        command = [
            str(places.programs / "psql"),
            *("--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"),
            *("--set", "ON_ERROR_STOP=1", "--set", f"database={places.database}"),
            places.conninfo(database),
        ]
        try:
            self._psql = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, text=True, cwd="/"
            )
        except FileNotFoundError:
            raise Refusal(
                f"There is no {command[0]}.",
                f"The source runs PostgreSQL {places.major}, and is asked with the programs of that version.",
                f"`apt-get install postgresql-{places.major}`, on the keeper.",
            ) from None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind:
            self._psql.kill()
        self._psql.communicate()
        self._complaints.close()

    def ask(self, statement: str) -> Any:
        """Return the JSON value that a statement's last line is; None if it prints nothing.

        Raises:
            Refusal: the source does not answer, or refuses.
        """
        if self._psql.stdin is None or self._psql.stdout is None:  # never: both are pipes
            raise RuntimeError("psql has no pipes")
        try:
            self._psql.stdin.write(f"{statement};\n\\echo {END}\n")
            self._psql.stdin.flush()
        except BrokenPipeError:
            raise self._refusal() from None
        answer = ""
        for line in self._psql.stdout:
            if line.rstrip("\n") == END:
                return json.loads(answer) if answer else None
            answer = line.strip() or answer
        raise self._refusal()

    def _refusal(self) -> Refusal:
        self._psql.wait()
        self._complaints.seek(0)
        said = last_lines(self._complaints.read()) or f"psql ended with {self._psql.returncode}"
        return Refusal(
            "The source's database does not answer as it should.",
            said,
            "`systemctl status toybox-keeper-tunnel` shows the way to it; "
            f"`pulumi up --stack {self._source}` lets the keeper in.",
        )


def facts(places: Places) -> dict[str, Any]:
    """Return what FACTS tells of the source. Raises Refusal."""
    with Session(places, ROLE) as session:
        told: dict[str, Any] = session.ask(FACTS)
    return told


def rows(places: Places) -> dict[str, int]:
    """Return the rows of each table, of one moment. Raises Refusal."""
    with Session(places, places.database) as session:
        session.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        counted: dict[str, int] = session.ask(ROWS)
    return counted


def newest_mark(places: Places) -> dict[str, Any]:
    """Return the time of the newest mark: `at` as text, `seconds` since 1970. Raises Refusal."""
    with Session(places, ROLE) as session:
        told: dict[str, Any] = session.ask(NEWEST_MARK)
    return told


def clocks_agree(difference: float) -> bool:
    """Return whether the two clocks are close enough to judge ages by."""
    return abs(difference) <= CLOCKS_MAY_DIFFER
