"""The copies in object storage: restic's repository in the bucket, with a key of its own."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keeper import bucket, notes, retention
from keeper.bucket import AGAIN, CREDENTIALS, StorageError, bucket_of
from keeper.catalogue import verified
from keeper.places import Places
from keeper.programs import QUICK, FailedError, run
from keeper.refusal import Refusal

HOURS = 3600
REPOSITORY = "copy-repository.json"
"""The record of the repository that this keeper has in a bucket. Without it none is made beside another one."""
WHOSE = "keeper.json"
"""The object that tells, to everybody who can read the bucket, whose copies these are."""
HASHED = ("data/", "index/", "snapshots/", "keys/")
"""Where the name of an object is the SHA-256 of its content (restic's design document, "Repository Format")."""

CODES = {
    "Access Denied": (403, "AccessDenied"),
    "exceeds the maximum allowed": (413, "EntityTooLarge"),
    "request time and the server": (403, "RequestTimeTooSkewed"),
    "bucket does not exist": (404, "NoSuchBucket"),
    "Access Key Id": (403, "InvalidAccessKeyId"),
    "signature we calculated": (403, "SignatureDoesNotMatch"),
    "no such host": (0, "NoAnswer"),
    "connection refused": (0, "NoAnswer"),
    "i/o timeout": (0, "NoAnswer"),
    "no end after": (0, "NoAnswer"),
}
"""What restic prints of S3's errors, and their codes: it passes on the message alone."""

Snapshot = dict[str, Any]


def restic(places: Places, *arguments: str) -> list[str | Path]:
    """Return a command of restic's on the repository in the bucket. Raises Refusal without a copy."""
    storage = bucket_of(places).storage
    options = ("-o", f"s3.region={storage.region}", "-o", "s3.bucket-lookup=path")
    password = ("--password-file", str(places.etc / "copy-password"))
    return [
        *("restic", "--repo", f"s3:{storage.endpoint}/{storage.bucket}"),
        *(*options, *password, "--no-cache", *arguments),
    ]


def must(places: Places, doing: str, *arguments: str, seconds: float = QUICK, folder: Path | None = None) -> str:
    """Return what restic prints. Raises Refusal, with the storage's reason if that is one."""
    environment = {"AWS_SHARED_CREDENTIALS_FILE": str(places.etc / CREDENTIALS)}
    try:
        return run(*restic(places, *arguments), seconds=seconds, folder=folder, environment=environment)
    except FailedError as error:
        raise explained(places, doing, error) from None


def explained(places: Places, doing: str, error: FailedError) -> Refusal:
    """Return why restic failed. Pure."""
    said = said_of(f"{error.everything}\n{error}")
    if "wrong password" in said:
        return Refusal(
            f"{doing} failed: the password does not open the repository in the bucket.",
            "It was made with another one: by another keeper, or before toybox:copyPassword was changed.",
            "Put the password back, or choose another toybox:copy.bucket. Nothing in this one was changed.",
        )
    for words, (status, code) in CODES.items():
        if words in f"{error.everything}\n{error}":
            return bucket.explained(bucket_of(places).storage, StorageError(status, code, said), doing, 0.0)
    return Refusal(f"{doing} failed.", said, AGAIN)


def said_of(printed: str) -> str:
    """Return the one line of what restic printed that has the reason: its last word, or why it tried again. Pure."""
    fatal = [line.removeprefix("Fatal: ") for line in printed.splitlines() if line.startswith("Fatal: ")]
    tried = re.findall(r"returned error, retrying after \S+ (.+)", printed)
    other = [line for line in printed.splitlines() if line.strip() and not line.startswith(("\t", "github.com/"))]
    return (fatal or tried[-1:] or other or ["it said nothing"])[0].strip()


def ensure_repository(places: Places) -> None:
    """See to it that the repository in the bucket is this keeper's, and takes a write. The first one is made.

    Raises:
        Refusal: it is another keeper's, it is gone, or the storage refuses.
    """
    there = bucket_of(places)
    known = notes.read(places.records / REPOSITORY)
    exists = there.exists()
    names = there.names() if exists else {}
    if "config" in names:
        if known is None:
            raise another(places, there.read(WHOSE).decode(errors="replace") if WHOSE in names else "it does not say")
        adopt(places, known)
    else:
        if known and known.get("id"):
            raise gone(places, exists)
        make(places, names)
    there.write(WHOSE, json.dumps({"source": places.source, "keeper": "TOYBOX"}).encode())


def another(places: Places, whose: str) -> Refusal:
    """Return the refusal of a bucket with a repository that this keeper has no record of."""
    storage = bucket_of(places).storage
    return Refusal(
        f"Bucket {storage.bucket} has copies that this keeper did not make ({whose.strip()}).",
        "Its retention would let go of theirs, in favour of its own.",
        "If it is the copy of a keeper that this one replaces: `toybox-keeper restore-copy` first. Else choose another "
        "toybox:copy.bucket.",
    )


def gone(places: Places, exists: bool) -> Refusal:
    """Return the refusal of a bucket that had the repository, and has it no more."""
    storage = bucket_of(places).storage
    what = "has no repository any more" if exists else "is gone"
    file = places.records / REPOSITORY
    return Refusal(
        f"Bucket {storage.bucket} at {storage.endpoint} {what}.",
        "A new one in its place would look like the first, and every earlier copy would seem to be there.",
        f"Find out who deleted it. If it is lost: `rm {file}`, then `toybox-keeper run copy`.",
    )


def make(places: Places, names: Mapping[str, int]) -> None:
    """Make the repository in a bucket that is empty, or not there. Raises Refusal."""
    if others := sorted(set(names) - {WHOSE}):
        storage = bucket_of(places).storage
        raise Refusal(
            f"Bucket {storage.bucket} is not empty: it has {others[0]}, and no repository.",
            "What lies there is somebody's, or the rest of a copy.",
            "Choose another toybox:copy.bucket.",
        )
    file = places.records / REPOSITORY
    notes.write(file, {"id": None, "bucket": bucket_of(places).storage.bucket})
    must(places, "Making the repository in the bucket", "init")
    adopt(places, {"id": None})


def adopt(places: Places, known: Mapping[str, Any]) -> None:
    """Note the repository's id, or compare it with the noted one. Raises Refusal."""
    found = str(json.loads(must(places, "Opening the repository in the bucket", "cat", "--no-lock", "config"))["id"])
    if known.get("id") not in (None, found):
        raise another(places, f"repository {found[:10]}, and this keeper's is {str(known['id'])[:10]}")
    if known.get("id") is None:
        notes.write(places.records / REPOSITORY, {"id": found, "bucket": bucket_of(places).storage.bucket})


def snapshots(places: Places) -> list[Snapshot]:
    """Return the copies, the newest first. Raises Refusal."""
    printed = must(places, "Listing the copies", "snapshots", "--json", "--no-lock", "--tag", "copy")
    found: list[Snapshot] = json.loads(printed) or []
    if others := {str(each["hostname"]) for each in found} - {places.source}:
        raise another(places, f"copies of {', '.join(sorted(others))}")
    return sorted(found, key=lambda each: str(each["time"]), reverse=True)


def chosen(found: Sequence[Snapshot], wanted: str) -> Snapshot:
    """Return the copy with this id, or the newest for "latest". Pure. Raises Refusal."""
    for each in found:
        if wanted == "latest" or (wanted and str(each["id"]).startswith(wanted)):
            return each
    ids = ", ".join(str(each["short_id"]) for each in found[:10]) or "none"
    raise Refusal(
        "There is no copy in the bucket yet." if wanted == "latest" else f"There is no copy {wanted} in the bucket.",
        f"There are: {ids}.",
        "Name one of them, or leave it out for the newest.",
    )


def take(places: Places, folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """Copy these files and folders of `folder` into the bucket, and return restic's summary. Raises Refusal.

    What is copied are links that were made today: their inodes and times of change tell nothing.
    """
    tags = ("--host", places.source, "--tag", "copy", "--ignore-inode", "--ignore-ctime")
    printed = must(places, "The copy", "backup", "--json", *tags, *names, seconds=5 * HOURS, folder=folder)
    for line in reversed(printed.splitlines()):
        told: dict[str, Any] = json.loads(line)
        if told.get("message_type") == "summary":
            return told
    raise Refusal("restic printed no summary.", "Whether it made a copy is not known.", AGAIN)


def read_back(places: Places, before: Mapping[str, int]) -> dict[str, int]:
    """Read every object that was added since `before` out of the bucket, and compare its content with its name. Return
    their number and bytes. Raises Refusal."""
    there = bucket_of(places)
    count = size = 0
    for name in sorted(there.names().keys() - before.keys()):
        if not name.startswith(HASHED):
            continue
        content = there.read(name)
        if hashlib.sha256(content).hexdigest() != name.rpartition("/")[2]:
            raise Refusal(
                f"Object {name} came back from the bucket with another content.",
                "It was damaged on its way, or in the storage: the copy that has it cannot be restored whole.",
                "Delete this object in the bucket; `toybox-keeper run copy` writes it again.",
            )
        count, size = count + 1, size + len(content)
    return {"objects": count, "bytes": size}


def require_whole(places: Places, snapshot: str) -> None:
    """Raise Refusal unless the bucket lists this snapshot, and every file of all of them has its data there."""
    listed = bucket_of(places).names(f"snapshots/{snapshot}")
    if not listed:
        raise Refusal(
            f"The bucket does not list copy {snapshot[:8]}, which restic has just made.",
            "What the storage does not list cannot be found when it is needed.",
            AGAIN,
        )
    must(places, "Checking the repository in the bucket", "check", seconds=5 * HOURS)


def unlock(places: Places) -> None:
    """Remove locks of restic's whose process is gone. Raises Refusal."""
    must(places, "Removing locks that an interrupted run left", "unlock")


def drop_expired(places: Places) -> list[str]:
    """Forget what retention lets go, give its space back, and return the ids. Raises Refusal."""
    tags = ("--host", places.source, "--tag", "copy", "--group-by", "host")
    asked = must(
        places, "Asking restic what retention lets go", "forget", "--dry-run", "--json", *tags, *retention.COPIES
    )
    gone = retention.expired_snapshots(json.loads(asked), verified(places, "copy"))
    if gone:
        must(places, "Forgetting expired copies", "forget", *gone)
        must(places, "Giving space in the bucket back", "prune", seconds=5 * HOURS)
    return gone


def newest(places: Places) -> float | None:
    """Return when the newest copy was begun, in seconds since 1970; None if the bucket has none that is on record.
    Raises Refusal if it does not say.

    The bucket is looked at: a copy that somebody deleted there is none, whatever the record says.
    """
    last = notes.record(places, "copy")
    if last is None or not bucket_of(places).names(f"snapshots/{last['snapshot']}"):
        return None
    return float(last["started_at"])


def size_of(places: Places, snapshot: str) -> int:
    """Return the bytes that a copy takes when it is brought back. Raises Refusal."""
    told = must(places, "Measuring the copy", "stats", "--json", "--no-lock", "--mode", "restore-size", snapshot)
    return int(json.loads(told)["total_size"])


def bring_back(places: Places, snapshot: str, target: Path, parts: Sequence[str]) -> None:
    """Bring these parts of a copy into `target`. Raises Refusal."""
    include = [word for part in parts for word in ("--include", f"/{part}")]
    must(
        places,
        f"Bringing copy {snapshot[:8]} back",
        *("restore", "--no-lock", snapshot, "--target", str(target), *include),
        seconds=5 * HOURS,
    )


def text_in(places: Places, snapshot: str, name: str) -> str:
    """Return the content of one file in a copy. Raises Refusal."""
    return must(places, f"Reading {name} of copy {snapshot[:8]}", "dump", "--no-lock", snapshot, f"/{name}")
