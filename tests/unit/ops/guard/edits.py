"""Edits of a recorded preview, from which plans are made: what the engine would print for another change."""

import base64
import io
import tarfile
from collections.abc import Callable
from typing import Any

from components.host.bundle import BundleFile, pack
from ops.guard import declared
from tests.unit.ops.guard.recordings import Edit, step


def change(name: str, op: str, /, **inputs: object) -> Edit:
    """A resource that stays, with an op and other inputs; None takes one away."""

    def edit(document: dict[str, Any]) -> None:
        one = step(document, name)
        one["op"] = op
        new = {**one["newState"].get("inputs", {}), **inputs}
        one["newState"]["inputs"] = {key: value for key, value in new.items() if value is not None}
        one["diffReasons"] = sorted(inputs)
        if op == "replace":
            one["replaceReasons"] = sorted(inputs)

    return edit


def update(name: str, /, **inputs: object) -> Edit:
    """A resource that is updated in place."""
    return change(name, "update", **inputs)


def replace(name: str, /, **inputs: object) -> Edit:
    """A resource that is replaced."""
    return change(name, "replace", **inputs)


def option(name: str, **options: object) -> Edit:
    """A resource with other options, which is no change to the engine."""

    def edit(document: dict[str, Any]) -> None:
        step(document, name)["newState"].update(options)

    return edit


def remove(name: str) -> Edit:
    """A resource that leaves the program."""

    def edit(document: dict[str, Any]) -> None:
        one = step(document, name)
        one["op"] = "delete"
        del one["newState"]

    return edit


def forget(name: str) -> Edit:
    """A resource that neither the state nor the program has."""

    def edit(document: dict[str, Any]) -> None:
        document["steps"].remove(step(document, name))

    return edit


def unknown_to_the_state(name: str, op: str = "create") -> Edit:
    """A resource that the program has and the state does not."""

    def edit(document: dict[str, Any]) -> None:
        one = step(document, name)
        one["op"] = op
        del one["oldState"]

    return edit


def not_found_by_a_refresh(name: str) -> Edit:
    """A resource that is in the state, and that a refresh does not find any more."""

    def edit(document: dict[str, Any]) -> None:
        one = step(document, name)
        remembered = one.pop("oldState")
        document["steps"].insert(
            0, {"op": "refresh", "urn": one["urn"], "oldState": remembered, "newState": remembered}
        )
        one["op"] = "create"

    return edit


def make(qualified_type: str, name: str, /, *, op: str = "create", stack: str = "prod", **inputs: object) -> Edit:
    """A resource that is new."""

    def edit(document: dict[str, Any]) -> None:
        document["steps"].append(
            {
                "op": op,
                "urn": f"urn:pulumi:{stack}::toybox::{qualified_type}::{name}",
                "newState": {"type": qualified_type.rpartition("$")[2], "inputs": inputs},
            }
        )

    return edit


def renamed(name: str, new_name: str, /, **inputs: object) -> Edit:
    """A resource under another URN, without an alias: the old one is deleted, a new one made."""

    def edit(document: dict[str, Any]) -> None:
        one = step(document, name)
        new = one.pop("newState")
        one["op"] = "delete"
        new = {**new, "inputs": {**new["inputs"], **inputs}}
        new.pop("id", None)
        urn = one["urn"].removesuffix(name) + new_name
        document["steps"].append({"op": "create", "urn": urn, "newState": new})

    return edit


def inputs_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The inputs that a resource would have, to be altered."""
    found: dict[str, Any] = step(document, name)["newState"]["inputs"]
    return found


def altered(name: str, op: str, alter: Callable[[dict[str, Any]], None]) -> Edit:
    """A resource whose new inputs are altered in place."""

    def edit(document: dict[str, Any]) -> None:
        one = step(document, name)
        one["op"] = op
        alter(one["newState"]["inputs"])

    return edit


# Containers


def mount(container: str, target: str, /, **changed: object) -> Edit:
    """A container with another mount at a path; nothing said takes it away."""

    def alter(inputs: dict[str, Any]) -> None:
        assert any(each["target"] == target for each in inputs["mounts"])
        others = [each for each in inputs["mounts"] if each["target"] != target]
        one = [{**each, **changed} for each in inputs["mounts"] if each["target"] == target and changed]
        inputs["mounts"] = [*others, *one]

    return altered(container, "replace", alter)


def add_mount(container: str, /, **mount: object) -> Edit:
    """A container with one more mount."""
    return altered(container, "replace", lambda inputs: inputs["mounts"].append(mount))


def variable(container: str, name: str, value: str | None) -> Edit:
    """A container with another value for a variable; None takes it away."""

    def alter(inputs: dict[str, Any]) -> None:
        others = [each for each in inputs["envs"] if not each.startswith(f"{name}=")]
        inputs["envs"] = sorted([*others, *([f"{name}={value}"] if value is not None else [])])

    return altered(container, "replace", alter)


def words(container: str, *added: str, without: tuple[str, ...] = (), key: str = "command") -> Edit:
    """A container with more or fewer words in its command."""

    def alter(inputs: dict[str, Any]) -> None:
        assert set(without) <= set(inputs[key])
        inputs[key] = [*(each for each in inputs[key] if each not in without), *added]

    return altered(container, "replace", alter)


# Programs on the host


def script(name: str, alter: Callable[[str], str]) -> Edit:
    """The host bundle with another text for one of its files; one that is not there begins empty."""

    def edit(document: dict[str, Any]) -> None:
        one = step(document, "host-bundle")
        one["op"] = "update" if one["op"] == "same" else one["op"]
        one["diffReasons"] = ["stdin"]
        inputs = one["newState"]["inputs"]
        files = unpacked(inputs["stdin"])
        (path,) = [each for each in files if each.endswith(name)] or [name]
        before = files.get(path, BundleFile(""))
        files[path] = BundleFile(alter(before.text), before.mode)
        inputs["stdin"] = pack(files)

    return edit


def unpacked(packed: str) -> dict[str, BundleFile]:
    """The files of a packed bundle, by their path in it."""
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed))) as archive:
        return {
            member.name: BundleFile(opened.read().decode(), member.mode)
            for member in archive.getmembers()
            if (opened := archive.extractfile(member))
        }


def text(name: str, alter: Callable[[str], str], key: str = "create") -> Edit:
    """A command with another text."""

    def edit(document: dict[str, Any]) -> None:
        one = step(document, name)
        one["op"] = "update" if one["op"] == "same" else one["op"]
        one["diffReasons"] = [key]
        one["newState"]["inputs"][key] = alter(str(one["newState"]["inputs"].get(key, "")))

    return edit


def command(name: str, create: str, /, **inputs: Any) -> Edit:
    """A new command on the host."""
    return make("toybox:host:DockerHost$command:remote:Command", name, connection="[secret]", create=create, **inputs)


def another_role(role: str | None) -> Edit:
    """A stack with another role in its settings; None takes it away."""

    def edit(document: dict[str, Any]) -> None:
        (one,) = [each for each in document["steps"] if each["urn"].split("::")[2] == declared.DATA_COMPONENT]
        one["op"] = "update"
        one["newState"]["inputs"] = {"environment": role} if role else {}
        document["config"]["toybox:environment"] = role

    return edit


def no_role_in_the_state(document: dict[str, Any]) -> None:
    """A state that is older than the setting."""
    (one,) = [each for each in document["steps"] if each["urn"].split("::")[2] == declared.DATA_COMPONENT]
    one["op"] = "update"
    one["oldState"]["inputs"] = {}
