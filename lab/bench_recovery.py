"""`make bench-recovery`: measures a recovery from nothing, and thirty nights of backups, and writes both into
docs/benchmarks.md.

    python -m lab.bench_recovery [recovery] [nights]

It makes people's production and keeper anew, so what was in the lab's TOYBOX is lost. Other projects stay as they are.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from lab import loss
from lab.bench import PAGE, STACK, commit, inherited, timed, upload, verdict
from lab.deploy import on_server, site
from lab.keeper import deploy_keeper
from lab.paths import CHECKOUT
from lab.stack import PEOPLE, environment
from lab.steps import LabError

KEEPER = "keeper"
DATA = "/srv/toybox-keeper"
MB = 10**6

# What issue 10 asks for.
RTO_GOAL = 900.0
UPLOADS = 3000
"""MB that production has when it is destroyed."""
ROWS_OF_A_GIGABYTE = 520_000
NIGHTS = 30
LEAST = 1.0
"""Seconds of a step that is worth a line."""

# A small site: at its beginning, and each day. A row is as long as the longest post that TOYBOX takes.
FIRST_ROWS, NEW_ROWS, CHANGED_ROWS = 10_000, 500, 250
FIRST_UPLOADS, NEW_UPLOADS = 100, 10
"""MB, in files of 1 MB."""

CONTENT = "gen_random_bytes(944) || gen_random_bytes(944)"
"""Random bytes, which no compression makes fewer: a row of 1.9 kB, too short for PostgreSQL to try."""
LARGE = f"""
CREATE EXTENSION pgcrypto;
CREATE TABLE large (number serial PRIMARY KEY, content bytea NOT NULL);
ALTER TABLE large OWNER TO toybox;
INSERT INTO large (content) SELECT {CONTENT} FROM generate_series(1, {{rows}});
ANALYZE large;
"""  # noqa: S608, nothing from outside is in it
"""A table of the application's role, as all of its tables are: what postgres owns it cannot read."""
DAY = f"""
INSERT INTO large (content) SELECT {CONTENT} FROM generate_series(1, {NEW_ROWS});
UPDATE large SET content = {CONTENT}
WHERE number IN (SELECT number FROM large ORDER BY random() LIMIT {CHANGED_ROWS});
"""  # noqa: S608, nothing from outside is in it

HASHES = r"""
SELECT format('SELECT %L, count(*), sum(hashtextextended(t::text, 0)) FROM %s t', relname, oid::regclass) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT IN ('posts_heartbeat', 'django_session')
ORDER BY relname \gexec
"""
"""Prints for each table its rows, and a sum of their hashes, but for those that the site writes to by itself."""
FILES = "cd /srv/toybox && find media caddy-data -type f -exec sha256sum {} + | sort"
OWNERS = "cd /srv/toybox && find media caddy-data -printf '%p %m %U %G\\n' | sort"

DATED = """\
#!/bin/sh
# restic whose snapshots are of the night that the bench is in
for word in "$@"; do
    if [ "$word" = backup ]; then
        set -- "$@" --time "$(cat /etc/bench-night)"
        break
    fi
done
exec /usr/bin/restic "$@"
"""
OLDER = Path(__file__).with_name("older.py")
JOBS = {
    "full": "full backup of the database",
    "files": "pull of the files",
    "dump": "dump",
    "copy": "copy of all of it, read back",
}
NIGHT = """
for kind in full dump files copy; do
    said=$(toybox-keeper run $kind --json) || { echo "$kind: $said" >&2; exit 1; }
done
"""
HELD = f"""
cd {DATA}
du --summarize --block-size=1 barman/{STACK}/base barman/{STACK}/wals barman/{STACK}/streaming repository mirror dumps
"""
IN_BUCKET = """
import json
from keeper import bucket, places
print(sum(bucket.bucket_of(places.load()).names().values()))
"""

