"""Makes prod's data fit for staging, on the server, before any application container starts.

Sent with the list of what is personal (personal_data.py) and parameters.json by the TOYBOX program; needs Python alone
(3.10, Ubuntu 22.04). The pure functions at the top decide, the edge below runs psql, redis-cli and docker.

A record on the data disk says for which volume and by which list it was done. The same volume and list are not done
again; a new volume, or a changed list, is. With `verify` it changes nothing and prints the record and what is there
now.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.data_disk import DataDisk, scrub_refusal
from components.staging_scrub import personal_data as listed

Schema = Mapping[str, Mapping[str, str]]
"""{table: {column: type}}; tables outside of the schema `public` as schema.table."""

LIST = "components/staging_scrub/personal_data.py"
"""The list's path in the checkout."""

MATERIALIZED_VIEW, FOREIGN_TABLE, LARGE_OBJECTS, DATABASE = (
    *("materialized view", "foreign table", "large objects", "database"),
)
Others = Sequence[tuple[str, str]]
"""Data outside of the tables' columns: (kind, name)."""

RECORD = ".staging-scrub.json"
NOTE = ".staging-scrub-began.json"
"""Both on the data disk. The note says what the volume held before the first attempt, and which containers were stopped
for it; an interrupted attempt must not forget either."""

APPLICATION = ("caddy", "beat", "worker", "web", "toybox-release")
"""The containers that may not see what is not scrubbed, in the order in which they are stopped."""


class ScrubError(Exception):
    """Why staging cannot start on this data, with the way out."""


# What is decided.


def due(record: Mapping[str, Any] | None, volume: str, rules: str) -> bool:
    """Whether the volume must be scrubbed. One that was empty when staging got it never held prod's data."""
    if not record or record["volume"] != volume:
        return True
    return not record["blank"] and record["rules"] != rules


def unlisted(schema: Schema) -> Schema:
    """Return the columns that are in no list."""
    found = {
        table: {
            column: data_type
            for column, data_type in columns.items()
            if column not in listed.CHANGED.get(table, {})
            and column not in listed.FREE_TEXT.get(table, ())
            and column not in listed.KEPT.get(table, ())
        }
        for table, columns in schema.items()
        if table not in listed.EMPTIED
    }
    return {table: columns for table, columns in found.items() if columns}


def in_words(schema: Schema) -> list[str]:
    """Return each column with its type: `newsletter.phone (text)`."""
    return [f"{table}.{column} ({kind})" for table, columns in schema.items() for column, kind in columns.items()]


def unlisted_others(others: Others) -> list[tuple[str, str]]:
    """Return the data outside of the tables' columns that is not listed, each with the step that settles it."""
    ways_out = {
        MATERIALIZED_VIEW: (listed.MATERIALIZED_VIEWS, "list it under MATERIALIZED_VIEWS: it is then filled again"),
        DATABASE: (listed.DATABASES, "list it under DATABASES, if it may stay as it is"),
        LARGE_OBJECTS: ((LARGE_OBJECTS,) if listed.LARGE_OBJECTS else (), 'set LARGE_OBJECTS to "removed" or "kept"'),
        FOREIGN_TABLE: ((), "drop it in production: it leads into another database, which a scrub would change"),
    }
    return [
        (f"{kind} {name}".strip(), way_out)
        for kind, name in others
        for known, way_out in (ways_out[kind],)
        if (name or kind) not in known
    ]


def refusal(columns: Schema, others: Sequence[tuple[str, str]]) -> str:
    """Return the message for the operator about all that is not listed, with the lines to add."""
    text = f"{LIST} does not say what becomes of:\n"
    text += "".join(f"    {column}\n" for column in in_words(columns))
    text += "".join(f"    {what}: {way_out}\n" for what, way_out in others)
    text += (
        "  Why: staging would show people's data to its testers. Nothing was changed, and no application container\n"
        "  runs.\n"
        f"  Way out: add it to {LIST}, then `pulumi up`."
    )
    if columns:
        text += (
            "\n  Columns that may stay, under KEPT; what people wrote, under FREE_TEXT:\n"
            + "".join(f"    {line}\n" for line in lines_to_add(columns))
            + "  A column that gets another value belongs under CHANGED; a table that loses all rows under EMPTIED:\n"
            + "\n".join(f'    "{table}": "what it holds",' for table in columns)
        )
    return text


def lines_to_add(columns: Schema) -> list[str]:
    """Return the columns as the list has them: `"newsletter": ("id", "phone"),`."""
    return [f'"{table}": ({", ".join(json.dumps(name) for name in names)},),' for table, names in columns.items()]


def name_of(column: str) -> str:
    """A column's name in SQL."""
    return '"' + column.replace('"', '""') + '"'


