"""The database of the OpenStack services: a MariaDB of the lab's own, behind a socket in a folder of root's.

Making the tables takes the most time of a first start. So they are made once, in a template in the cache, and a new lab
copies it.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from lab import paths, processes
from lab.steps import run

SERVICE = "mariadb"
SOCKET = paths.RUN / "mysql.sock"
DATA = paths.LAB_DIR / "mysql"
DATABASES = ("keystone", "placement", "glance", "neutron", "cinder", "nova", "nova_api", "nova_cell0")


def server_command(data: Path) -> list[str | Path]:
    """No network and no passwords, for the folder is root's. Every commit reaches the kernel, so a killed server loses
    nothing."""
    return [
        *("mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={SOCKET}"),
        *(f"--pid-file={paths.RUN}/mariadbd.pid", "--skip-networking", "--skip-grant-tables", "--max-connections=500"),
        *("--innodb-flush-log-at-trx-commit=2", "--skip-innodb-doublewrite", "--innodb-buffer-pool-size=96M"),
        *("--innodb-log-file-size=32M", "--skip-innodb-file-per-table", "--skip-performance-schema"),
    ]


def start(data: Path) -> None:
    """Start the server on a folder and wait until it answers."""
    SOCKET.unlink(missing_ok=True)
    processes.start(SERVICE, server_command(data))
    processes.wait_until(SERVICE, SOCKET.exists, seconds=60)


def ensure_database(template: Path, make_tables: Sequence[Callable[[], None]]) -> str:
    """Start the database, with all tables there.

    `template` is the folder in the cache to copy a new database from; its name changes with whatever the tables depend
    on. `make_tables` fill a template that is not there yet, at the same time, while its server runs.
    """
    if processes.alive(SERVICE):
        return "running"
    if DATA.exists():
        start(DATA)
        return "started"
    remark = "from the cache"
    if not template.exists():
        make_template(template, make_tables)
        remark = "tables made"
    new = DATA.with_name("mysql.new")
    shutil.rmtree(new, ignore_errors=True)
    run("cp", "--archive", "--reflink=auto", template, new, log=processes.log_path(SERVICE))
    new.rename(DATA)
    start(DATA)
    return remark


def make_template(template: Path, make_tables: Sequence[Callable[[], None]]) -> None:
    """Make a database with all tables and nothing in them."""
    from concurrent.futures import ThreadPoolExecutor

    log = processes.log_path(SERVICE)
    new = template.with_name(f"{template.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.parent.mkdir(parents=True, exist_ok=True)
    run(
        *("mariadb-install-db", "--no-defaults", "--force", "--user=root", f"--datadir={new}"),
        *(
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-innodb-file-per-table",
            "--innodb-log-file-size=32M",
        ),
        log=log,
    )
    start(new)
    try:
        statements = "; ".join(f"CREATE DATABASE {name} CHARACTER SET utf8mb3" for name in DATABASES)
        run("mariadb", "--no-defaults", f"--socket={SOCKET}", "--execute", statements, log=log)
        with ThreadPoolExecutor(2) as pool:
            for made in [pool.submit(make) for make in make_tables]:
                made.result()
    finally:
        processes.stop(SERVICE, grace=60)
    for old in template.parent.glob("database-*"):
        if old != new:
            shutil.rmtree(old)
    new.rename(template)
