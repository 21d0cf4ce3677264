"""The image of the lab's servers: Debian with systemd, cloud-init, sshd and Docker. The files beside this one are its
build context."""

import hashlib
import os
from pathlib import Path

from lab import control_plane, engine, paths
from lab.images import base_image
from lab.steps import run

CONTEXT = Path(__file__).resolve().parent
FILES = ("Dockerfile", "cloud.cfg", "first-process", "first-upgrade.service", "nftables.conf")


def tag(base: str) -> str:
    """The image's name: it changes with its base and with every file it is made of."""
    total = hashlib.sha256(base.encode())
    for name in FILES:
        total.update(hashlib.sha256((CONTEXT / name).read_bytes()).digest())
    return f"toybox-lab/server:{total.hexdigest()[:12]}"


def ensure_server_image() -> str:
    """Build the image unless the engine has it, and name it to the nova driver."""
    base = base_image(paths.LAB_CACHE, paths.LOG)
    name = tag(base)
    remark = "in the engine"
    if engine.ask(f"/images/{name}/json") is None:
        run(
            *(
                "docker",
                "build",
                "--network",
                "host",
                "--build-arg",
                f"BASE={base}",
                "--tag",
                name,
                "--force-rm",
                CONTEXT,
            ),
            log=paths.LOG / "image-server.log",
            env={**os.environ, "DOCKER_BUILDKIT": "0"},
        )
        remark = "built"
    control_plane.SERVER_IMAGE.write_text(f"{name}\n")
    return remark
