#!/usr/bin/env python3
"""Decide whose data disk it is, by the label of its ext4 file system, and what a stack may do with a labelled disk.

The label names the stack and the volume that the file system is on (`prod:6606c`). A copy of prod's disk, made from a
restore point, carries prod's label on another volume; prod's own disk carries it on its own. So the label alone tells a
copy, which staging may scrub, from the original, which it may not. It does not depend on settings or state.

The program sends this file to the server. The host bundle asks it for the `verdict` and the scrub for the
`scrub_refusal`. It needs only Python itself (3.10, Ubuntu 22.04).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from dataclasses import dataclass

FORMER = "toybox-data"
"""The label of every data disk before labels named a stack."""

LONGEST = 10
"""Characters of a stack's name in a label. ext4 has room for 16 bytes; a colon and DIGITS take the rest."""

DIGITS = 5
"""Digits of the volume's id in a label. A copy whose volume's id begins like the original's (one in a million) is
refused."""

PATTERN = re.compile(rf"(?P<stack>[a-z][a-z0-9~-]*):(?P<volume>[0-9a-f]{{{DIGITS}}})")


class RefusedError(Exception):
    """The reason why the disk is left untouched, and the way out."""


def short(stack: str) -> str:
    """Return the stack's name as a label has it. A name of up to LONGEST characters stays as it is. A longer one is
    cut, and made unique by a hash of the whole name (25 bits). Its tilde, which no stack's name has, keeps it apart
    from every short name."""
    if len(stack) <= LONGEST:
        return stack
    digest = base64.b32encode(hashlib.sha256(stack.encode()).digest()).decode().lower()
    return f"{stack[:4]}~{digest[:5]}"


@dataclass(frozen=True)
class DataDisk:
    """A stack's data disk, as the program knows it.

    Attributes:
        stack: the stack's name.
        production: whether the stack is production. Its data is never scrubbed.
        volume: the volume's id in the cloud.
        device: the disk's path on the server.
        origin: the source of the volume when it came to the stack, in words: "blank", "backup 3f2c…", "adopted 3f2c…".
        copy: whether the cloud confirms that it made the volume from this restore point.
        blank: whether settings and cloud both say that the volume was made empty. Only such a disk may be formatted.
    """

    stack: str
    production: bool
    volume: str
    device: str
    origin: str
    copy: bool
    blank: bool

    @property
    def label(self) -> str:
        """Return the label that its file system must have."""
        return f"{short(self.stack)}:{self.volume[:DIGITS]}"


def verdict(disk: DataDisk, found: str, scrubbed: str) -> str:
    """Return "open" to use an ext4 file system labelled `found` as it is, or "relabel" to give it `disk.label`.

    `scrubbed` is the id of the volume for which the file system has a record of a scrub, or "".

    Raises RefusedError.
    """
    if found == disk.label:
        return "open"
    if found == FORMER:
        return _former(disk, scrubbed)
    named = PATTERN.fullmatch(found)
    if not named:
        raise RefusedError(
            f"{disk.device} is not TOYBOX's.\n"
            f"Its ext4 is labelled {found!r}, and should be {disk.label!r}. It was left untouched.\n"
            "Why: it holds something else, or it is of a TOYBOX from before this project.\n"
            f"Way out: if it is the right disk, e2label {disk.device} {disk.label}\n"
            "and pulumi up; if not, check toybox:dataVolume.origin."
        )
    if named["stack"] == short(disk.stack):
        return "relabel"  # the stack's own data on another volume: it was put back on a restore point
    if disk.production:
        raise RefusedError(
            f"{disk.device} is the disk of stack {named['stack']!r} (its label is {found}).\nIt was left untouched.\n"
            "Why: a staging's data is scrubbed. Its users have no addresses and no passwords.\n"
            f"{_another_volume(disk)}"
        )
    if refusal := _not_a_copy(disk, found):
        raise RefusedError(refusal)
    return "open"  # with the label that it has: the scrub gives it this stack's, when it begins


