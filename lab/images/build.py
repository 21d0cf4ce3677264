"""The thin edge that builds an image on the machine's Docker engine and hands it to the registry."""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.images.context import Context
from lab.images.registry import Registry
from lab.steps import LabError, last_line, run

IMAGE_PYTHON = "3.11"
"""Debian 12's Python, which the wheels are for."""


def has(image: str) -> bool:
    """Whether the engine has the image."""
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode == 0


def remove(image: str) -> None:
    """Remove an image's name from the engine, and the image if nothing else needs it.

    A build's own stages stay: pruning them here could take those of a build that is under way.
    """
    subprocess.run(["docker", "image", "rm", "--force", image], capture_output=True)


def build(image: str, context: Context, base: str, log: Path) -> None:
    """Build `image` on `base`. Raises `LabError`."""
    # The engine that the lab starts has no network for containers but the machine's own.
    command = ["docker", "build", "--network", "host", "--force-rm", "--build-arg", f"BASE={base}", "--tag", image, "-"]
    with log.open("ab") as file:
        file.write(f"$ {shlex.join(command)}\n".encode())
        file.flush()
        # The classic builder is the one that every engine has; buildx is a plugin that Debian 12 has not.
        environment = os.environ | {"DOCKER_BUILDKIT": "0"}
        done = subprocess.run(command, input=context.tar(), stdout=file, stderr=file, env=environment)
    if done.returncode:
        raise LabError(f"building {image} failed: {last_line(log)}", log)


def push(image: str, client: Registry, name: str, tag: str, scratch: Path) -> str:
    """Send an image of the engine to the registry as `name`:`tag`; return its digest.

    Not `docker push`: that would need the machine's engine to trust the lab's certificate authority.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        archive = Path(folder) / "image.tar"
        subprocess.run(["docker", "save", "--output", archive, image], check=True, capture_output=True)
        return client.upload(name, tag, archive)


def download_wheels(requirements: bytes, cache: Path, log: Path) -> Path:
    """A folder of the cache with the wheels that `requirements` (pinned, with hashes) names. Raises `LabError`.

    Downloaded here and not in the build, because pip on the machine knows the way to its package index.
    """
    wheels = cache / f"wheels-{hashlib.sha256(requirements).hexdigest()[:12]}"
    if not wheels.exists():
        half_made = wheels.with_name("wheels-half-made")
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.mkdir()
        pinned = half_made.with_suffix(".txt")
        pinned.write_bytes(requirements)
        run(
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"),
            *(f"--python-version={IMAGE_PYTHON}", "--dest", half_made, "--requirement", pinned),
            log=log,
        )
        half_made.rename(wheels)
        pinned.unlink()
    return wheels