STEP = re.compile(r"^  (\S.*?) +done +([\d.]+) s$", re.MULTILINE)
RESTORED = re.compile(r"backup restore: (.+), (\d+) s$", re.MULTILINE)
RTO = re.compile(r"RTO: (\d+) s")
CARRIED = re.compile(r": \d+ files and folders, the same on both sides$")
UPDATE = "pulumi up: volume, server, services"
"""The step of `toybox recover` that has the restore in it."""

RECOVERY_PART, NIGHTS_PART = "From an empty project", "Thirty nights"


@dataclass(frozen=True)
class Run:
    """What a part was measured on.

    Attributes:
        load: the load average of five minutes before it began.
    """

    date: str
    commit: str
    cores: int
    load: float


@dataclass(frozen=True)
class Recovered:
    """A recovery: what `toybox recover` said of its time.

    Attributes:
        seconds: of the whole command.
        rto: by the command: from the operator's yes to a site that answers.
        steps: the command's own, with their seconds.
        restored: what the restore reported, with the seconds since it began.
    """

    seconds: float
    rto: float
    steps: tuple[tuple[str, float], ...]
    restored: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class RecoveryResult:
    """A recovery from each source, and the backups that it came from. Sizes in bytes."""

    run: Run
    database: int
    uploads: int
    jobs: Mapping[str, float]
    """Seconds of each of the keeper's jobs."""
    recovered: Mapping[str, Recovered]
    """By what it came from."""


@dataclass(frozen=True)
class Held:
    """What there is after a night: bytes of each kind, and the number of those that are counted."""

    bytes: Mapping[str, int]
    number: Mapping[str, int]


@dataclass(frozen=True)
class NightsResult:
    """What the keeper and its copy hold, after the first night and after the last one."""

    run: Run
    first: Held
    last: Held


# What is shared.


def begin_anew(uploads: int, rows: int) -> None:
    """Take people's stacks away, bring production and its keeper up, and fill the site: so many MB of uploads, and rows
    of `large`."""
    address.cache_clear()
    loss.take_away(PEOPLE)
    deploy_keeper(KEEPER)
    print("production is filled ...", flush=True)
    seed(uploads)
    sql(LARGE.format(rows=rows))


def this_run(of: str) -> Run:
    """Return what the part that begins is measured on; `of` is the commit."""
    return Run(f"{datetime.now(UTC):%Y-%m-%d}", of, os.cpu_count() or 1, os.getloadavg()[1])


def variables(stack: str) -> dict[str, str]:
    """Return the environment for `toybox` on a stack."""
    return inherited() | environment(PEOPLE, stack)


@cache
def address() -> str:
    """Return production's address. Pulumi takes seconds to tell it."""
    return site(PEOPLE, STACK).address


def on_production(command: str, text: str = "") -> str:
    """Return what a command prints on production's server."""
    return on_server(PEOPLE, STACK, address(), command, text)


def on_keeper(command: str, text: str = "") -> str:
    """Return what a command prints on the keeper."""
    from lab.keeper_machine import KeeperMachine

    return on_server(PEOPLE, KEEPER, KeeperMachine(PEOPLE.project).address, command, text)


def sql(statements: str) -> str:
    """Return what production's database answers."""
    psql = "docker exec -i postgres psql -qAt -v ON_ERROR_STOP=1 -U postgres toybox"
    return on_production(psql, statements).strip()


def seed(megabytes: int) -> None:
    """Fill the site: 50 users, 500 posts, and uploads of so many MB."""
    on_production(f"docker exec web python manage.py seed --users 50 --posts 500 --uploads-megabytes {megabytes}")


def job(kind: str) -> float:
    """Run one of the keeper's jobs, as an operator does, and return its seconds."""
    seconds = timed(("toybox", "backup", "run", kind), CHECKOUT, variables(KEEPER))
    print(f"  {kind:<40} done {seconds:6.1f} s", flush=True)
    return seconds


def size_of_production() -> tuple[int, int]:
    """Return the bytes of the database and of the uploads."""
    uploads = on_production("du --summarize --bytes /srv/toybox/media").split()[0]
    return int(sql("SELECT pg_database_size('toybox')")), int(uploads)


# A recovery from nothing.


