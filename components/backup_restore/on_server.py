"""The server's part of putting a keeper's backup on an empty data disk: look, begin, recover, place.

Stands alone: sent to the server and run there by `python3 - STEP PARAMETERS` (3.10, Ubuntu 22.04), as root. Prints one
JSON object. bring.py decides and calls.

Everything is made in a folder of its own on the data disk. `place` moves it to where the containers look for it, by
renames. They replace empty folders and nothing else. The record beside it says what was put there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MOUNT_POINT = Path("/srv/toybox")
WORK = MOUNT_POINT / ".restore"
RECORD = MOUNT_POINT / ".restored.json"
LOCK = "/run/toybox-restore.lock"
CONTAINER = "toybox-restore"
"""The database's, for the time of its recovery. It has no network."""
SOCKET = "/tmp"
RECOVERY_SETTINGS = ("restore_command", "recovery_", "archive_cleanup_command")
"""What the keeper wrote into postgresql.auto.conf for the recovery, by the beginnings of names."""

TIMELINE = "SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"

Parameters = dict[str, Any]


class RestoreError(Exception):
    """The reason why a step fails."""


def run(*command: str | Path, stdin: str = "", check: bool = True) -> str:
    """Return what a program prints. Raise RestoreError with its last lines if it fails."""
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-12:]
        raise RestoreError(f"`{' '.join(str(word) for word in command[:4])} …` failed:\n" + "\n".join(said))
    return done.stdout.strip()


def require_disk(parameters: Parameters) -> None:
    """Raise RestoreError unless the declared data disk is mounted, under this stack's own label."""
    device = str(parameters["device"])
    mounted = run("findmnt", "--noheadings", "--output", "SOURCE", "--mountpoint", MOUNT_POINT, check=False)
    if not mounted or os.path.realpath(mounted) != os.path.realpath(device):
        raise RestoreError(f"{MOUNT_POINT} is {mounted or 'not mounted'}, and should be {device}.")
    label = run("e2label", device)
    if label != parameters["label"]:
        raise RestoreError(f"{device} is labelled {label!r}, and should be {parameters['label']!r}.")


def read_record() -> Any:
    """Return the record on the disk; None if it has none."""
    return json.loads(RECORD.read_text()) if RECORD.exists() else None


