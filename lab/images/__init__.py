"""The images that TOYBOX runs on in the lab, built from Debian packages and PyPI and put into the lab's registry.

`build_and_push` is all that the lab's `up` needs. Each image is tagged with a hash of everything it is made
of; what the registry already has under that tag is neither built nor pushed.

The images stand in for docker.io's: they keep the contract (environment, ids, paths, signals) that the
program leans on, so the same program runs on either.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.images import base, build
from lab.images.base import base_image
from lab.images.context import read_context
from lab.images.registry import LAYER, Registry
from lab.locks import locked

__all__ = ["base_image", "build_and_push"]

HERE = Path(__file__).parent

CONTEXTS = {
    "postgres": HERE / "postgres",
    "django": HERE.parent / "app",
    "redis": HERE / "redis",
    "caddy": HERE / "caddy",
}
"""Where each image is made, by name; those that take longest first."""

VERSIONS = {"postgres": "15", "django": "lab", "redis": "7", "caddy": "2"}
"""What a tag begins with, so that a person can read it."""


def build_and_push(registry: str, ca: Path, cache: Path, log_dir: Path) -> dict[str, str]:
    """See to it that the registry has every image; return each one's reference, pinned by digest.

    `registry` is host:port, serving TLS by the certificate authority in the file `ca`. `cache` is a folder
    for what outlives the lab (base system, wheels). A build writes to `log_dir`/image-<name>.log. Raises
    `LabError`, which names that file.
    """
    client = Registry(registry, ca)
    contexts = {name: read_context(folder) for name, folder in CONTEXTS.items()}
    tags = {name: f"{VERSIONS[name]}-{context.key(base.KEY, LAYER)}" for name, context in contexts.items()}

    def build_one(name: str) -> str:
        log = log_dir / f"image-{name}.log"
        context = contexts[name]
        if requirements := context.files.get("requirements.txt"):
            context = context.with_folder("wheels", build.download_wheels(requirements.content, cache, log))
        image = f"toybox-lab/{name}:{tags[name]}"
        build.build(image, context, base_image(cache, log_dir), log)
        try:
            return build.push(image, client, name, tags[name], cache)
        finally:
            build.remove(image)  # the registry keeps it from here on

    cache.mkdir(parents=True, exist_ok=True)
    # Two builds of one image differ (in their times): under one tag, the second would take the first one's place.
    with locked(cache / "images.lock"), ThreadPoolExecutor(max_workers=2) as pool:
        digests = {name: client.digest(name, tag) for name, tag in tags.items()}
        missing = [name for name, digest in digests.items() if digest is None]
        digests |= zip(missing, pool.map(build_one, missing), strict=True)
    return {name: f"{registry}/{name}:{tags[name]}@{digest}" for name, digest in digests.items()}
