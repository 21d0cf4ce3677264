"""`toybox-keeper`: what the keeper's timers, and operators, call on it."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keeper import copy, intact, jobs, places, ready, render, restore, states, status
from keeper.places import DATA, Places
from keeper.refusal import Refusal


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    top = argparse.ArgumentParser(prog="toybox-keeper", description="Keeps backups of a stack of TOYBOX.")
    commands = top.add_subparsers(dest="command", required=True)

    def command(name: str, help_: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_, description=help_)
        made.add_argument("--json", action="store_true", help="for programs")
        return made

    def from_copy(made: argparse.ArgumentParser) -> None:
        made.add_argument(
            "--from", dest="source", choices=("keeper", "copy"), default="keeper", help="(default: keeper)"
        )
        made.add_argument("--copy", metavar="ID", default="latest", help="with --from copy: another than the newest")

    listing = command("list", "What can be restored.")
    from_copy(listing)
    listing.add_argument("--path", metavar="VOLUME/PATH", help="only snapshots of files that have it")
    command("run", "Run one job now.").add_argument("kind", choices=sorted(jobs.JOBS))
    drill = command("drill", "Restore a random second and look at it: what is verified, and how long it takes.")
    drill.add_argument("--from", dest="source", choices=("keeper", "copy"), default="keeper", help="(default: keeper)")
    verify = command("verify", "Look whether one backup is as it was written, without a restore.")
    verify.add_argument("id", nargs="?", help="as `toybox-keeper list` has it (default: the newest full backup)")
    command("status", "How fresh and whole it is. Ends with 1 if anything is wrong.")
    waiting = command("ready", "Wait until the source is reached and its WAL arrives.")
    waiting.add_argument("--seconds", type=int, default=90, help="how long (default: 90)")
    database = command("restore-database", "Restore the database's files, for PostgreSQL to start on.")
    from_copy(database)
    database.add_argument("--to", required=True, metavar="TIME", help=f"such as {restore.FORM}, or {restore.LATEST}")
    database.add_argument("--target", required=True, type=Path, metavar="DIR", help="an empty or new folder")
    database.add_argument("--backup", metavar="ID", help="begin with this full backup")
    files = command("restore-files", "Restore a volume's files, or some of them.")
    from_copy(files)
    files.add_argument("volume")
    files.add_argument("path", nargs="?")
    files.add_argument("--target", required=True, type=Path, metavar="DIR", help="an empty or new folder")
    files.add_argument("--at", metavar="TIME", help="the newest snapshot that is not later (default: the newest)")
    command("keep-state", "Keep a stack's state and settings files, read from standard input.")
    whole = command("restore-copy", "Bring all of the copy back to a keeper whose disk is empty.")
    whole.add_argument("--copy", metavar="ID", default="latest", help="another than the newest")
    site = command("restore-site", "Restore database and files, as a server needs them.")
    from_copy(site)
    site.add_argument("--to", required=True, metavar="TIME", help=f"such as {restore.FORM}, or {restore.LATEST}")
    site.add_argument("--target", required=True, type=Path, metavar="DIR", help="an empty or new folder")
    return top


@contextmanager
def kept(here: Places, chosen: argparse.Namespace, parts: Sequence[str]) -> Iterator[Places]:
    """Yield the places to restore from: the keeper's own, or those of a copy that is brought back for it."""
    if chosen.source == "keeper":
        yield here
        return
    with copy.opened(here, chosen.copy, parts) as there:
        yield there


def answer(chosen: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Do what was asked for; return what to print and whether all is well. Raises Refusal."""
    here = places.load()
    match chosen.command:
        case "list":
            if chosen.source == "copy":
                return copy.listed(here, chosen.copy), True
            return status.listed(here, chosen.path), True
        case "run":
            told = jobs.run_job(here, chosen.kind)
            return told, bool(told["ok"])
        case "drill":
            told = jobs.run_job(here, "drill" if chosen.source == "keeper" else "drill-copy")
            return told, bool(told["ok"])
        case "verify":
            return intact.intact(here, chosen.id), True
        case "status":
            told = status.status(here)
            return told, not told["problems"]
        case "ready":
            return ready.await_source(here, chosen.seconds), True
        case "restore-database":
            with kept(here, chosen, copy.DATABASE) as there:
                return restore.restore_database(there, chosen.to, chosen.target, chosen.backup), True
        case "restore-site":
            with kept(here, chosen, copy.SITE) as there:
                return restore.restore_site(there, chosen.to, chosen.target), True
        case "keep-state":
            return states.keep(here, sys.stdin.read(states.LARGEST)), True
        case "restore-copy":
            return copy.restore_copy(here, chosen.copy), True
        case _:
            with kept(here, chosen, copy.FILES) as there:
                return restore.restore_files(there, chosen.volume, chosen.path, chosen.target, chosen.at), True


def of_the_machine(error: OSError) -> Refusal:
    """Return the refusal for what the machine refuses: a full disk takes no manifest either."""
    return Refusal(
        f"{error.filename or 'The keeper'}: {error.strerror}.",
        "Nothing is kept that cannot be written, and what was kept stays.",
        f"`df -h {DATA}; dmesg | tail`, on the keeper.",
    )


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    chosen = parser().parse_args(arguments)
    try:
        told, well = answer(chosen)
    except (Refusal, OSError) as error:
        refusal = error if isinstance(error, Refusal) else of_the_machine(error)
        if chosen.json:
            print(json.dumps({"error": str(refusal)}))
        print(refusal, file=sys.stderr)
        return 1
    print(json.dumps(told) if chosen.json else render.text(chosen.command, told))
    if chosen.command in ("run", "drill") and not well:
        print(told["why"], file=sys.stderr)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
