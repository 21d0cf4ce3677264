"""Check the images of containers: in production, each image needs its digest."""

import re
from collections.abc import Iterator

from ops.guard import declared, role
from ops.guard.finding import Finding, Rule
from ops.guard.preview import UNKNOWN, Change, Preview

UNPIN = Rule(
    "unpin",
    "An image in prod has no digest.",
    "Anybody who can push to the registry chooses the program that runs on prod's data.",
)

DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
LOCAL = re.compile(r"^sha256:[0-9a-f]{64}$")


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for an image in prod that is not pinned by its digest."""
    if role.is_production(preview):
        for change, reference in unpinned(preview):
            yield Finding(
                UNPIN,
                change.urn,
                f"The image {reference} has no digest.",
                "Whoever can push to the registry decides what runs on prod's data; and a new PostgreSQL base can "
                "break the order of text in its indexes in silence.",
                "Write the reference with its digest: `name:tag@sha256:...`, which the registry shows and "
                "`docker pull` prints.",
            )


def notes(preview: Preview) -> Iterator[str]:
    """Yield a note for an image of a staging that has no digest."""
    if not role.is_production(preview):
        for change, reference in unpinned(preview):
            yield f"{change.name}: the image {reference} has no digest. In prod that would stop the update."


def unpinned(preview: Preview) -> Iterator[tuple[Change, str]]:
    """Yield images that would be used afterwards, changed or not, and are not pinned, with their references.

    A container's image is an id that pulling or building returned. An image that is built is pinned if its bases are.
    """
    for change in preview.of_type(declared.IMAGE, declared.CONTAINER):
        if change.new is None:
            continue
        inputs = change.new.inputs
        build = inputs.get("build")
        if isinstance(build, dict):
            arguments = build.get("buildArgs") or {}
            references = [value for key, value in sorted(arguments.items()) if key.endswith("_IMAGE")]
        elif change.type == declared.IMAGE:
            references = [inputs.get("name")]
        else:
            references = [value for value in (inputs.get("image"),) if not LOCAL.match(str(value))]
        for reference in references:
            if reference != UNKNOWN and not DIGEST.search(str(reference)):
                yield change, _shown(reference)


def _shown(value: object) -> str:
    """Return a reference or an id for a message. It shows an unknown one in words, not as the engine's placeholder."""
    return "that is not known yet" if value == UNKNOWN else str(value)
