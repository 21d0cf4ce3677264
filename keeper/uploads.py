"""The files that rows of the database name, compared with those that are kept."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keeper import catalogue
from keeper.places import Places
from keeper.programs import must
from keeper.refusal import Refusal
from keeper.scratch import Scratch

TEXT_COLUMNS = """
SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname, a.attname)), '[]')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND a.attnum > 0
  AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'varchar'::regtype);
"""
"""[[schema, table, column]] of every column of text."""


@dataclass(frozen=True, order=True)
class Column:
    """A column of text. Its names come from the source: they are quoted here, and not by its own database."""

    schema: str
    table: str
    name: str

    def __post_init__(self) -> None:
        if not all(PLAIN.fullmatch(part) for part in (self.schema, self.table, self.name)):
            raise Refusal(
                f"The database has a column {self.schema!r}.{self.table!r}.{self.name!r}.",
                "Such a name could end its quotes, and have the keeper run something.",
                "Look at the source: nothing of TOYBOX's has such a name.",
            )

    @property
    def listed(self) -> str:
        """Its name in a volume's `named_in`."""
        return f"{self.table}.{self.name}"

    @property
    def literal(self) -> str:
        """The same, for SQL."""
        return "'" + self.listed.replace("'", "''") + "'"

    @property
    def values(self) -> str:
        """What stands in SQL for its value."""
        return quoted(self.name)

    @property
    def rows(self) -> str:
        """What stands in SQL for its table."""
        return f"{quoted(self.schema)}.{quoted(self.table)}"


PLAIN = re.compile(r"[^\\\x00-\x1f\x7f]+")


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL. Pure."""
    return '"' + name.replace('"', '""') + '"'


def listing(places: Places, snapshot: str) -> dict[str, int]:
    """Return {path: bytes} of the files in a snapshot, such as /media/photos/1.jpg. Raises Refusal."""
    reading = catalogue.restic(places, "ls", "--json", "--no-lock", snapshot)
    printed = must(f"Reading snapshot {snapshot[:8]}", catalogue.LOOK_AT_RESTIC, *reading, seconds=catalogue.HOURS)
    nodes = [json.loads(line) for line in printed.splitlines()]
    return {str(node["path"]): int(node.get("size", 0)) for node in nodes if node.get("type") == "file"}


def names_in(paths: Iterable[str], volume: str) -> set[str]:
    """Return the names that rows have for the files of a volume: photos/1.jpg for /media/photos/1.jpg. Pure."""
    return {path.removeprefix(f"/{volume}/") for path in paths if path.startswith(f"/{volume}/")}


def copied(value: str) -> str:
    """Return a text as COPY reads it. Pure."""
    for character, written in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(character, written)
    return value


MISSING = """
 UNION ALL SELECT {literal}, {values}::text FROM {rows} WHERE {values} <> ''
 AND NOT EXISTS (SELECT FROM kept_files WHERE path = {values})"""
NAMING = """
 UNION ALL SELECT {literal} WHERE EXISTS (SELECT FROM {rows} JOIN kept_files ON path = {values})"""
FOUND = """\
CREATE TEMPORARY TABLE kept_files (path text);
COPY kept_files FROM STDIN;
{lines}\\.
CREATE INDEX ON kept_files (path);
ANALYZE kept_files;
SELECT json_build_object(
 'missing', (SELECT coalesce(json_agg(json_build_array(name, file)), '[]')
             FROM (SELECT NULL::text AS name, NULL::text AS file WHERE false{missing}) AS found),
 'naming', (SELECT coalesce(json_agg(name), '[]') FROM (SELECT NULL::text AS name WHERE false{naming}) AS found));
"""


def statements(names: Iterable[str], listed: Sequence[Column], others: Sequence[Column]) -> str:
    """Return what asks the database for the rows whose file is not among `names`, by each listed column; and for the
    columns that are not listed and name such a file all the same. Pure."""
    lines = "".join(f"{copied(name)}\n" for name in sorted(names))
    missing = "".join(filled(MISSING, column) for column in listed)
    naming = "".join(filled(NAMING, column) for column in others)
    return FOUND.format(lines=lines, missing=missing, naming=naming)


def filled(template: str, column: Column) -> str:
    """Return a part of the statement for one column. Pure."""
    return template.format(literal=column.literal, values=column.values, rows=column.rows)


def without_file(scratch: Scratch, name: str, volume: str, listed: Sequence[str], files: set[str]) -> list[str]:
    """Return the files that rows of database `name` name and that are not among `files`, as "column: file".

    Raises:
        Refusal: a column names files and is in no list, so that nothing would miss them.
    """
    columns = sorted(Column(*map(str, each)) for each in scratch.ask(name, TEXT_COLUMNS))
    known = [column for column in columns if column.listed in listed]
    others = [column for column in columns if column.listed not in listed]
    told: dict[str, Any] = scratch.ask(name, statements(files, known, others))
    if told["naming"]:
        raise Refusal(
            f"{', '.join(told['naming'])}: rows name files of volume {volume}, and no list says so.",
            "A drill would not miss such a file.",
            "Add the column to `named_in` of the volume in inventory/volumes.py, then `pulumi up --stack keeper`.",
        )
    return [f"{column}: {file}" for column, file in told["missing"]]


def hashes(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (path below `folder`, SHA-256) of each regular file, in order."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            with file.open("rb") as opened:
                yield str(file.relative_to(folder)), hashlib.file_digest(opened, "sha256").hexdigest()


def unchanged_since(mirror: Path, restored: Path) -> bool:
    """Return whether the mirror still has the file that was restored, by its size and the time of its last change."""
    try:
        ours, theirs = mirror.lstat(), restored.lstat()
    except OSError:
        return False
    return ours.st_size == theirs.st_size and ours.st_mtime_ns == theirs.st_mtime_ns


def compared(restored: Path, mirror: Path) -> dict[str, Any]:
    """Compare each restored file with the mirror, from which restic took it and which rsync made. Return the number of
    files, their bytes, a hash over all of them, and how many the mirror still has: restic's own hash is the only proof
    of the others.

    Raises:
        Refusal: a file that the mirror still has has other bytes.
    """
    files = size = same = 0
    whole = hashlib.sha256()
    for name, digest in hashes(restored):
        files, size = files + 1, size + (restored / name).stat().st_size
        whole.update(f"{digest}  {name}\n".encode())
        if unchanged_since(mirror / name, restored / name):
            with (mirror / name).open("rb") as opened:
                if hashlib.file_digest(opened, "sha256").hexdigest() != digest:
                    raise Refusal(
                        f"{name} was restored with other bytes than {mirror / name} has.",
                        "Size and time are the same, so one of the two is damaged.",
                        f"Compare it with the source's. A damaged mirror: `rm '{mirror / name}'`, then"
                        " `toybox-keeper run files`.",
                    )
            same += 1
    return {"files": files, "bytes": size, "sha256": whole.hexdigest(), "compared_with_mirror": same}
