"""Recordings of the real engine's previews: their form, how the guard reads them, and how to alter one.

A recording holds what `toybox guard` may look at, and nothing that is secret or that another run would have otherwise:
ids, addresses, digests and the machine's own paths become fixed ones. A side of a step that equals the other is written
once. The host bundle is not in it: the program's own takes its place, so that another script needs no new recording.

tests/lab/record_previews.py makes them, and tests/lab/test_guard.py compares each with what the engine says today.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from components.data.data_volume import data_device
from components.data_disk import DataDisk
from components.host.bundle import host_bundle, pack
from ops.guard import declared, preview, rules
from ops.guard.preview import UNKNOWN, Preview

RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(file.stem for file in RECORDED.glob("*.json"))

SOME_ID = "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"
"""A volume or a backup that only a case knows."""
SOME_DIGEST = "c" * 64
BUNDLE = "<the host bundle>"
SAME = "as oldState"
DISK = DataDisk("prod", True, SOME_ID, data_device(SOME_ID), origin="blank", copy=False, blank=True)

# What is kept

KEPT_OF_CONFIG = ("toybox:environment", "toybox:operators", "toybox:dataVolume", "toybox:snapshotPolicy")
KEPT_OF_STATE = ("type", "id", "protect", "retainOnDelete", "deletedWith", "provider")
KEPT_INPUTS: Mapping[str, tuple[str, ...]] = {
    "pulumi:providers:openstack": ("authUrl", "region", "tenantName"),
    "pulumi:providers:docker": ("host", "sshOpts"),
}
"""Of the inputs of providers; of the others all, but for those that a refresh fills in."""
FILLED_IN = {
    "openstack:compute/instance:Instance": (
        "accessIpV4", "availabilityZone", "flavorId", "imageId", "imageName", "name", "networks", "tags",
    ),
    "openstack:blockstorage/volume:Volume": ("availabilityZone",),
}  # fmt: skip
KEPT_DEPENDENCIES = ("stdin", "image")
TYPE_ONLY = ("openstack:compute/keypair:Keypair",)


def recording(printed: str) -> str:
    """Return the file for what the engine printed: one step a line, in the order of their URNs."""
    found = json.loads(printed)
    steps = sorted((_slim_step(step) for step in found.get("steps") or ()), key=lambda step: str(step["urn"]))
    head: dict[str, Any] = {
        "config": {key: value for key, value in found.get("config", {}).items() if key in KEPT_OF_CONFIG}
    }
    if "diagnostics" in found:
        # only errors: a warning's text may be anything
        errors = [each for each in found["diagnostics"] if each["severity"] == "error"]
        head["diagnostics"] = sorted(errors, key=lambda each: str(each.get("urn", "")))
    head |= {"duration": 1, "changeSummary": found.get("changeSummary")}
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items())
    rows = ",\n".join(f"  {json.dumps(step)}" for step in steps)
    return _anonymous(f'{{\n{lines},\n "steps": [\n{rows}\n ]\n}}\n')


def _slim_step(step: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: step[key] for key in ("op", "urn") if step.get(key)}
    # the engine lists them in an order that changes from run to run
    kept |= {key: sorted(step[key]) for key in ("diffReasons", "replaceReasons") if step.get(key)}
    for side in ("oldState", "newState"):
        if step.get(side):
            kept[side] = _slim_state(step[side])
    if "newState" in kept and kept.get("oldState") == kept["newState"]:
        kept["newState"] = SAME
    return kept


def _slim_state(state: Mapping[str, Any]) -> dict[str, Any]:
    if state["type"] in TYPE_ONLY:
        return {"type": state["type"]}
    names = KEPT_INPUTS.get(state["type"])
    inputs = {
        key: BUNDLE if _is_bundle(value) else value
        for key, value in _without_defaults(state.get("inputs", {})).items()
        if (key in names if names else not key.startswith("__") and key not in FILLED_IN.get(state["type"], ()))
    }
    kept = {key: state[key] for key in KEPT_OF_STATE if state.get(key)}
    if not state["type"].startswith("openstack:"):
        kept.pop("id", None)  # an image's has a registry's address in it, and a container's is of no use
    # the id behind a provider's URN is its instance's
    if "provider" in kept:
        kept["provider"] = kept["provider"].rpartition("::")[0]
    sources = state.get("propertyDependencies") or {}
    if depends := {name: sorted(sources[name]) for name in KEPT_DEPENDENCIES if sources.get(name)}:
        kept["propertyDependencies"] = depends
    return {**kept, "inputs": inputs}


def _is_bundle(value: object) -> bool:
    """Whether this is the host bundle: a long tar archive with `apply` in it."""
    if not isinstance(value, str) or len(value) < 4_000:
        return False
    try:
        return base64.b64decode(value, validate=True).startswith(b"apply\0")
    except ValueError:
        return False


def _without_defaults(value: Any) -> Any:
    """A value without what the provider filled in. It does so only where its own settings are known."""
    match value:
        case dict():
            filled_in = {"__defaults", *value.get("__defaults", ())}
            return {key: _without_defaults(each) for key, each in value.items() if key not in filled_in}
        case list():
            return [_without_defaults(each) for each in value]
        case _:
            return value


def _anonymous(text: str) -> str:
    """A recording without this machine, this run and this lab: the n-th id becomes id n."""
    numbers: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        found = match[0]
        if found in (UNKNOWN, SOME_ID, SOME_DIGEST):
            return found
        number = numbers.setdefault(found, len(numbers) + 1)
        if "-" in found:
            return f"00000000-0000-4000-8000-{number:012d}"
        return f"{number:0{len(found)}d}"

    uuid = r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    text = re.sub(
        rf"{uuid}|(?<=\btoybox_)[0-9a-f]{{12}}\b|\b(?:[0-9a-f]{{64}}|[0-9a-f]{{16}}|[0-9a-f]{{12}})\b", numbered, text
    )
    # the moment of an update, which the host keeps as its token
    moments: dict[str, int] = {}
    text = re.sub(
        r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00",
        lambda found: f"2026-01-22T00:00:{moments.setdefault(found[0], len(moments) + 1):02d}+00:00",
        text,
    )
    text = re.sub(r"\b198\.51\.100\.1:5001/", "registry.example/", text)
    text = re.sub(r"\b198\.51\.100\.(?!1\b)\d+\b", "198.51.100.7", text)
    text = re.sub(r"\bvm-[0-9a-f]{8}-[0-9a-f]{2}\b", "vm-00000000-00", text)  # ConoHa's name for a server
    text = re.sub(r"\bgnct\d{8}\b", "gnct12345678", text)
    return re.sub(r"http://127\.0\.0\.1:\d+/[a-z0-9/]*v3", "https://identity.c3j1.conoha.io/v3", text)


# What the guard reads


@cache
def _bundle() -> str:
    return pack(host_bundle(DISK, ["ssh-ed25519 AAAA"]))


def whole(text: str) -> dict[str, Any]:
    """Return a recording's text as the engine would print it."""
    found: dict[str, Any] = json.loads(text)
    for each in found["steps"]:
        if each.get("newState") == SAME:
            each["newState"] = json.loads(json.dumps(each["oldState"]))
        for side in ("oldState", "newState"):
            inputs = each.get(side, {}).get("inputs", {})
            inputs.update({key: _bundle() for key, value in inputs.items() if value == BUNDLE})
    return found


