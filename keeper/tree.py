#!/usr/bin/env python3
"""Sends a folder with everything in it, and lists it so that two machines can compare what they have.

Stands alone: sent to the keeper and to the server, and run there by `python3 -` (3.10, Ubuntu 22.04). It changes
nothing.

    python3 - pack FOLDER OWNER    writes the folder as a tar archive
    python3 - list FOLDER OWNER [PATH]    prints a line of JSON for each thing in it, or at and below PATH in it

OWNER says who owns what is in the folder: `kept`, as rsync's --fake-super wrote it into extended attributes when the
keeper pulled; `real`, as the file system has it; or the number of a user, and of the group of the same number.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import tarfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FAKE_SUPER = "user.rsync.%stat"
"""rsync's attribute: mode in octal, device, user:group (rsync 3.2, xattrs.c). It is left out where it would say what
the file system says. A symbolic link is a plain file there, whose content is where it leads."""
BLOCK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One thing in a folder.

    Attributes:
        path: relative to the folder; "." is the folder itself.
        kind: "folder", "file" or "link".
        mode: its permissions.
        size: bytes of a file, else 0.
        leads_to: where a link leads, else "".
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    size: int = 0
    leads_to: str = ""


def kept_stat(attribute: str) -> tuple[int, int, int]:
    """Return (mode with its kind, user, group) as rsync's attribute has them: "100640 0,0 10001:10001"."""
    mode, _, owner = attribute.split(" ")
    uid, gid = owner.split(":")
    return int(mode, 8), int(uid), int(gid)


def entry(folder: Path, path: str, owner: str) -> Entry:
    """Return what is at `path`. Raises ValueError for a device, a socket or a pipe: TOYBOX has none."""
    file = folder / path
    seen = os.lstat(file)
    mode, uid, gid, leads_to = seen.st_mode, seen.st_uid, seen.st_gid, ""
    if owner == "kept" and not stat.S_ISLNK(mode):
        with contextlib.suppress(OSError):  # without the attribute the file system says the same
            mode, uid, gid = kept_stat(os.getxattr(file, FAKE_SUPER, follow_symlinks=False).decode())
        leads_to = file.read_text() if stat.S_ISLNK(mode) else ""
    elif stat.S_ISLNK(mode):
        leads_to = os.readlink(file)
    if owner.isdigit():
        uid = gid = int(owner)
    found = Entry(path, "", stat.S_IMODE(mode), uid, gid)
    if stat.S_ISDIR(mode):
        return replace(found, kind="folder")
    if stat.S_ISREG(mode):
        return replace(found, kind="file", size=seen.st_size)
    if stat.S_ISLNK(mode):
        return replace(found, kind="link", mode=0o777, leads_to=leads_to)
    raise ValueError(f"{file} is no file, folder or symbolic link")


def entries(folder: Path, owner: str, start: str = ".") -> Iterator[Entry]:
    """Yield what is at `start` in a folder, and everything below it, in an order that is the same on every machine."""
    waiting = [start]
    while waiting:
        path = waiting.pop()
        found = entry(folder, path, owner)
        yield found
        if found.kind == "folder":
            above = "" if path == "." else f"{path}/"
            waiting += sorted((f"{above}{name}" for name in os.listdir(folder / path)), reverse=True)


def pack(folder: Path, owner: str, target: IO[bytes]) -> None:
    """Write a folder as a tar archive."""
    kinds = {"folder": tarfile.DIRTYPE, "file": tarfile.REGTYPE, "link": tarfile.SYMTYPE}
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT, bufsize=BLOCK) as archive:
        for found in entries(folder, owner):
            member = tarfile.TarInfo(found.path)
            member.type, member.mode, member.size = kinds[found.kind], found.mode, found.size
            member.uid, member.gid, member.linkname = found.uid, found.gid, found.leads_to
            member.mtime = int(os.lstat(folder / found.path).st_mtime)
            if found.kind == "file":
                with (folder / found.path).open("rb") as content:
                    archive.addfile(member, content)
            else:
                archive.addfile(member)


def digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    found = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def listing(folder: Path, owner: str, start: str = ".") -> Iterator[str]:
    """Yield a line for everything at and below `start` in a folder, with the hash of each file."""
    for found in entries(folder, owner, start):
        of_file = {"sha256": digest(folder / found.path)} if found.kind == "file" else {}
        yield json.dumps({**asdict(found), **of_file}, sort_keys=True)


def main(arguments: list[str]) -> None:
    """Do what was asked for."""
    what, folder, owner, *start = arguments
    if what == "pack":
        pack(Path(folder), owner, sys.stdout.buffer)
    else:
        for line in listing(Path(folder), owner, start[0] if start else "."):
            print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