def name_of_table(table: str) -> str:
    """A table's name in SQL; a dot separates the schema."""
    return ".".join(map(name_of, table.split(".", 1)))


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def emptied(schema: Schema) -> list[str]:
    """The tables that lose all rows."""
    return [table for table in schema if table in listed.EMPTIED]


def statements(schema: Schema, login: str) -> list[str]:
    """The whole scrub in SQL, to be run in one transaction."""
    found = [
        # nothing that the database does by itself may copy an old value elsewhere
        "SET LOCAL session_replication_role = replica;",
        other_roles_without_password(login),
    ]
    if tables := emptied(schema):
        # all at once, for they may point to each other; one that is pointed to from elsewhere is refused
        found.append(f"TRUNCATE {', '.join(map(name_of_table, tables))};")
    for table, columns in schema.items():
        changes = {name: value for name, value in listed.CHANGED.get(table, {}).items() if name in columns}
        # first something that nobody can have chosen: user 7 may be called user8 in prod, and names are unique
        if unique := {
            name: "left(md5(random()::text || id), 20)" for name, value in changes.items() if "|| id" in value
        }:
            found.append(update(table, unique))
        if changes:
            found.append(update(table, changes))
        for name in listed.FREE_TEXT.get(table, ()):
            if name in columns:
                masked = f"regexp_replace({name_of(name)}, '{listed.ADDRESS}', 'somebody@{listed.DOMAIN}', 'g')"
                found.append(update(table, {name: masked}, where=has_address(name)))
    return found


def forget_statistics() -> str:
    """Return the statement that deletes the planner's statistics. They hold the most frequent values of each column,
    also of emptied tables."""
    tables = f"SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OF_USERS}"  # noqa: S608
    return f"DELETE FROM pg_statistic WHERE starelid IN ({tables});"  # noqa: S608 - no value of anybody's


def statements_for_others(others: Others) -> list[str]:
    """Return the statements for the data outside of the tables' columns. They run after those for the columns."""
    found = [f"REFRESH MATERIALIZED VIEW {name_of_table(name)};" for kind, name in others if kind == MATERIALIZED_VIEW]
    if listed.LARGE_OBJECTS == "removed":
        found.append("SELECT lo_unlink(oid) FROM pg_largeobject_metadata;")
    return found


def other_roles_without_password(login: str) -> str:
    """Whatever else may log in to prod's database may not to staging's."""
    others = f"SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname <> {literal(login)}"  # noqa: S608 - quoted
    loop = f"FOR other IN {others} LOOP EXECUTE format('ALTER ROLE %I PASSWORD NULL', other); END LOOP;"
    return f"DO $$ DECLARE other text; BEGIN {loop} END $$;"


def update(table: str, values: Mapping[str, str], where: str = "true") -> str:
    """An UPDATE. Names are quoted; values are SQL out of the list."""
    changes = ", ".join(f"{name_of(name)} = {value}" for name, value in values.items())
    return f"UPDATE {name_of_table(table)} SET {changes} WHERE {where};"  # noqa: S608 - see above


def count(what: str, table: str, where: str = "true") -> str:
    """A SELECT of a name and a number of rows."""
    return f"SELECT {literal(what)}, count(*) FROM {name_of_table(table)} WHERE {where}"  # noqa: S608 - names are quoted


def has_address(column: str) -> str:
    """The SQL condition that a column holds an e-mail address other than staging's own."""
    ours = f"[[:alnum:]._%+-]+@{listed.DOMAIN.replace('.', '[.]')}"
    return f"regexp_replace({name_of(column)}::text, '{ours}', '', 'g') ~ '{listed.ADDRESS}'"


def addresses_query(schema: Schema) -> str:
    """Counts, for every column in which words can stand, the rows with an address that is not staging's."""
    return " UNION ALL ".join(
        count(f"{table}.{column}", table, has_address(column))
        for table, columns in schema.items()
        for column, data_type in columns.items()
        if listed.is_text(data_type)
    )


def addresses_left(left: Mapping[str, int]) -> str:
    """What to tell the operator about e-mail addresses where the list has none."""
    return (
        "e-mail addresses are left in these columns, and components/staging_scrub/personal_data.py does not say what\n"
        "becomes of them:\n"
        + "".join(f"    {column}: {rows} rows\n" for column, rows in left.items())
        + "  Why: staging would show people's data to whoever tests on it. No application container runs.\n"
        "  Way out: list each, under FREE_TEXT if people write there what they like; then update staging again."
    )


def rows_query(schema: Schema) -> str:
    """Counts every table's rows."""
    return " UNION ALL ".join(count(table, table) for table in schema)


