"""Who may log in as the keeper is a finding, whatever else the update does; a keeper that leaves is told."""

import json
from typing import Any

import pytest

from ops.guard import declared, open_ports, rules
from ops.guard.finding import Finding
from ops.guard.preview import Preview
from tests.unit.ops.guard.edits import make
from tests.unit.ops.guard.recordings import Edit, altered

BLOCK = {"address": "192.0.2.9", "sshKey": "ssh-ed25519 AAAAkey", "databaseVerifier": "SCRAM-SHA-256$4096:aaaa$b:c"}
RULE = "toybox:server:Server$openstack:networking/secGroupRule:SecGroupRule"
NAME = "keeper-access"


def declares(**changes: object) -> Edit:
    """The settings' block."""
    return lambda document: document["config"].update({"toybox:keeper": json.dumps({**BLOCK, **changes})})


def kept(*, now: bool, then: bool, **changes: object) -> Edit:
    """The component before and after an update, with other inputs afterwards."""

    inputs: dict[str, Any] = {**BLOCK, **changes}

    def edit(document: dict[str, Any]) -> None:
        make(declared.KEEPER_COMPONENT, NAME, **inputs)(document)
        step = document["steps"][-1]
        if now:
            step["op"] = "update" if changes else "same"
            step["oldState"] = {"type": declared.KEEPER_COMPONENT, "inputs": BLOCK}
        if not then:
            step["op"] = "delete"
            del step["newState"]

    return edit


def findings(judged: Preview) -> list[Finding]:
    return [finding for finding in rules.findings(judged) if finding.name == NAME]


def test_a_keeper_that_comes_is_stopped() -> None:
    (finding,) = findings(altered("no-change", kept(now=False, then=True), declares()))
    assert finding.action == "open"
    assert "192.0.2.9" in finding.happens


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"address": "192.0.2.10"}, ["address"]),
        ({"sshKey": "ssh-ed25519 AAAAother"}, ["SSH key"]),
        ({"databaseVerifier": "SCRAM-SHA-256$4096:dddd$e:f"}, ["password"]),
        ({"sshKey": "ssh-ed25519 AAAAother", "address": "192.0.2.10"}, ["address", "SSH key"]),
    ],
)
def test_a_keeper_who_logs_in_with_something_else_is_stopped(changes: dict[str, str], words: list[str]) -> None:
    """A verifier shows nowhere else: it stands in the input of a command."""
    (finding,) = findings(altered("no-change", kept(now=True, then=True, **changes), declares(**changes)))
    assert finding.action == "open"
    assert all(f"another {word}" in finding.happens for word in words)


def test_a_keeper_that_stays_is_silent() -> None:
    judged = altered("no-change", kept(now=True, then=True), declares())
    assert not findings(judged)
    assert not [note for note in rules.notes(judged) if "keeper" in note]


def test_a_keeper_that_leaves_is_told() -> None:
    judged = altered("no-change", kept(now=True, then=False))
    assert not findings(judged)
    assert [note for note in rules.notes(judged) if "nothing is kept outside of ConoHa" in note]


def test_the_rule_for_the_keeper_is_no_root_login() -> None:
    """An operator's way out would be the wrong setting."""
    inputs: dict[str, Any] = {"protocol": "tcp", "portRangeMin": 22, "portRangeMax": 22}
    rule = make(RULE, "server-ingress-ssh-keeper", **inputs, remoteIpPrefix="192.0.2.9/32")
    (finding,) = open_ports.findings(altered("no-change", rule, declares()))
    assert (finding.action, finding.name) == ("open", "server-ingress-ssh-keeper")
    assert "root" not in finding.means
    assert "toybox:keeper" in finding.proceed
    (finding,) = open_ports.findings(altered("no-change", rule))
    assert "root" in finding.means
