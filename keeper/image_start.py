"""TOYBOX's own image, started on what was restored: as production starts it, in a sandbox without a network.

The image is code from elsewhere, and the data is a copy of real people's. So both see loopback, the scratch PostgreSQL,
an empty Redis, passwords that are thrown away, and nothing of what is kept.
"""

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keeper import notes, scratch
from keeper.image import Image
from keeper.places import DATA, Places
from keeper.programs import UTC, last_lines
from keeper.refusal import Refusal
from keeper.scratch import Scratch

FILE = "web.json"
"""Beside the keeper's settings: how production starts its web process. It is an output of production's stack."""
TIMEOUT = 120
"""Seconds on top of those that the image has on production's server. The keeper's processor may be a smaller one, a
drill yields to everything else on it, and the first start reads each file of the image from the disk."""
POSTGRES, REDIS = ("POSTGRES_HOST",), ("REDIS_HOST", "REDIS_CACHE_HOST")
"""The variables with the names of hosts (docs/decisions.md, "The image")."""
POSTGRES_PORT, REDIS_PORT = 5432, 6379
MEBIBYTE = 1 << 20
VOLUME = 64
"""MiB of memory for a volume of which no file is kept."""
PASSED = ("PATH", "PYTHONPATH")
"""The keeper's variables that the sandbox gets: in /proc the image can read them."""
NAME = re.compile(r"[a-z_][a-z0-9_]*")
AGAIN = (
    "`toybox-keeper drill` tries another second. If production runs this image well, look at it with that data in"
    " staging (docs/disaster-recovery.md)."
)


@dataclass(frozen=True)
class Web:
    """How production starts its web process.

    Attributes:
        image: the image's reference, with its digest.
        environment: its variables; nothing secret is among them.
        secrets: {secret: path of its file}.
        temporary: {folder: MiB} in memory.
        shared_memory: MiB of /dev/shm.
        volumes: {path: volume}.
        health: the health check's command; it ends with status 0 if all is well.
        start: seconds until it must have passed.
        timeout: seconds for one health check.
    """

    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    temporary: Mapping[str, int]
    shared_memory: int
    volumes: Mapping[str, str]
    health: tuple[str, ...]
    start: int
    timeout: int


