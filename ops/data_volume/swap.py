"""Brings a stack up on the data volume that its settings now name, and looks whether it stands."""

import json
import time

from ops import OpsError
from ops.data_volume import state
from ops.pulumi_cli import PulumiStack
from ops.status.outside.site import ask_site, site_line
from ops.timed import Timed
from settings import Declared

CERTIFICATE_PATIENCE = 120
"""Seconds for the site to answer: where it has no certificate yet, one has to be signed."""


def made_from(exported: str, urn: str) -> str | None:
    """The id of what a volume was made from or adopted by, as the state has it."""
    for resource in json.loads(exported)["deployment"]["resources"]:
        if resource["urn"] == urn and not resource.get("delete"):
            inputs = resource.get("inputs") or {}
            values = (inputs.get(name) for name in ("backupId", "snapshotId", "sourceVolId"))
            return next((value for value in (*values, resource.get("importID")) if value), None)
    return None


def bring_up(stack: PulumiStack, settings: Declared, timed: Timed, *, protected: bool) -> state.Recorded:
    """`pulumi up`, and what must be true afterwards. Returns the data volume.

    Raises:
        OpsError: the update failed, the volume is not there or not protected, or the site does not answer.
    """
    with timed.step("pulumi up: volume, server, services"):
        stack.update(show=timed.line_of_pulumi)
    recorded = state.recorded(stack.exported())
    if recorded is None:
        raise OpsError(f"The state has no data volume after the update. Look with: pulumi preview --stack {stack.name}")
    if protected and not recorded.protected:
        raise OpsError(f"The data volume is not protected. `pulumi state protect '{recorded.urn}'` mends that.")
    with timed.step("the site answers"):
        await_site(stack, settings)
    return recorded


def await_site(stack: PulumiStack, settings: Declared) -> None:
    """Raises OpsError unless the site answers. That the database and Redis do, the update waited for; a new certificate
    may take a moment longer."""
    address = stack.outputs()["address"]
    deadline = time.monotonic() + CERTIFICATE_PATIENCE
    while True:
        line = site_line(settings, ask_site(settings, address), f"toybox status --stack {stack.name}")
        if line.verdict == "good":
            return
        if time.monotonic() > deadline:
            raise OpsError(f"{stack.name} is up, and its site is not well: {line.text}")
        time.sleep(1)