def measure_recovery(of: str) -> RecoveryResult:
    """Destroy a production of full size, and have it back: from the keeper, and then from the copy."""
    run = this_run(of)
    begin_anew(UPLOADS, ROWS_OF_A_GIGABYTE)
    database, uploads = size_of_production()
    print("the keeper's jobs ...", flush=True)
    jobs = {kind: job(kind) for kind in JOBS}
    before = fingerprint()
    recovered = {}
    for kind in ("keeper", "copy"):
        print(f"production is destroyed, and comes back from the {kind} ...", flush=True)
        loss.destroy(PEOPLE, STACK, KEEPER)
        address.cache_clear()
        recovered[kind] = recover(kind)
        refuse_differences(before, fingerprint())
    return RecoveryResult(run, database, uploads, jobs, recovered)


def fingerprint() -> dict[str, str]:
    """Return what production holds, in a form that two can be compared by: each table's rows with a hash, each file's
    hash, each owner and mode."""
    rows = {f"table {line.partition('|')[0]}": line for line in sql(HASHES).splitlines()}
    of_files = {line.partition("  ")[2]: line for line in on_production(FILES).splitlines()}
    owners = {f"{line.partition(' ')[0]} (owner)": line for line in on_production(OWNERS).splitlines()}
    return rows | of_files | owners


