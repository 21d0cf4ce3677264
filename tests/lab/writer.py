"""Writes into production's database, and what it has acknowledged."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.lab.test_staging_refresh import sql
from tests.lab.toybox import Toybox


@dataclass
class Acknowledged:
    """The rows that the database has acknowledged: number, and its clock in seconds since 1970."""

    rows: dict[int, float] = field(default_factory=dict)

    def wait(self, count: int) -> None:
        """Wait until there are so many."""
        deadline = time.monotonic() + 60
        while len(self.rows) < count:
            assert time.monotonic() < deadline, f"{len(self.rows)} commits within 60 s"
            time.sleep(0.05)


def new_table(prod: Toybox) -> None:
    """Make `kept`, or empty it."""
    at = "at timestamptz NOT NULL DEFAULT clock_timestamp()"
    sql(prod, f"DROP TABLE IF EXISTS kept; CREATE TABLE kept (number int PRIMARY KEY, {at})")


def fill(prod: Toybox, table: str, rows: int) -> None:
    """Make a table of about 2,100 bytes a row: 520,000 rows are 1 GB. A row is too short to be compressed."""
    text = "SELECT number, repeat(md5(number::text), 59) AS text"
    sql(prod, f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} AS {text} FROM generate_series(1, {rows}) AS number")


@contextmanager
def writer(prod: Toybox) -> Iterator[Acknowledged]:
    """Write row after row into `kept`, each a commit of its own, until the database is gone."""
    insert = "INSERT INTO kept (number) VALUES (&) RETURNING number, extract(epoch FROM at);"
    process = subprocess.Popen(
        [
            *("ssh", "-F", f".toybox/{prod.stack}/ssh/config", prod.server()[1]),
            f"seq 1000000 | sed 's/.*/{insert}/' | docker exec -i postgres psql -qAt -U postgres toybox",
        ],
        cwd=prod.workspace.program,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    acknowledged = Acknowledged()

    def read() -> None:
        for line in process.stdout or ():
            number, _, at = line.partition("|")
            if at.endswith("\n"):
                acknowledged.rows[int(number)] = float(at)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield acknowledged
    finally:
        process.kill()
        reader.join()
        process.wait()
