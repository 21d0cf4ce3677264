"""Hand a stack's state and its settings files to its keeper, over the keeper's pinned SSH.

The state is the export: its secrets are encrypted, as are those of the settings files. The passphrase stays here. The
keeper gets no credential of the account, and the server nothing at all.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keeper import states
from ops import OpsError
from ops.backup.asking import Keeper, answered

SECONDS = 120


def settings_files(folder: Path) -> dict[str, str]:
    """Return {name: text} of Pulumi.yaml and every stack's settings file in a folder."""
    return {file.name: file.read_text() for file in sorted(folder.glob("Pulumi*.yaml"))}


def document(stack: str, state: Mapping[str, Any], settings: Mapping[str, str], passphrase: str) -> dict[str, Any]:
    """Return what is handed over. Pure.

    Raises:
        OpsError: the passphrase is in it.
    """
    found = {"stack": stack, "state": state, "settings": settings}
    if passphrase and passphrase in json.dumps(found, ensure_ascii=False):
        raise OpsError(
            f"The passphrase itself stands in the state or the settings files of {stack}. Nothing was handed over.\n"
            "    Why:     Together with it, everybody who reads the keeper's disk has every secret.\n"
            "    Way out: Take it out of there, and choose another passphrase: the old one is known."
        )
    return found


def hand_over(keeper: Keeper, found: Mapping[str, Any]) -> dict[str, Any]:
    """Hand it over and return what the keeper says.

    Raises:
        OpsError: the keeper does not answer, refuses, or has something else on its disk afterwards.
    """
    told = answered(keeper, "keep-state", seconds=SECONDS, stdin=json.dumps(found))
    if told.get("sha256") != states.digest(found):
        raise OpsError(
            f"The keeper {keeper.stack.name} has another state on its disk than was sent ({told.get('kept')}).\n"
            f"    Way out: {keeper.ssh} df -h /srv/toybox-keeper, and the command again."
        )
    return told