def write_record(record: Parameters) -> None:
    """Put the record on the disk, whole and for good."""
    new = RECORD.with_suffix(".new")
    with new.open("w") as file:
        json.dump(record, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.rename(RECORD)
    run("sync", "--file-system", MOUNT_POINT)


def holds(volumes: list[str]) -> list[str]:
    """Return the volumes in which something lies."""
    return [name for name in volumes if (MOUNT_POINT / name).is_dir() and any((MOUNT_POINT / name).iterdir())]


def look(parameters: Parameters) -> Parameters:
    """Return the record on the disk, and the volumes in which something lies."""
    require_disk(parameters)
    return {"record": read_record(), "holds": holds(["postgres", *parameters["volumes"]])}


def begin(parameters: Parameters) -> Parameters:
    """Make the folders of this attempt. What an earlier one left unfinished goes."""
    require_disk(parameters)
    shutil.rmtree(WORK, ignore_errors=True)
    folder = WORK / parameters["attempt"]
    for name in ("database", *(f"files/{volume}" for volume in parameters["volumes"])):
        (folder / name).mkdir(parents=True)
    os.chmod(WORK, 0o700)
    return {"folder": str(folder)}


def end_container() -> None:
    """Remove the container of the recovery, if there is one."""
    run("docker", "rm", "--force", CONTAINER, check=False)


def recover(parameters: Parameters) -> Parameters:
    """Let PostgreSQL recover what was brought, and return what the database then is. It is stopped again afterwards,
    and leaves a data directory that a server starts on as after any clean stop."""
    data = WORK / parameters["attempt"] / "database"
    end_container()
    began = time.monotonic()
    run(
        *("docker", "run", "--detach", "--name", CONTAINER, "--label", f"toybox.name={CONTAINER}", "--network", "none"),
        *("--user", f"{parameters['uid']}:{parameters['uid']}", "--shm-size", "256m"),
        *("--mount", f"type=bind,source={data},target=/data", "--entrypoint", "postgres", parameters["image"]),
        *("-D", "/data", "-c", "listen_addresses=", "-c", f"unix_socket_directories={SOCKET}"),
        *("-c", "hot_standby=off", "-c", "autovacuum=off"),
    )
    try:
        await_end(float(parameters["seconds"]))
        found = facts(parameters)
        run("docker", "stop", "--time", "300", CONTAINER)
        ended = run("docker", "inspect", "--format", "{{.State.ExitCode}}", CONTAINER)
        if ended != "0" or (data / "postmaster.pid").exists():
            raise RestoreError(f"PostgreSQL did not stop cleanly (exit code {ended}):\n{last_words()}")
    finally:
        end_container()
    forget_the_recovery(data)
    return {**found, "seconds": round(time.monotonic() - began, 1)}


def last_words() -> str:
    """Return PostgreSQL's last lines."""
    done = subprocess.run(
        ["docker", "logs", "--tail", "15", CONTAINER],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip()


def await_end(seconds: float) -> None:
    """Wait until the recovery has ended and PostgreSQL takes writes. Raise RestoreError if it gives up before."""
    deadline = time.monotonic() + seconds
    while True:
        if ask("postgres", "SELECT pg_is_in_recovery()", check=False) == "f":
            return
        if run("docker", "inspect", "--format", "{{.State.Running}}", CONTAINER, check=False) != "true":
            raise RestoreError(f"PostgreSQL gave the recovery up:\n{last_words()}")
        if time.monotonic() > deadline:
            raise RestoreError(f"The recovery has not ended within {seconds:.0f} s:\n{last_words()}")
        time.sleep(0.3)


def ask(database: str, statement: str, *, check: bool = True) -> str:
    """Return what the recovered database answers."""
    psql = ("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", SOCKET, "-U", "postgres", "-d", database)
    return run("docker", "exec", "-i", CONTAINER, *psql, stdin=f"{statement};", check=check)


def facts(parameters: Parameters) -> Parameters:
    """Return what the recovered database holds."""
    marks = ask("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'keeper'") == "1"
    return {
        "rows": json.loads(ask(parameters["database"], parameters["count"])),
        "identifier": ask("postgres", "SELECT system_identifier FROM pg_control_system()"),
        "timeline": int(ask("postgres", TIMELINE)),
        "newest_commit": number(ask("postgres", "SELECT extract(epoch FROM pg_last_xact_replay_timestamp())")),
        "newest_mark": number(ask("keeper", "SELECT extract(epoch FROM max(at)) FROM mark")) if marks else None,
    }


def number(answer: str) -> float | None:
    """Return a number; None for none."""
    return float(answer) if answer else None


def forget_the_recovery(data: Path) -> None:
    """Take the settings of the recovery out of the data directory."""
    file = data / "postgresql.auto.conf"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith(RECOVERY_SETTINGS)))
    shutil.rmtree(data / "barman_wal", ignore_errors=True)
    for copy in data.glob("*.conf.origin"):  # Barman's, of what it changed
        copy.unlink()


def place(parameters: Parameters) -> Parameters:
    """Move everything to where the containers look for it. Killed half-way, it goes on where it stopped.

    The record says first that it is under way, and at the end that it is whole.
    """
    require_disk(parameters)
    record = parameters["record"]
    folder = WORK / record["attempt"]
    write_record({**record, "state": "placing"})
    moves = {folder / "database": MOUNT_POINT / "postgres" / "pgdata"}
    moves |= {folder / "files" / name: MOUNT_POINT / name for name in parameters["volumes"]}
    for source, target in moves.items():
        if source.exists():
            source.rename(target)  # refused by the kernel where the target is not empty
    for target in moves.values():
        if not target.is_dir():
            raise RestoreError(f"{target} is not there, and neither is what belongs there.")
    done = {**record, "state": "whole", "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    write_record(done)
    shutil.rmtree(WORK, ignore_errors=True)
    return done


STEPS = {"look": look, "begin": begin, "recover": recover, "place": place}


def main(arguments: list[str]) -> None:
    """Do one step. Steps of two attempts do not run at once: a new attempt ends the recovery of one that was killed,
    which would go on here by itself."""
    step, parameters = arguments
    if step == "begin":
        end_container()
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if step != "look" else fcntl.LOCK_UN)
        try:
            print(json.dumps(STEPS[step](json.loads(parameters))))
        except (RestoreError, OSError) as error:
            sys.exit(f"{error}")


if __name__ == "__main__":
    main(sys.argv[1:])
