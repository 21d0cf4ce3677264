"""Check the references of the container images."""

import re

from settings.problems import shown
from settings.values.refusal import refused

_HOST_PART = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?/)?"
    rf"{_PATH_PART}(?:/{_PATH_PART})*"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
"""The grammar of https://github.com/distribution/reference (read 2026-11-24), with SHA-256 as the only digest."""


def image(value: str) -> str:
    """An image reference with its digest."""
    match = _REFERENCE.fullmatch(value)
    if match is None:
        raise refused(
            f"is {shown(value)}, which is not an image reference.",
            "Docker on the server would refuse to pull it.",
            "Write registry/name:tag@sha256:<64 hex digits>, all but the tag in lower case.",
        )
    if match["digest"] is None:
        raise refused(
            f"is {shown(value)}, without a digest.",
            "A tag can point to another image tomorrow: two runs of the same settings would run different "
            "software, and a new glibc can silently break the indexes of a database.",
            f"Append the digest: {value}@sha256:...; `docker buildx imagetools inspect {value}` prints it.",
        )
    return value


def postgres_image(value: str) -> str:
    """An image with its digest, whose tag does not claim another major version than the data has."""
    match = _REFERENCE.fullmatch(image(value))
    tag = (match["tag"] if match else None) or ""
    major = re.match(r"[0-9]+", tag)
    if major and major[0] != "15":
        raise refused(
            f"is PostgreSQL {major[0]}, by its tag {tag}.",
            "The data belongs to version 15: another major version calls the files incompatible and stops.",
            "Use a tag that begins with 15. A major upgrade is a migration of the data, not a change of the image.",
        )
    return value
