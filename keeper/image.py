"""TOYBOX's image on the keeper: fetched by its digest, unpacked as files, and kept for the next drill.

No container engine does it. Debian's skopeo fetches, and compares every part with its hash. Debian's umoci unpacks, in
the sandbox of what comes from elsewhere.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keeper import notes, scratch
from keeper.places import DATA, Places
from keeper.programs import FailedError, run
from keeper.refusal import Refusal

FOLDER = "images"
"""Below the keeper's data: one folder for the image that is declared, named by its digest."""
NEW = ".new"
TOLD = "image.json"
"""Beside an unpacked image: what it says of itself. It is written last."""
ROOM = 3 << 30
"""Bytes for an image that is not there yet, packed and unpacked. The lab's stand-in takes 0.3 GB."""
SECONDS = 3600
REFERENCE = re.compile(r"(?P<name>[^@\s]+?)(?P<tag>:[\w.-]+)?@(?P<digest>sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Image:
    """An unpacked image.

    Attributes:
        root: the folder with its file system.
        entrypoint: the words before its command.
        environment: its own variables.
        folder: the working directory.
        uid, gid: whom its processes run as.
    """

    root: Path
    entrypoint: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    uid: int
    gid: int


def parts(reference: str) -> tuple[str, str]:
    """Return (name, digest) of an image's reference. skopeo takes no tag beside a digest. Pure. Raises Refusal if there
    is no digest."""
    found = REFERENCE.fullmatch(reference)
    if found is None:
        raise Refusal(
            f"{reference!r} names no image by its digest.",
            "Under a tag alone another image may lie tomorrow.",
            "Set `django` in toybox:images of the kept stack, update it, then `pulumi up --stack keeper`.",
        )
    return found["name"], found["digest"]


def place(places: Places, reference: str) -> Path:
    """Return the folder of an unpacked image, whether it is there or not. Raises Refusal."""
    return places.data / FOLDER / parts(reference)[1].replace(":", "-")


def room(places: Places, reference: str) -> int:
    """Return the bytes that fetching the image may take. Raises Refusal."""
    return 0 if (place(places, reference) / TOLD).exists() else ROOM


def fetched(places: Places, reference: str) -> Image:
    """Return the image, fetched and unpacked unless it is there, and remove every other one. Raises Refusal."""
    folder = place(places, reference)
    if not (folder / TOLD).exists():
        new = folder.with_name(NEW)
        remove(new)  # of a drill that was killed
        remove(folder)
        try:
            new.mkdir(mode=0o700, parents=True)
            unpack(places, reference, new)
            new.rename(folder)
        finally:
            remove(new)
    for other in folder.parent.iterdir():
        if other != folder:
            remove(other)
    told = notes.read(folder / TOLD) or {}
    return Image(
        root=folder / "rootfs",
        entrypoint=tuple(told["entrypoint"]),
        environment=told["environment"],
        folder=told["folder"],
        uid=int(told["uid"]),
        gid=int(told["gid"]),
    )


def unpack(places: Places, reference: str, folder: Path) -> None:
    """Fetch the image and unpack it into `folder`/rootfs, with what it says of itself beside it. Raises Refusal."""
    name, digest = parts(reference)
    source, packed = f"docker://{name}@{digest}", f"oci:{folder}/packed:web"
    # the digest says which image is meant, and a policy for signatures has nothing to add
    skopeo = ("skopeo", "--insecure-policy", "--tmpdir", folder)
    away = (DATA, places.data, places.etc, places.run)
    umoci = [*scratch.sandbox(away, (folder,)), "umoci", "raw"]
    at = ("--rootless", "--image", f"{folder}/packed:web")
    try:
        run(*skopeo, "copy", "--quiet", source, packed, seconds=SECONDS)
        config = run(*skopeo, "inspect", "--config", packed)
    except FailedError as error:
        raise Refusal(
            f"TOYBOX's image cannot be fetched: {name}@{digest}.",
            str(error),
            "The keeper must reach the registry, and the registry must have the image: try `skopeo inspect "
            f"{source}` on the keeper. If another one is in production: `pulumi up --stack keeper`.",
        ) from None
    try:
        run(*umoci, "unpack", *at, folder / "rootfs", seconds=SECONDS)
        run(*umoci, "runtime-config", *at, "--rootfs", folder / "rootfs", folder / "runtime.json")
        told = described(json.loads(config), json.loads((folder / "runtime.json").read_text()))
    except (FailedError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refusal(
            f"TOYBOX's image cannot be unpacked: {name}@{digest}.",
            str(error) or repr(error),
            "Look at it with `skopeo inspect --config` and `umoci unpack --rootless`, on the keeper.",
        ) from None
    remove(folder / "packed")
    notes.write(folder / TOLD, {"reference": reference, **told})


def described(config: Mapping[str, Any], runtime: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the image says of itself: `config` is its own configuration, `runtime` that for a container of it,
    where the user's name is a number already. Pure."""
    process = runtime["process"]
    return {
        "entrypoint": [str(word) for word in config["config"].get("Entrypoint") or ()],
        "environment": dict(str(each).split("=", 1) for each in process["env"]),
        "folder": str(process["cwd"]),
        "uid": int(process["user"]["uid"]),
        "gid": int(process["user"]["gid"]),
    }


def remove(folder: Path) -> None:
    """Delete a folder, if it is there. In an image some folders may not be written to, even by their owner."""
    if not folder.is_dir() or folder.is_symlink():
        return
    for above, names, _ in os.walk(folder):
        for path in (Path(above, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(folder)
