"""Losses on the lab, past Pulumi: a server's power, the state, all of production, all that a project holds."""

import json
import shutil
from pathlib import Path

from openstack.connection import Connection

from lab import object_storage, paths
from lab.cloud import connect
from lab.credentials import KEYSTONE_URL, credentials
from lab.keeper_machine import KeeperMachine
from lab.openstack import system_container
from lab.stack import Workspace, pulumi
from lab.steps import LabError

STACKS = ("prod", "staging", "keeper")


def stock_cloud(project: str) -> Connection:
    """Return a connection as a project's user that goes past ConoHa's rules."""
    accounts = credentials()
    return connect({**accounts, "auth_url": KEYSTONE_URL}, accounts["projects"][project])


def cut_power(server: str) -> Path:
    """End a server (its id) as a power cut does, and return the file behind its data disk."""
    container = system_container.run("docker", "ps", "--quiet", "--filter", f"label=toybox.lab.server={server}").strip()
    disks = system_container.read_disks(f"{paths.SERVERS}/{server}/hardware")
    system_container.cut_power(container, [path for path, _ in disks.values()], f"{paths.SERVERS}/.loop-lock")
    return Path(disks["vdb"][0])


def lose_the_state(workspace: Workspace, stack: str) -> None:
    """Delete the stack's own files of the state. Other stacks share the folder.

    Raises:
        LabError: there are none.
    """
    found = list((workspace.folder / "state" / ".pulumi" / "stacks").rglob(f"{stack}.json*"))
    if not found:
        raise LabError(f"stack {stack} has no state", then=f"make up STACK={stack}")
    for file in found:
        file.unlink()


def delete_volume(connection: Connection, identifier: str) -> None:
    """Delete a volume with its snapshots."""
    storage = connection.block_storage
    for snapshot in list(storage.snapshots(volume_id=identifier)):
        storage.delete_snapshot(snapshot.id)
        storage.wait_for_delete(snapshot, interval=0.3, wait=60)
    volume = storage.get_volume(identifier)
    storage.delete_volume(volume.id)
    storage.wait_for_delete(volume, interval=0.3, wait=60)


def destroy(workspace: Workspace, stack: str, keeper: str = "keeper") -> None:
    """End a stack's server by a power cut, then delete it, both its disks, its state, and what the checkout knows of it
    and of its keeper.

    Raises:
        LabError: the stack has no server.
    """
    done = pulumi(workspace, stack, "stack", "output", "--json")
    outputs = json.loads(done.stdout) if done.returncode == 0 else {}
    if not outputs.get("serverId"):
        raise LabError(f"stack {stack} has no server", then=f"make up STACK={stack}")
    cut_power(outputs["serverId"])
    connection = stock_cloud(workspace.project)
    server = connection.compute.get_server(outputs["serverId"])
    connection.compute.delete_server(server)
    connection.compute.wait_for_delete(server, interval=0.3, wait=90)
    storage = connection.block_storage
    for volume in [each for each in storage.volumes() if each.name.startswith(f"toybox-{stack}-")]:
        storage.wait_for_status(volume, "available", ["error"], 0.3, 60)
        delete_volume(connection, volume.id)
    lose_the_state(workspace, stack)
    for name in (stack, keeper):
        shutil.rmtree(workspace.program / ".toybox" / name)


def empty_project(project: str) -> None:
    """Delete all that a project holds, its keeper and its copies, whatever state an earlier run left them in."""
    KeeperMachine(project).remove()
    object_storage.delete_buckets(project)
    connection = stock_cloud(project)  # ConoHa deletes no backup
    for server in connection.compute.servers():
        connection.compute.delete_server(server)
    for server in connection.compute.servers():
        connection.compute.wait_for_delete(server, interval=0.3, wait=90)
    for volume in list(connection.block_storage.volumes()):
        delete_volume(connection, volume.id)
    for backup in list(connection.block_storage.backups()):
        connection.block_storage.delete_backup(backup.id)
    for backup in list(connection.block_storage.backups()):
        connection.block_storage.wait_for_delete(backup, interval=0.3, wait=60)
    for key_pair in connection.compute.keypairs():
        connection.compute.delete_keypair(key_pair)
    for group in connection.network.security_groups(project_id=connection.current_project_id):
        if group.name.startswith("toybox-"):
            connection.network.delete_security_group(group)


def take_away(workspace: Workspace) -> None:
    """Take a workspace's stacks away: what its project holds, their states, and what the checkout knows of them."""
    empty_project(workspace.project)
    shutil.rmtree(workspace.folder, ignore_errors=True)
    for stack in STACKS:
        shutil.rmtree(workspace.program / ".toybox" / stack, ignore_errors=True)