def refuse_differences(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Raise LabError if production does not hold what it held. Pure."""
    wrong = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if wrong:
        raise LabError(f"production came back with other data: {', '.join(wrong[:5])} ({len(wrong)} differ)")


def recover(kind: str) -> Recovered:
    """Run `toybox recover`, which must succeed, and return what it said of its time. Prints what it prints.

    Raises:
        LabError: it failed, or a row has no file.
    """
    command = ("toybox", "recover", "--stack", STACK, *(("--from", kind) if kind != "keeper" else ()))
    said = []
    began = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env=variables(STACK) | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        if process.stdin and process.stdout:
            process.stdin.write(f"{STACK}\n")
            process.stdin.close()
            for line in process.stdout:
                said.append(line)
                print(f"    {line.rstrip()}", flush=True)
    seconds = time.monotonic() - began
    printed = "".join(said)
    if process.returncode or "every row has its file" not in printed:
        raise LabError(f"`{' '.join(command)}` did not bring production back whole:\n{printed}")
    return told(printed, seconds)


def told(printed: str, seconds: float) -> Recovered:
    """Return what `toybox recover` said of its time. Pure. Raises LabError if it said none."""
    rto = RTO.search(printed)
    if rto is None:
        raise LabError(f"`toybox recover` did not tell its RTO:\n{printed}")
    return Recovered(
        seconds=seconds,
        rto=float(rto[1]),
        steps=tuple((name, float(took)) for name, took in STEP.findall(printed)),
        restored=tuple((name, float(took)) for name, took in RESTORED.findall(printed)),
    )


# Thirty nights.


def measure_nights(of: str) -> NightsResult:
    """Let a small site write for thirty days, with the keeper's jobs in each night."""
    run = this_run(of)
    begin_anew(FIRST_UPLOADS, FIRST_ROWS)
    on_keeper("cat >/usr/local/bin/restic && chmod 755 /usr/local/bin/restic", DATED)
    found: list[Held] = []
    for night in range(1, NIGHTS + 1):
        print(f"night {night} ... ({datetime.now(UTC):%T})", flush=True)
        on_keeper("cat >/etc/bench-night", f"{datetime.now(UTC) - timedelta(days=NIGHTS - night):%F %T}")
        on_keeper(f"rm -f {DATA}/records/pruned.json")  # restic's space is given back once a day
        if night > 1:
            on_keeper(f"python3 - {DATA}/barman/{STACK}", OLDER.read_text())
        sql(DAY)
        upload(address(), NEW_UPLOADS, f"night-{night}")
        on_keeper(NIGHT)
        if night in (1, NIGHTS):
            found.append(held())
    return NightsResult(run, *found)


def held() -> Held:
    """Return what there is now, on production, on the keeper and in the bucket."""
    database, uploads = size_of_production()
    folders = {Path(path).name: int(size) for size, path in (line.split() for line in on_keeper(HELD).splitlines())}
    in_bucket = on_keeper("PYTHONPATH=/usr/local/lib/toybox-keeper runuser -u barman -- python3 -", IN_BUCKET)
    kept = json.loads(on_keeper("toybox-keeper list --json"))
    copies = json.loads(on_keeper("toybox-keeper list --from copy --json"))["copies"]
    return Held(
        bytes={"database": database, "uploads": uploads, **folders, "bucket": int(in_bucket)},
        number={
            **{kind: len(kept[kind]) for kind in ("full", "files", "dumps")},
            "copies": len(copies),
        },
    )


# The page.


def measured_on(run: Run) -> str:
    """Return the first lines of a part. Pure."""
    return (
        f"Measured on {run.date} at commit {run.commit} by `make bench-recovery`,\n"
        f"on {run.cores} cores that the lab, production and the keeper share."
    )


def beside(run: Run) -> str:
    """Return a line on other work that ran at the same time, or "". Pure."""
    if run.load <= run.cores / 2:
        return ""
    return (
        f"\nOther work ran on them at the same time (load average {run.load:.1f} before it began): "
        "the times are upper bounds."
    )


def render_recovery(result: RecoveryResult) -> str:
    """Return the part on a recovery from nothing. Pure."""
    kinds = list(result.recovered)
    database, uploads = (f"{size / MB:,.0f} MB" for size in (result.database, result.uploads))
    rows = "\n".join(f"| {name} | {' | '.join(cells)} |" for name, cells in recovery_rows(result.recovered))
    jobs = "\n".join(f"| {JOBS[kind]} | {seconds:.0f} |" for kind, seconds in result.jobs.items())
    columns = " | ".join(f"from the {kind}" for kind in kinds)
    return f"""\
{measured_on(result.run)}{beside(result.run)}

Production has 50 users, 500 posts, {database} of database and {uploads} of uploads.
Most of it is random bytes, which no compression makes fewer. Its server loses its power; server, volumes and Pulumi's
state are deleted. `toybox recover --stack prod` makes all of it anew in the empty project. Then each table has its
rows again, by number and hash, and each file its hash, owner and mode. Seconds:

| what | {columns} |
| --- |{" --- |" * len(kinds)}
{rows}

Before that, at the same size:

| the keeper's job | seconds |
| --- | --- |
{jobs}
"""


def recovery_rows(recovered: Mapping[str, Recovered]) -> list[tuple[str, list[str]]]:
    """Return the lines of the table: what took how long, for each of the recoveries. Pure."""
    rto = f"RTO, from the operator's yes to a site that answers (goal: at most {RTO_GOAL:.0f})"
    rows = [(rto, [f"{each.rto:.0f}{verdict(each.rto, RTO_GOAL)}" for each in recovered.values()])]
    columns = [lines(each) for each in recovered.values()]
    for name in dict.fromkeys(name for column in columns for name in column):
        rows.append((name, [f"{column[name]:.0f}" if name in column else "" for column in columns]))
    return rows


def lines(recovered: Recovered) -> dict[str, float]:
    """Return the seconds of the command, of each step that takes any, and of what its update is made of. Pure."""
    found = {"the whole command, with its looks before and after": recovered.seconds}
    for name, took in recovered.steps:
        found |= {f"step: {name}": took} if took >= LEAST else {}
        found |= {f"of it: {part}": seconds for part, seconds in parts(recovered)} if name == UPDATE else {}
    return found


def parts(recovered: Recovered) -> list[tuple[str, float]]:
    """Return what the update is made of: the seconds of each part of the restore, and of all else. Pure."""
    found, before = [], 0.0
    for name, since in recovered.restored:
        found.append((CARRIED.sub(" has arrived, the same on both sides", name), since - before))
        before = since
    rest = dict(recovered.steps).get(UPDATE, 0.0) - before
    return [*found, ("volume, server, images, containers", rest)]


def render_nights(result: NightsResult) -> str:
    """Return the part on thirty nights. Pure."""
    kinds = {
        "full backups of the database": ("base", "full"),
        "WAL": ("wals", None),
        "WAL that is being received": ("streaming", None),
        "repository of files": ("repository", "files"),
        "mirror of files": ("mirror", None),
        "dumps": ("dumps", "dumps"),
    }

    def cell(held: Held, folder: str, counted: str | None) -> str:
        return f"{held.bytes[folder] / MB:,.0f}{f' ({held.number[counted]})' if counted else ''}"

    def row(name: str, *cells: str) -> str:
        return f"| {name} | {' | '.join(cells)} |"

    both = (result.first, result.last)
    rows = [row(f"the keeper: {name}", *(cell(held, *where) for held in both)) for name, where in kinds.items()]
    totals = [sum(held.bytes[folder] for folder, _ in kinds.values()) for held in both]
    rows = [
        row("production: database", *(cell(held, "database", None) for held in both)),
        row("production: uploads", *(cell(held, "uploads", None) for held in both)),
        *rows,
        row("the keeper, all of it", *(f"**{total / MB:,.0f}**" for total in totals)),
        row("its copy in object storage", *(cell(held, "bucket", "copies") for held in both)),
    ]
    table = "\n".join(rows)
    return f"""\
{measured_on(result.run)}

A small site: each day it writes {NEW_ROWS:,} rows of 1.9 kB, as long as the longest post, changes {CHANGED_ROWS}, and
gets {NEW_UPLOADS} uploads of 1 MB. Rows and uploads are random bytes. In each night run full backup, dump, pull of
files and copy, each with its retention. MB on the disk or in the bucket, with the number of what is kept in brackets:

| what | after the first night | after night {NIGHTS} |
| --- | --- | --- |
{table}

The copy has no mirror, and its older copies have backups and dumps that the keeper has let go.

The nights follow each other at once. Between two of them the full backups' ids and times are put a day back, and restic
gives each snapshot the date of its night; dumps go by their number. Not in it: the WAL of a day's marks and jobs of the
site, the other 95 snapshots of files of a day, and deleted uploads, which take space until their last snapshot goes.
"""


def with_part(page: str, title: str, text: str) -> str:
    """Return the page with one part, marked with a comment at its begin and its end, in place of the former one; at its
    end, if it has none. All else stays. Pure.

    Raises:
        LabError: the part has a begin and no end.
    """
    begin, end = f"<!-- Begin of {title!r}, written by `make bench-recovery`. -->", f"<!-- End of {title!r}. -->"
    part = f"{begin}\n\n### {title}\n\n{text}\n{end}\n"
    before, found, rest = page.partition(begin)
    if not found:
        return f"{page.rstrip()}\n\n{part}"
    _, ended, after = rest.partition(f"{end}\n")
    if not ended:
        raise LabError(f"{PAGE.name} has the begin of {title!r} and not its end", then=f"git checkout {PAGE}")
    return before + part + after


PARTS: dict[str, Callable[[str], tuple[str, str]]] = {
    "recovery": lambda of: (RECOVERY_PART, render_recovery(measure_recovery(of))),
    "nights": lambda of: (NIGHTS_PART, render_nights(measure_nights(of))),
}
"""What measures a part of a commit, and returns its title and its text."""


def main(wanted: Sequence[str]) -> int:
    """Measure these parts, or all, and write each into the page as soon as it is there; a LabError is one message."""
    try:
        if unknown := sorted(set(wanted) - set(PARTS)):
            raise LabError(f"there is no part {unknown[0]!r}: {', '.join(PARTS)}", then="make bench-recovery")
        of = commit()  # before the first part changes the page
        for name in wanted or PARTS:
            title, text = PARTS[name](of)
            PAGE.write_text(with_part(PAGE.read_text(), title, text))
            print(f"written: {PAGE.relative_to(CHECKOUT)}, {title}", flush=True)
    except LabError as error:
        then = [f"  then: {error.then}"] if error.then else []
        print(f"bench-recovery: {error.reason}", *then, sep="\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