def missing_rows(before: Mapping[str, int], after: Mapping[str, int], gone: list[str]) -> list[str]:
    """The tables that do not have the rows they should."""
    wanted = {table: 0 if table in gone else rows for table, rows in before.items()}
    return [
        f"{table}: {after.get(table, 0)} rows, should be {rows}"
        for table, rows in wanted.items()
        if after.get(table) != rows
    ]


# The edge.

RELATION = "CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname"
"""A relation's name as the list has it, in SQL on the catalog."""

OF_USERS = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relpersistence <> 't'"


class Server:
    """The database, Redis, containers and data disk of this server."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.parameters = parameters
        self.data_disk = DataDisk(**parameters["disk"])
        self.disk = Path(parameters["mount_point"])

    def psql(self, sql: str, *options: str) -> list[list[str]]:
        """The rows that a script prints. It stops at the first error."""
        command = ["docker", "exec", "-i", self.parameters["postgres"], "psql", "-X", "-q", "-A", "-t", "-F", "\t"]
        command += [
            "-U",
            self.parameters["superuser"],
            "-d",
            self.parameters["database"],
            "-v",
            "ON_ERROR_STOP=1",
            "-f",
            "-",
        ]
        done = subprocess.run([*command, *options], input=sql, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ScrubError(f"PostgreSQL refused: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def counts(self, query: str) -> dict[str, int]:
        """The result of a query for (name, count)."""
        return {name: int(rows) for name, rows in self.psql(f"{query};")} if query else {}

    def schema(self, kinds: str = "rp") -> Schema:
        """Return all tables with their columns, from the catalog itself: information_schema hides those that a role may
        not read. `kinds` are PostgreSQL's letters: r and p are tables, m materialized views."""
        schema: dict[str, dict[str, str]] = {}
        letters = ", ".join(map(literal, kinds))
        rows = self.psql(
            f"SELECT {RELATION}, a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a"  # noqa: S608 - quoted
            " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            f" WHERE c.relkind IN ({letters}) AND {OF_USERS} AND a.attnum > 0 AND NOT a.attisdropped"
            " ORDER BY 1, a.attnum;"
        )
        for table, column, data_type in rows:
            schema.setdefault(table, {})[column] = data_type
        return schema

    def others(self) -> Others:
        """Return the data outside of the tables' columns."""
        kinds = f"CASE c.relkind WHEN 'm' THEN {literal(MATERIALIZED_VIEW)} ELSE {literal(FOREIGN_TABLE)} END"
        rows = self.psql(
            f"SELECT {kinds}, {RELATION} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"  # noqa: S608
            f" WHERE c.relkind IN ('m', 'f') AND {OF_USERS} UNION ALL"
            f" SELECT {literal(DATABASE)}, datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
            f" AND datname NOT IN ('postgres', {literal(self.parameters['database'])}) UNION ALL"
            f" SELECT {literal(LARGE_OBJECTS)}, '' WHERE EXISTS (SELECT FROM pg_largeobject_metadata)"
            " ORDER BY 1, 2;"
        )
        return [(kind, name) for kind, name in rows]

    def media(self) -> dict[str, int]:
        """How many files were uploaded, and their bytes."""
        files = size = 0
        for folder, _, names in os.walk(self.disk / "media"):
            files += len(names)
            size += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)
        return {"files": files, "bytes": size}

    def empty_redis(self) -> None:
        """Sessions, cache and queued jobs are prod's: gone, from the append-only file as well."""
        password = 'cat "$(ls /run/secrets/redis_password/* | head -n 1)"'
        script = f"{{ printf 'AUTH '; {password}; printf '\\n%s\\n' \"$@\"; }} | redis-cli"

        def ask(container: str, *commands: str) -> str:
            command = ["docker", "exec", self.parameters[container], "sh", "-c", script, "sh", "\n".join(commands)]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        said = ask("cache", "FLUSHALL SYNC") + ask("redis", "FLUSHALL SYNC", "BGREWRITEAOF")
        if [line for line in said.split("\n") if line][:3] != ["OK", "OK", "OK"]:
            raise ScrubError(f"Redis was not emptied: {said.strip()}")
        for _ in range(100):
            state = ask("redis", "INFO persistence")
            if "aof_rewrite_in_progress:0" in state and "aof_rewrite_scheduled:0" in state:
                return
            time.sleep(0.1)
        raise ScrubError("Redis did not rewrite its append-only file within 10 s, and prod's sessions are still in it")

    def forget_certificates(self) -> None:
        """Prod's certificates, their keys and the account at the certificate authority."""
        for volume in ("caddy-data", "caddy-config"):
            for path in (self.disk / volume).iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def label(self) -> str:
        """Return the label of the disk's file system."""
        command = ["e2label", self.data_disk.device]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def relabel(self) -> None:
        """Give the disk this staging's label, permanently."""
        subprocess.run(["e2label", self.data_disk.device, self.data_disk.label], check=True)
        subprocess.run(["sync", "--file-system", self.disk], check=True)
        if self.label() != self.data_disk.label:
            raise ScrubError(f"{self.data_disk.device} did not take the label {self.data_disk.label}")

    def containers(self, *options: str) -> list[str]:
        """The application's containers that are there."""
        command = ["docker", "ps", "--format", "{{.Names}}", *options]
        names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        return [name for name in APPLICATION if name in names]

    def read(self, name: str) -> Any:
        """A JSON file on the data disk, or None."""
        path = self.disk / name
        return json.loads(path.read_text()) if path.exists() else None

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Put a JSON file on the data disk, whole and for good."""
        new = self.disk / f"{name}.new"
        with new.open("w") as file:
            json.dump(content, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        new.rename(self.disk / name)
        folder = os.open(self.disk, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def scrub(server: Server) -> None:
    """Scrub the data, unless that was done. Raise ScrubError; the application's containers then stay stopped.

    The scrub gives the disk this staging's label before it changes the first row. So, wherever an attempt is killed,
    data that is no longer prod's carries the label of a staging. Production refuses it, and the next attempt goes on.
    """
    parameters, volume = server.parameters, server.data_disk.volume
    if not due(server.read(RECORD), volume, parameters["rules"]):
        print("staging scrub: this volume was scrubbed before, by the same list")
        return
    began = time.monotonic()
    running = server.containers()
    if running:
        subprocess.run(["docker", "stop", "--time", "60", *running], stdout=subprocess.DEVNULL, check=True)
    if reason := scrub_refusal(server.data_disk, server.label()):
        raise ScrubError(reason)
    schema = server.schema()
    note = server.read(NOTE)
    if not note or note["volume"] != volume:
        rows = server.counts(rows_query(schema))
        note = {"volume": volume, "rows": rows, "media": server.media(), "stopped": []}
    note["stopped"] = [name for name in APPLICATION if name in {*note["stopped"], *running}]
    server.write(NOTE, note)
    others = server.others()
    columns, other_data = unlisted(schema), unlisted_others(others)
    if columns or other_data:
        raise ScrubError(refusal(columns, other_data))

    server.relabel()
    changes = [*statements(schema, parameters["login"]), *statements_for_others(others), forget_statistics()]
    server.psql("\n".join(changes), "--single-transaction")
    searched = {**schema, **server.schema("m")}
    if left := {name: rows for name, rows in server.counts(addresses_query(searched)).items() if rows}:
        raise ScrubError(addresses_left(left))
    after = server.counts(rows_query(schema))
    if wrong := missing_rows(note["rows"], after, emptied(schema)):
        raise ScrubError("the database does not hold what it held before: " + "; ".join(wrong))
    for table in schema:
        if table in listed.CHANGED or table in listed.FREE_TEXT:
            # the old values are still in its files, in rows that no query sees
            server.psql(f"VACUUM (FULL, ANALYZE) {name_of_table(table)};")
    server.psql("VACUUM (FULL) pg_catalog.pg_statistic;")
    server.empty_redis()
    server.forget_certificates()

    media = server.media()
    record: dict[str, Any] = {
        "volume": volume,
        "origin": server.data_disk.origin,
        "rules": parameters["rules"],
        "blank": not schema,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rows": {"before": note["rows"], "after": after, "emptied": emptied(schema)},
        "media": {"before": note["media"], "after": media},
        "seconds": round(time.monotonic() - began, 1),
    }
    server.write(RECORD, record)
    (server.disk / NOTE).unlink()
    there = server.containers("--all")
    if again := [name for name in reversed(note["stopped"]) if name in there]:
        subprocess.run(["docker", "start", *again], stdout=subprocess.DEVNULL, check=True)
    print(f"staging scrub: {sum(after.values())} rows, {media['files']} media files, {record['seconds']} s")


def verify(server: Server) -> None:
    """Print the record, and what the volume holds now, as JSON. Changes nothing."""
    schema = server.schema()
    addresses = server.counts(addresses_query({**schema, **server.schema("m")}))
    result = {
        "record": server.read(RECORD),
        "volume": server.data_disk.volume,
        "rows": server.counts(rows_query(schema)),
        "media": server.media(),
        "addresses": {name: rows for name, rows in addresses.items() if rows},
        "unlisted": [*in_words(unlisted(schema)), *(what for what, _ in unlisted_others(server.others()))],
    }
    print(json.dumps(result))


def main(arguments: list[str]) -> None:
    """The edge of the edge."""
    server = Server(json.loads((Path(__file__).parent / "parameters.json").read_text()))
    try:
        (verify if arguments == ["verify"] else scrub)(server)
    except ScrubError as reason:
        sys.exit(f"staging scrub: {reason}")


if __name__ == "__main__":
    main(sys.argv[1:])
