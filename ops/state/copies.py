"""Keep a copy of a stack's state before a command edits it, in a bucket or in a folder."""

import os
from datetime import UTC, datetime
from pathlib import Path

from ops.state import commands, exports


def keep(stack: str, text: str, root: Path) -> str:
    """Keep `text`. Return the command that puts it back: a version in the bucket, or a file where the state is in a
    folder. The secrets in it are encrypted."""
    bucket, project = commands.address()
    if bucket is not None:
        document = exports.parsed(text, stack, project, f"The state of {stack}")
        version = commands.opened(stack)[0].put(exports.key(stack), text.encode(), exports.notes(document, os.environ))
        return f"toybox state import {version} --stack {stack}"
    file = root / ".toybox" / stack / f"state-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.json"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as target:
        target.write(text)
    return f"pulumi stack import --stack {stack} --file {file.relative_to(root)}"
