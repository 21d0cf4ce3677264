"""The image of the lab's keeper: that of its servers with Debian's packages for keeping. Built when a keeper is first
wanted, so that a lab without one is up as soon as ever."""

from pathlib import Path

from lab import control_plane, paths
from lab.images import build
from lab.images.context import Context, File
from lab.locks import locked

HERE = Path(__file__).resolve().parent
FILES = ("Dockerfile", "disk.mount")


def context() -> Context:
    """Return the files that the image is made of."""
    return Context({name: File((HERE / name).read_bytes()) for name in FILES})


def tag(base: str) -> str:
    """Return the image's name: it changes with its base and with every file that it is made of."""
    return f"toybox-lab/keeper:{context().key(base)}"


def ensure_keeper_image() -> str:
    """Build the image unless the engine has it, and return its name.

    Raises:
        LabError: the build fails.
    """
    base = control_plane.SERVER_IMAGE.read_text().strip()
    name = tag(base)
    with locked(paths.LAB_CACHE / "keeper-image.lock"):
        if not build.has(name):
            build.build(name, context(), base, paths.LOG / "image-keeper.log")
    return name
