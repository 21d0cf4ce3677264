"""Brings what a keeper keeps to a server's empty data disk.

It goes by the operator's machine, which is root at both: neither of them has a way to the other.

Run by components/backup_restore in an update, as `python -m components.backup_restore.bring`, with its parameters on
standard input. The keeper restores into a folder of its own, the bytes go through two SSH connections, both sides hash
what they have, and PostgreSQL recovers on the server before anything else starts there.
"""

import json
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from host.carry import CarryError, Machine, carry
from inventory.volumes import DATABASE_UID
from keeper.database import ROWS

ON_SERVER = Path(__file__).with_name("on_server.py")
SCRATCH = "/srv/toybox-keeper/restored"
HOURS = 3600

Facts = dict[str, Any]


# What is decided.


def decision(seen: Mapping[str, Any], volume: str, origin: str) -> str:
    """Return "done" if the disk has the data already, "place" if an earlier attempt had everything and was killed while
    it moved it, else "begin". Pure.

    Raises:
        CarryError: the disk holds other data. Nothing is written over it.
    """
    record = seen["record"]
    if record and record["volume"] == volume:
        if record["origin"] != origin:
            raise CarryError(
                f"The data disk was restored from {record['origin']!r}, and the settings say {origin!r}.\n"
                "    Why:     what the site wrote since then is on it.\n"
                "    Way out: put toybox:dataVolume.origin back. Another second: `toybox restore database`."
            )
        return "done" if record["state"] == "whole" else "place"
    if seen["holds"]:
        raise CarryError(
            f"The data disk holds something in {', '.join(seen['holds'])}, and has no record of a restore.\n"
            "    Why:     it may be the only copy of somebody's data. Nothing was written over it.\n"
            "    Way out: `toybox restore database` puts a backup on a new volume, and keeps this one."
        )
    return "begin"


def problems(found: Mapping[str, Any], to: str) -> list[str]:
    """Return what is wrong with a recovered database. Pure."""
    wrong = []
    if not sum(found["rows"].values()):
        wrong.append("it has no rows at all")
    if to != "latest":
        end = datetime.fromisoformat(to).timestamp()
        for what in ("newest_commit", "newest_mark"):
            if found[what] is not None and found[what] > end:
                wrong.append(f"its {what.replace('_', ' ')} is of {iso(found[what])}, after {to}")
    return wrong


def iso(seconds: float) -> str:
    """Return a time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# The edge.


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"backup restore: {text}", flush=True)


def restored(parameters: Mapping[str, Any]) -> Facts:
    """Put the backup on the disk, unless that was done, and return the record. Raises CarryError."""
    disk, volumes, origin = parameters["disk"], list(parameters["volumes"]), str(parameters["disk"]["origin"])
    server = Machine("the server", parameters["serverConfig"], parameters["serverAddress"])
    source = Machine("the keeper", parameters["keeperConfig"], parameters["keeperAddress"])
    of_disk = {"device": disk["device"], "label": parameters["label"], "volumes": volumes}

    def step(name: str, **more: object) -> Facts:
        return dict(json.loads(server.script(ON_SERVER, name, json.dumps({**of_disk, **more}))))

    seen = step("look")
    what = decision(seen, disk["volume"], origin)
    if what == "done":
        return dict(seen["record"])
    if what == "place":
        return step("place", record=seen["record"])
    kind, to = origin.split(" ", 1)
    attempt = f"{disk['stack']}-{secrets.token_hex(4)}"
    scratch = f"{SCRATCH}/{attempt}"
    began = time.monotonic()
    try:
        source.run(f"rm -rf -- {SCRATCH}/{disk['stack']}-*")  # what a killed attempt left
        from_ = ["--from", kind] if kind != "keeper" else []
        words = ["toybox-keeper", "restore-site", "--to", to, "--target", scratch, *from_]
        told = json.loads(source.run(shlex.join([*words, "--json"])))
        say(f"the keeper has it, {time.monotonic() - began:.0f} s")
        into = step("begin", attempt=attempt)["folder"]
        count = carry(source, server, f"{scratch}/database", f"{into}/database", str(DATABASE_UID))
        say(f"database: {count} files and folders, the same on both sides, {time.monotonic() - began:.0f} s")
        for volume in volumes:
            count = carry(source, server, f"{scratch}/files/{volume}", f"{into}/files/{volume}", "kept")
            say(f"{volume}: {count} files and folders, the same on both sides, {time.monotonic() - began:.0f} s")
    finally:
        subprocess.run(source.ssh(f"rm -rf -- {scratch}"), capture_output=True, check=False)
    of_database = {name: parameters[name] for name in ("image", "database")}
    found = step("recover", attempt=attempt, uid=DATABASE_UID, seconds=6 * HOURS, count=ROWS.strip(), **of_database)
    say(f"PostgreSQL has recovered, {time.monotonic() - began:.0f} s")
    if wrong := problems(found, to):
        raise CarryError("The recovered database is not what was asked for: " + "; ".join(wrong))
    record = {
        "volume": disk["volume"],
        "origin": origin,
        "attempt": attempt,
        "backup": told["database"]["backup"],
        "files_of": told["files_of"],
        "volumes": told["volumes"],
        **{name: value for name, value in found.items() if name != "seconds"},
        "seconds": round(time.monotonic() - began, 1),
    }
    return step("place", record=record)


def main() -> None:
    """Do it, and print the record as the last line."""
    parameters = json.load(sys.stdin)
    origin = str(parameters["disk"]["origin"])
    if not origin.startswith(("keeper ", "copy ")):
        say(f"nothing to do: the volume came as {origin!r}")
        return
    if not Path(parameters["keeperConfig"]).exists():
        sys.exit(
            f"backup restore: {parameters['keeperConfig']} is not there, with which the keeper is reached.\n"
            "    Way out: `toybox backup list`, which writes it; then this update again."
        )
    try:
        record = restored(parameters)
    except CarryError as error:
        sys.exit(f"backup restore: {error}")
    newest = iso(record["newest_commit"]) if record["newest_commit"] else "unknown"
    say(f"{sum(record['rows'].values())} rows, newest commit {newest}, files of {record['files_of']}")
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