def load(etc: Path) -> Web:
    """Read how production starts its web process. Raises Refusal if it is not known."""
    file = etc / FILE
    told = notes.read(file)
    if not told:
        raise Refusal(
            "The keeper does not know TOYBOX's image.",
            f"A drill starts it on what it restored. {file} has none: the kept stack had no outputs at the keeper's"
            " last update.",
            "`pulumi up` of the kept stack, then `pulumi up --stack keeper`.",
        )
    try:
        return Web(
            image=str(told["image"]),
            command=tuple(map(str, told["command"])),
            environment={str(name): str(value) for name, value in told["environment"].items()},
            secrets={str(name): str(path) for name, path in told["secrets"].items()},
            temporary={str(path): int(size) for path, size in told["temporary"].items()},
            shared_memory=int(told["sharedMemory"]),
            volumes={str(path): str(volume) for path, volume in told["volumes"].items()},
            health=tuple(map(str, told["health"]["command"])),
            start=int(told["health"]["start"]),
            timeout=int(told["health"]["timeout"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refusal(
            f"{file} cannot be used: {error!r}",
            "It says how production starts its web process.",
            "`pulumi up --stack keeper`, which puts it back.",
        ) from None


def variables(web: Web, image: Image) -> dict[str, str]:
    """Return the variables of the image's processes: its own, production's on top, and no mail. Pure."""
    return {**image.environment, **web.environment, "TOYBOX_MAIL": "off"}


def hosts(web: Web) -> str:
    """Return /etc/hosts: whatever production calls its database and its Redis, here it is this machine. Pure."""
    names = {web.environment[each] for each in (*POSTGRES, *REDIS) if each in web.environment}
    return f"127.0.0.1 {' '.join(['localhost', *sorted(names)])}\n"


def tmpfs(path: str, megabytes: int) -> list[str]:
    """Return bwrap's words for a folder in memory that may be written to. Pure."""
    return ["--perms", "1777", "--size", str(megabytes * MEBIBYTE), "--tmpfs", path]


def container(web: Web, image: Image, files: Path, folder: Path) -> list[str]:
    """Return the beginning of a command that runs with the image's file system, as its user, in the network of the
    process that starts it. Pure.

    Its root is read-only, once bwrap has made the places for the rest. The machine's /proc can be read, as by every
    user of it: /dev/stderr leads there, and a /proc of its own is not allowed where the keeper is a container.
    """
    words = ["bwrap", "--bind", str(image.root), "/", "--dev", "/dev", "--ro-bind", "/proc", "/proc"]
    words += tmpfs("/dev/shm", web.shared_memory)
    for path, size in web.temporary.items():
        words += tmpfs(path, size)
    for path, volume in web.volumes.items():
        there = files / volume
        words += ["--bind", str(there), path] if there.is_dir() else tmpfs(path, VOLUME)
    for name, path in web.secrets.items():
        words += ["--ro-bind", str(folder / "secrets" / name), path]
    words += ["--ro-bind", str(folder / "hosts"), "/etc/hosts", "--remount-ro", "/"]
    words += ["--unshare-all", "--share-net", "--die-with-parent", "--new-session", "--hostname", "web"]
    words += ["--uid", str(image.uid), "--gid", str(image.gid), "--cap-drop", "ALL", "--clearenv"]
    for name, value in sorted(variables(web, image).items()):
        words += ["--setenv", name, value]
    return [*words, "--chdir", image.folder, "--"]


def plan(places: Places, web: Web, image: Image, files: Path, folder: Path, server: Path) -> dict[str, Any]:
    """Return what keeper/inside.py is to do. `server` is the folder with the scratch PostgreSQL's socket. Pure."""
    within = container(web, image, files, folder)
    door = f"TCP-LISTEN:{POSTGRES_PORT},bind=127.0.0.1,fork,reuseaddr"
    # the package with the right name for this program would start a service
    redis = ("bash", "-c", 'exec -a redis-server redis-check-rdb "$1"', "bash", str(folder / "redis.conf"))
    return {
        "services": [
            {
                "name": "the way to PostgreSQL",
                "words": [*beside(places, server), "socat", door, f"UNIX-CONNECT:{server}/.s.PGSQL.5432"],
                "port": POSTGRES_PORT,
            },
            {"name": "Redis", "words": [*beside(places, folder), *redis], "port": REDIS_PORT},
        ],
        "web": [*within, *image.entrypoint, *web.command],
        "health": [*within, *web.health],
        "timeout": web.timeout,
        "seconds": web.start + TIMEOUT,
    }


def hidden(places: Places) -> tuple[Path, ...]:
    """Return the folders of the machine that none of this sees. Pure."""
    return (DATA, places.data, places.etc, places.run)


def beside(places: Places, folder: Path) -> list[str]:
    """Return the beginning of the command of a service in the image's network, which has one folder. Pure."""
    return scratch.sandbox(hidden(places), (folder,), (*scratch.ALONE, "--share-net"))


def redis_conf(password: str) -> str:
    """Return the configuration of a Redis that keeps nothing. Pure."""
    return (
        f"bind 127.0.0.1\nport {REDIS_PORT}\nrequirepass {password}\n"
        'save ""\nappendonly no\ndir /tmp\nmaxmemory 64mb\nlogfile /dev/null\n'
    )


MAKE_LOGIN = """\
SELECT format(statement, :'login', pg_get_userbyid(datdba))
FROM pg_database, (VALUES
    (1, 'CREATE ROLE %1$I LOGIN'), (2, 'GRANT %2$I TO %1$I'), (3, 'ALTER ROLE %1$I SET role = %2$L')
) AS missing (number, statement)
WHERE datname = current_database() AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'login')
ORDER BY number \\gexec
"""
"""Makes the login :login, which becomes the database's owner, unless it is there."""


def login_sql(login: str) -> str:
    """Return the statements that make the image's login as production makes it (components/postgres/add_login.sql), if
    the second is older than the login. Pure. Raises Refusal if the name is no plain one."""
    if not NAME.fullmatch(login):
        raise Refusal(
            f"{login!r} is not the name of a login of TOYBOX's.",
            "It would end its quotes, and have the database run something.",
            "`pulumi up` of the kept stack, then `pulumi up --stack keeper`.",
        )
    return f"\\set login '{login}'\n{MAKE_LOGIN}"


def prepare(web: Web, folder: Path) -> None:
    """Write what the processes are given: passwords that nothing else has, Redis's configuration, the hosts."""
    (folder / "secrets").mkdir(parents=True, mode=0o700)
    for name in web.secrets:
        (folder / "secrets" / name).write_text(secrets.token_urlsafe(32))
    wanted = web.environment.get("REDIS_PASSWORD_FILE")
    of_redis = next((name for name, path in web.secrets.items() if path == wanted), "")
    password = (folder / "secrets" / of_redis).read_text() if of_redis else secrets.token_urlsafe(32)
    (folder / "redis.conf").write_text(redis_conf(password))
    (folder / "hosts").write_text(hosts(web))


def sandbox(places: Places, image: Image, files: Path, folder: Path, server: Path) -> list[str]:
    """Return the command of keeper/inside.py, in a network of its own. Pure.

    It starts every other process in a sandbox within this one. bwrap needs the machine's /proc for that, and the
    numbers that processes have there. So only those sandboxes have processes of their own.
    """
    network = ("--unshare-user", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    there = (Path("/proc"), image.root, files, folder, server)
    return [*scratch.sandbox(hidden(places), there, network), sys.executable, "-m", "keeper.inside"]


def require_healthy(places: Places, web: Web, image: Image, server: Scratch, files: Path, folder: Path) -> None:
    """Start the image on the restored database and files, in `folder`, and wait until its health check passes.

    Raises:
        Refusal: it does not within the seconds that production gives it, and TIMEOUT. The last lines that the image
            said are the reason.
    """
    server.ask(places.database, login_sql(web.environment["POSTGRES_USER"]))
    prepare(web, folder)
    log = folder.with_name(f"{folder.name}.log")  # out of the image's reach
    wanted = plan(places, web, image, files, folder, server.folder)
    # a health check that hangs ends after its own seconds, and the last one may begin when they are over
    limit = wanted["seconds"] + 2 * web.timeout + 60
    with log.open("w") as said:
        try:
            done = subprocess.run(
                sandbox(places, image, files, folder, server.folder),
                input=json.dumps(wanted),
                cwd="/",
                env={name: os.environ[name] for name in PASSED if name in os.environ} | UTC,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                timeout=limit,
                check=False,
            )
            why = json.loads(done.stdout)["why"] if done.stdout else f"the sandbox ended with status {done.returncode}"
        except subprocess.TimeoutExpired:
            why = f"no end after {limit} s"
    if why:
        spoken = last_lines(log.read_text(errors="replace"))
        raise Refusal(
            "TOYBOX's image does not pass its health check on what was restored.",
            f"{web.image}: {why}" + (f"\n{spoken}" if spoken else ""),
            AGAIN,
        )
