"""The build context of Caddy's image and the tag that its content gives it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

CONTEXT = Path(__file__).parent / "build"


def content_hash(files: Mapping[str, bytes], build_arguments: Mapping[str, str]) -> str:
    """A name for what the image will be: every file's name and content and every build argument, in a fixed order."""
    digest = hashlib.sha256()
    for kind, entries in (
        ("file", files),
        ("argument", {k: v.encode() for k, v in build_arguments.items()}),
    ):
        for name, content in sorted(entries.items()):
            digest.update(f"{kind} {name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def read_context() -> dict[str, bytes]:
    """The files that are sent to the server's Docker daemon."""
    return {str(path.relative_to(CONTEXT)): path.read_bytes() for path in sorted(CONTEXT.rglob("*")) if path.is_file()}