def _former(disk: DataDisk, scrubbed: str) -> str:
    """Return the verdict on a disk labelled FORMER. Every staging's disk has a record of a scrub, and no production's
    has."""
    if scrubbed == ("" if disk.production else disk.volume):
        return "relabel"
    if disk.production:
        raise RefusedError(
            f"{disk.device} was scrubbed for a staging (on volume {scrubbed}).\nIt was left untouched.\n"
            "Why: its users have no addresses and no passwords.\n"
            f"{_another_volume(disk)}"
        )
    raise RefusedError(
        f"{disk.device} is labelled {FORMER}, which names no stack, and was not\nscrubbed for this volume. It was left "
        "untouched.\n"
        "Why: a staging scrubs its data for good, and this may be production's only copy.\n"
        "Way out: update production, which labels its disk; wait for its next restore point; then\n"
        "    toybox staging refresh"
    )


def _another_volume(disk: DataDisk) -> str:
    return (
        'Way out: another volume (docs/getting-prod-back.md, "Go back to the data from before"). If this is the one:\n'
        f"    e2label {disk.device} {disk.label}\n"
        "on the server, then pulumi up."
    )


def _not_a_copy(disk: DataDisk, found: str) -> str:
    """Return why this staging may not scrub a disk with another stack's label; "" if it may."""
    theirs, lives_on = found.split(":")
    if disk.volume.startswith(lives_on):
        reason = f"it is the disk of stack {theirs} itself, and no copy made from a restore point"
    elif not disk.copy:
        reason = f"the cloud does not confirm that it is a copy made from a restore point\n(origin: {disk.origin})"
    else:
        return ""
    return (
        f"{disk.device} is labelled {found}:\n{reason}.\nIt was left untouched.\n"
        "Why: a staging scrubs its data for good, and this may be the only copy.\n"
        "Way out: a data volume from a restore point, which this command makes:\n"
        "    toybox staging refresh\n"
        f"Stack {theirs} takes its own disk back with: toybox adopt {theirs} {disk.volume}"
    )


def scrub_refusal(disk: DataDisk, found: str) -> str:
    """Return why a disk labelled `found` must not be scrubbed; "" if it may be. It may be if it is this staging's own,
    or a copy that the cloud confirms. An adopted disk is never scrubbed, whatever its label says."""
    if disk.origin.startswith("adopted"):
        return (
            f"The data volume was adopted ({disk.origin}), and a scrub runs only on one that was made\n"
            "from a restore point. Nothing in it was changed, and no application container runs.\n"
            "Why: an adopted disk may be the only copy of its data.\n"
            "Way out: a data volume from production's restore point, which this command makes:\n"
            "    toybox staging refresh"
        )
    if found == disk.label:
        return ""
    if not PATTERN.fullmatch(found):
        return f"{disk.device} is labelled {found!r}, and should be {disk.label!r}. Nothing in it was changed."
    return _not_a_copy(disk, found)


def blank_refusal(disk: DataDisk) -> str:
    """Return why an empty disk must not be formatted; "" if it may be."""
    if disk.blank:
        return ""
    return (
        f"{disk.device} is empty, and volume {disk.volume}\nwas not made from nothing (origin: {disk.origin}). It was "
        "left untouched.\n"
        "Why: a new database on it would look like a site, with nothing of anybody's in it. The cloud made an empty\n"
        "volume in place of the data, or it is the wrong volume.\n"
        "Way out: another restore point or volume (docs/getting-prod-back.md), or ConoHa's support. If there is no\n"
        f"data to wait for: mkfs.ext4 -L {disk.label} {disk.device}\n"
        "on the server, then pulumi up."
    )


def main(arguments: list[str]) -> None:
    """Print the verdict, or exit with the reason: `data_disk.py format|FOUND SCRUBBED`, with the disk as JSON on
    standard input."""
    disk = DataDisk(**json.load(sys.stdin))
    try:
        match arguments:
            case ["blank"]:
                if refusal := blank_refusal(disk):
                    raise RefusedError(refusal)
                print("format")
            case ["labelled", found, scrubbed]:
                print(verdict(disk, found, scrubbed))
            case _:
                sys.exit("usage: data_disk.py blank | data_disk.py labelled LABEL SCRUBBED")
    except RefusedError as reason:
        sys.exit(f"data disk: {reason}")


if __name__ == "__main__":
    main(sys.argv[1:])
