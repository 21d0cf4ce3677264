"""A scratch PostgreSQL on restored files: Debian's programs in a sandbox, gone when it is no longer needed.

The files come from the source. An intruder there can leave functions and settings in them that run a command as soon as
the database is opened. So the server sees no network and nothing of what is kept, and writes only to its own folders.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keeper import database
from keeper.catalogue import HOURS
from keeper.places import DATA, Places
from keeper.programs import UTC, FailedError, last_lines, run
from keeper.refusal import Refusal

SUPERUSER = "postgres"
HBA = "local all all trust\n"
"""The folder with the socket lets only the keeper's user in."""
START = 4 * HOURS
"""Seconds for a start: the WAL between the full backup and the second is replayed in them."""


ALONE = ("--unshare-all",)
"""bwrap's words for a network, processes and users of its own."""


def sandbox(hidden: Sequence[Path], writable: Sequence[Path], unshared: Sequence[str] = ALONE) -> list[str]:
    """Return the beginning of a command that runs without a network (bwrap(1)). Pure.

    The machine's files are read-only, those in `hidden` are away, and the folders `writable` are there. `unshared` are
    other words than ALONE.

    No root is needed. It ends with the process that started it, so a drill that is killed leaves no server.
    """
    away = [word for path in (Path("/proc"), Path("/tmp"), *hidden) for word in ("--tmpfs", str(path))]
    there = [word for path in writable for word in ("--bind", str(path), str(path))]
    ends = (*unshared, "--die-with-parent", "--new-session", "--chdir", "/", "--")
    return ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", *away, *there, *ends]


def server(places: Places, data: Path, folder: Path) -> list[str]:
    """Return the command of a server on `data`, whose socket and pg_hba.conf are in `folder`. Pure.

    What the command line says goes before what the restored files say: the site's extras are not there.
    """
    hidden = (DATA, places.data, places.etc, places.run)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "unix_socket_permissions": "0700",
        "hba_file": str(folder / "pg_hba.conf"),
        "hot_standby": "off",
        "archive_mode": "off",
        "logging_collector": "off",
        "log_destination": "stderr",
        "shared_preload_libraries": "",
        "ssl": "off",
        "fsync": "off",  # it is thrown away
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [*sandbox(hidden, (data, folder)), str(places.programs / "postgres"), "-D", str(data), *options]


class Scratch:
    """A server that runs. `folder` has its socket."""

    def __init__(self, places: Places, folder: Path) -> None:
        self.places = places
        self.folder = folder

    def words(self, program: str, *arguments: str | Path) -> list[str | Path]:
        """Return the command of a program of PostgreSQL's that reaches it."""
        return [self.places.programs / program, "--host", self.folder, "--username", SUPERUSER, *arguments]

    def ask(self, name: str, statements: str, seconds: float = HOURS) -> Any:
        """Return the JSON value that the last line is which `statements` print in database `name`. Raises FailedError
        if one of them fails."""
        command = self.words("psql", "-XAtq", "--set", "ON_ERROR_STOP=1", "--dbname", name)
        printed = run(*command, stdin=statements, seconds=seconds).strip()
        return json.loads(printed.splitlines()[-1]) if printed else None

    def rows(self, name: str) -> dict[str, int]:
        """Return the rows of each table of database `name`."""
        told: dict[str, int] = self.ask(name, f"{database.ROWS};")
        return told


@contextmanager
def started(places: Places, data: Path, folder: Path, way_out: str) -> Iterator[Scratch]:
    """Start a server on `data` and wait until its recovery has ended; kill it at the end.

    Raises:
        Refusal: it does not start. `way_out` is the error's.
    """
    folder.mkdir(mode=0o700)
    (folder / "pg_hba.conf").write_text(HBA)
    log = folder.with_name(f"{folder.name}.log")  # out of the server's reach
    with log.open("w") as said:
        process = subprocess.Popen(
            server(places, data, folder),
            cwd="/",
            env=os.environ | UTC,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        scratch = Scratch(places, folder)
        await_end_of_recovery(process, scratch, log, way_out)
        require_no_network(process.pid)
        yield scratch
    finally:
        process.kill()  # and the server with it
        process.wait()


def await_end_of_recovery(process: "subprocess.Popen[bytes]", scratch: Scratch, log: Path, way_out: str) -> None:
    """Wait until the server takes writes. Raises Refusal if it ends, or does not within START."""
    end = time.monotonic() + START
    while True:
        try:
            if scratch.ask("postgres", "SELECT to_json(pg_is_in_recovery());") is False:
                return
        except FailedError:
            pass  # not yet
        if process.poll() is not None or time.monotonic() > end:
            raise Refusal(
                "PostgreSQL does not start on the restored files.",
                reason(log.read_text(errors="replace")),
                way_out,
            )
        time.sleep(0.2)


def reason(log: str) -> str:
    """Return PostgreSQL's own words for the end of a start: its errors, or else the last lines. Pure."""
    errors = [line for line in log.splitlines() if "FATAL" in line or "PANIC" in line or "invalid" in line]
    return last_lines("\n".join(errors), log)


def require_no_network(sandbox_process: int) -> None:
    """Raise Refusal if what runs in the sandbox is in the same network as this process, or cannot be looked at."""
    inside = Path(f"/proc/{sandbox_process}/task/{sandbox_process}/children").read_text().split()
    if not inside or any(os.readlink(f"/proc/{each}/ns/net") == os.readlink("/proc/self/ns/net") for each in inside):
        raise Refusal(
            "The scratch server may have a network.",
            "It is a copy of production's data, and may speak to no machine.",
            "Look at it with `bwrap --version` and `sysctl user.max_user_namespaces`, on the keeper.",
        )