def document(name: str) -> dict[str, Any]:
    """Return one recording as data, to be altered."""
    return whole((RECORDED / f"{name}.json").read_text())


def text(name: str) -> str:
    """Return one recording as the engine would print it."""
    return json.dumps(document(name))


def step(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the step of the resource with this logical name."""
    (one,) = [each for each in found["steps"] if each["urn"].endswith(f"::{name}") and each["op"] != "refresh"]
    result: dict[str, Any] = one
    return result


Edit = Callable[[dict[str, Any]], None]


def plan(name: str, *edits: Edit) -> dict[str, Any]:
    """Return a recording with edits, and its summary made to fit."""
    found = document(name)
    for edit in edits:
        edit(found)
    found["changeSummary"] = dict(Counter(each["op"] for each in found["steps"] if each["op"] != "refresh"))
    return found


def altered(name: str, *edits: Edit) -> Preview:
    """Return a recording with edits, as the guard reads it."""
    return preview.read(json.dumps(plan(name, *edits)))


def found(judged: Preview) -> set[tuple[str, str]]:
    """Return what the rules find, as (action, the resource's name)."""
    return {(finding.action, finding.name) for finding in rules.findings(judged)}


def of_staging(document: dict[str, Any]) -> None:
    """The same stack in the other role: another name, nothing protected, no automatic backup."""
    document["steps"] = json.loads(json.dumps(document["steps"]).replace(":prod::", ":staging::"))
    for each in document["steps"]:
        for side in ("oldState", "newState"):
            state = each.get(side, {})
            state.pop("protect", None)
            inputs = state.get("inputs", {})
            if state.get("type") == declared.DATA_COMPONENT:
                inputs["environment"] = "staging"
            if state.get("type") == declared.POLICY_COMPONENT:
                inputs["kept"] = 0
    document["steps"] = [each for each in document["steps"] if not each["urn"].endswith("::snapshots-subscription")]
    document["config"]["toybox:environment"] = "staging"
    document["config"]["toybox:snapshotPolicy"] = '{"driver": "conoha", "schedule": "off"}'
