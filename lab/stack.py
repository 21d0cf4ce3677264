"""A stack on the lab: its settings file, its environment for `pulumi` and `toybox`, and its deployment.

The settings are those of Pulumi.<stack>.yaml with the short overlay below: what is rehearsed here is what runs on
ConoHa.
"""

import json
import os
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from lab.credentials import PEOPLE as PEOPLE_PROJECT
from lab.credentials import stock, write_private
from lab.paths import CHECKOUT, CREDENTIALS, IMAGES, PULUMI
from lab.steps import LabError


@dataclass(frozen=True)
class Workspace:
    """Where a set of stacks lives: the program, the folder of its state and settings files, and the OpenStack project
    (a key of credentials.json) that its servers are made in. Tests have one of their own."""

    program: Path
    folder: Path
    project: str

    def settings_file(self, stack: str) -> Path:
        """The stack's settings file for the lab."""
        return self.folder / f"Pulumi.{stack}.yaml"


PEOPLE = Workspace(program=CHECKOUT, folder=PULUMI, project=PEOPLE_PROJECT)


def committed(program: Path, stack: str) -> dict[str, Any]:
    """Return the stack's settings file as it is committed.

    Raises:
        LabError: there is no such stack.
    """
    source = program / f"Pulumi.{stack}.yaml"
    if not source.exists():
        raise LabError(f"there is no stack {stack!r}: {source.name} does not exist", then="make up STACK=prod")
    return dict(yaml.safe_load(source.read_text()))


def overlay(credentials: Mapping[str, Any], project: str, images: Mapping[str, str]) -> dict[str, object]:
    """All that differs on the lab: the cloud's address and account, who signs certificates, who may use SSH, and where
    images come from."""
    account = credentials["projects"][project]
    return {
        "toybox:openstack": {
            "authUrl": credentials["auth_url"],
            "tenantName": account["tenant"],
            "userName": account["user"],
        },
        "toybox:tls": {"issuer": "internal"},
        "toybox:operators": ["198.51.100.1/32"],
        "toybox:images": dict(images),
    }


def restore_points(credentials: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, object]:
    """On stock OpenStack also the driver of restore points differs: it has no automatic backup."""
    policy = declared["config"].get("toybox:snapshotPolicy")
    return {"toybox:snapshotPolicy": {**policy, "driver": "openstack"}} if policy and stock(credentials) else {}


def is_keeper(declared: Mapping[str, Any]) -> bool:
    """Return whether these settings are those of a keeper."""
    return bool(declared["config"].get("toybox:environment") == "keeper")


def keeper_overlay(project: str) -> dict[str, object]:
    """Return all that differs for a keeper on the lab: its machine, and the object storage that its copy goes to. A
    machine that is made again gets another bucket: it has no copies yet."""
    from lab import object_storage
    from lab.keeper_machine import KeeperMachine  # `make env` need not wait for it

    machine = KeeperMachine(project)
    bucket = f"toybox-keeper-{sha256(machine.host_key().encode()).hexdigest()[:12]}"
    return {
        "toybox:machine": {"address": machine.address, "hostKey": machine.host_key()},
        "toybox:copy": {"endpoint": object_storage.ENDPOINT, "bucket": bucket, "region": object_storage.REGION},
    }


def keeper_file(workspace: Workspace, stack: str) -> Path:
    """Return the file with `toybox:keeper` of a stack that the lab's keeper keeps. There is none before it does."""
    return workspace.folder / f"{stack}-keeper.json"


def keeper_of(workspace: Workspace, stack: str) -> dict[str, object]:
    """Return the settings of the stack that let its keeper in, if it has one."""
    file = keeper_file(workspace, stack)
    return {"toybox:keeper": json.loads(file.read_text())} if file.exists() else {}


def merge(declared: Mapping[str, Any], changes: Mapping[str, object], present: Mapping[str, Any]) -> dict[str, Any]:
    """The lab's settings file: the committed one, changed, with the lab's own secrets and salt that are there already.
    The committed file's secrets stay out: they are the real site's, and the lab cannot and should not read them."""
    config = {key: value for key, value in declared["config"].items() if not is_secret(value)} | dict(changes)
    kept = {key: value for key, value in present.get("config", {}).items() if is_secret(value) and key not in config}
    head = {key: value for key, value in present.items() if key != "config"}
    return {**head, "config": {**config, **kept}}


def is_secret(value: object) -> bool:
    """Whether a value of a settings file is an encrypted one."""
    return isinstance(value, Mapping) and set(value) == {"secure"}


def write_settings(workspace: Workspace, stack: str) -> Path:
    """Write the stack's settings file for the lab and return its path.

    Raises:
        LabError: the lab is not up, or there is no such stack.
    """
    declared = committed(workspace.program, stack)
    if not (CREDENTIALS.exists() and IMAGES.exists()):
        raise LabError("the lab is not up", then="make up")
    target = workspace.settings_file(stack)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if is_keeper(declared):
        changes = keeper_overlay(workspace.project)
    else:
        credentials = json.loads(CREDENTIALS.read_text())
        changes = overlay(credentials, workspace.project, json.loads(IMAGES.read_text()))
        changes |= restore_points(credentials, declared) | keeper_of(workspace, stack)
    present = yaml.safe_load(target.read_text()) if target.exists() else {}
    text = yaml.safe_dump(merge(declared, changes, present or {}), sort_keys=False)
    write_private(target, f"# {target.name} with the lab's overlay (lab/stack.py), written at each `make up`.\n{text}")
    return target


def passphrase_file(workspace: Workspace) -> Path:
    """The file with the passphrase that the lab's stack secrets are encrypted with, made at random once."""
    file = workspace.folder / "passphrase"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(file, secrets.token_urlsafe(32))
    return file


def environment(workspace: Workspace, stack: str) -> dict[str, str]:
    """The environment in which plain `pulumi` and `toybox` work on this stack, apart from what is inherited."""
    state = workspace.folder / "state"
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    root = workspace.program
    toolchain = root / ".toolchain"
    home = {"PULUMI_HOME": str(toolchain.resolve() / "home")} if (toolchain / "bin" / "pulumi").exists() else {}
    return {
        "PATH": f"{root}/bin:{root}/.venv/bin:{root}/.toolchain/bin:{os.environ['PATH']}",
        **home,
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase_file(workspace)),
        "PULUMI_STACK": stack,
        "PULUMI_OPTION_CONFIG_FILE": str(workspace.settings_file(stack)),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def initialise(workspace: Workspace, stack: str, *answers: str) -> None:
    """Run `toybox init`, which makes the stack and the secrets that it lacks. The answers to its questions are on its
    standard input: the cloud's password, if no others are given.

    Raises:
        LabError: it failed.
    """
    password = json.loads(CREDENTIALS.read_text())["projects"][workspace.project]["password"]
    done = subprocess.run(
        ["toybox", "init", "--stack", stack],
        cwd=workspace.program,
        env=os.environ | environment(workspace, stack),
        input="".join(f"{answer}\n" for answer in answers or (password,)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LabError(f"`toybox init --stack {stack}` failed:\n{done.stdout}{done.stderr}")


def pulumi(workspace: Workspace, stack: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `pulumi` on the stack and return what it printed."""
    return subprocess.run(
        ["pulumi", *arguments],
        cwd=workspace.program,
        env=os.environ | environment(workspace, stack),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
