"""An account, a state and settings in memory, and an operator who is interrupted.

Every change of it is a step. `interrupt_at` lets the world stand still before a step, or right after it: what the
interrupted command did not get to know, it did all the same.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import yaml

from conoha import leftovers
from ops import OpsError
from ops.data.volume.census import NAME as CENSUS
from ops.guard import declared
from ops.pulumi_cli import PulumiStack
from ops.restore_points.model import RestorePoint, Volume
from ops.state.locks import Lock
from tests.unit.ops.data.volume.test_origin import CHECKOUT

SERVICES = ("beat", "caddy", "postgres", "redis", "web", "worker")

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Interrupted(BaseException):
    """Ctrl-C, a dead connection, a power cut: nothing catches it."""


def complete(settings: str) -> str:
    """A committed settings file with what only its owner can know."""
    known = settings.replace("gnct00000000", "gnct12345678").replace("gncu00000000", "gncu12345678")
    image = f"    django: ghcr.io/toybox/toybox@sha256:{'0' * 64}"
    return re.sub(r"    # django: .*", image, known)


def nothing_to_do(stack: str) -> dict[str, Any]:
    """The preview of a stack in which an update has nothing to do."""
    state: dict[str, Any] = {
        "type": declared.DATA_VOLUME,
        "id": "id",
        "protect": stack == "prod",
        "retainOnDelete": True,
    }
    role = "production" if stack == "prod" else "staging"
    component = {"type": declared.DATA_COMPONENT, "inputs": {"environment": role}}
    steps = [
        {"op": "same", "urn": f"urn:pulumi:{stack}::toybox::{kind}::{name}", "oldState": each, "newState": each}
        for kind, name, each in (
            (declared.DATA_VOLUME, "data-volume", state),
            (declared.DATA_COMPONENT, "data", component),
        )
    ]
    return {"config": {"toybox:environment": role}, "steps": steps, "changeSummary": {"same": len(steps)}}


TYPES = {
    "data-volume": "openstack:blockstorage/volume:Volume",
    "server-boot-volume": "openstack:blockstorage/volume:Volume",
    "server-instance": "openstack:compute/instance:Instance",
}


class Disk(Volume):
    """A volume as our drivers and as openstacksdk have it."""

    @property
    def status(self) -> str:
        return self.word

    @property
    def attachments(self) -> list[dict[str, str]]:
        return [{"server_id": self.server_id}] if self.server_id else []

    @property
    def backup_id(self) -> str | None:
        return self.metadata.get("backup_id")

    snapshot_id = None


@dataclass
class World:
    """Two stacks, prod with a restore point."""

    folder: Path

    def __post_init__(self) -> None:
        self.numbers = count(1)
        self.steps = 0
        self.stop_before: int | None = None
        self.stop_after: int | None = None
        self.volumes: dict[str, Volume] = {}
        self.servers: dict[str, SimpleNamespace] = {}
        self.states: dict[str, dict[str, Any]] = {}
        self.database_made = NOW - timedelta(days=300)
        self.locks: tuple[Lock, ...] = ()
        self.copies: list[str] = []
        self.previewed: dict[str, Any] | None = None
        self.on_stop: Callable[[], object] = lambda: None
        self.warning = ""  # of the last update
        self.right = True  # whether a refreshed staging is what it should be
        for name in ("prod", "staging"):
            text = complete((CHECKOUT / f"Pulumi.{name}.yaml").read_text())
            (self.folder / f"Pulumi.{name}.yaml").write_text(text)
            self.states[name] = {"version": 3, "deployment": {"resources": []}}
            MemoryStack(name, self).engine()
        self.point = RestorePoint(
            id="11111111-1111-4111-8111-111111111111",
            source="backup",
            volume_id=self.data("prod"),
            name="toybox-prod-data",
            size=200,
            created_at=NOW - timedelta(hours=5),
            state="available",
            word="available",
        )
        self.steps = 0

    def step(self) -> Iterator[None]:
        """Around each change: `for _ in world.step(): change()`."""
        self.steps += 1
        if self.steps == self.stop_before:
            raise Interrupted
        yield
        if self.steps == self.stop_after:
            raise Interrupted

    def volume(self, name: str, backup: str | None = None) -> str:
        """A new volume."""
        key = f"00000000-0000-4000-8000-{next(self.numbers):012d}"
        metadata = {"backup_id": backup} if backup else {}
        self.volumes[key] = Disk(key, name, 200, "available", NOW, metadata, None)
        return key

    def data(self, stack: str) -> str:
        """The id of the data volume in the state."""
        resource = self.resource(stack, "data-volume")
        assert resource
        return str(resource["id"])

    def census(self, stack: str) -> str:
        """What the server's disk holds."""
        (server,) = self.tagged(stack)
        found = {
            "disk": [f"virtio-{server.data[:20]}"],
            "identifier": int(self.database_made.timestamp()) << 32 | 4711,
            "rows": {"posts_post": 5},
            "newest": (NOW - timedelta(hours=5)).timestamp(),
            "media": {"files": 1, "bytes": 1},
        }
        return json.dumps(found)

    def named(self, name: str) -> list[str]:
        """The ids of the volumes that are called so."""
        return [key for key, volume in self.volumes.items() if volume.name == name]

    def tagged(self, stack: str) -> list[SimpleNamespace]:
        """The stack's servers."""
        return [server for server in self.servers.values() if server.name == f"toybox-{stack}"]

    # the state

    def resources(self, stack: str) -> list[dict[str, Any]]:
        """All that the state has."""
        found: list[dict[str, Any]] = self.states[stack]["deployment"].setdefault("resources", [])
        return found

    def resource(self, stack: str, name: str) -> dict[str, Any] | None:
        """The resource of this name that is not about to be deleted."""
        return next(
            (r for r in self.resources(stack) if r["urn"].endswith(f"::{name}") and not r.get("delete")),
            None,
        )

    def note(self, stack: str, name: str, id_: str, **more: Any) -> None:
        """What was made, in the state; in the place of one that was deleted before it was replaced."""
        present = self.resource(stack, name)
        if present and present.get("pendingReplacement"):
            self.resources(stack).remove(present)
        resource = {"urn": f"urn:pulumi:{stack}::toybox::{name}", "type": TYPES[name], "id": id_, **more}
        self.resources(stack).append(resource)

    # the cloud

    def attach(self, key: str, server: str) -> None:
        """A volume can be attached to one server."""
        if key not in self.volumes:
            raise OpsError(f"Block Device Mapping is Invalid: failed to get volume {key}")
        assert self.volumes[key].server_id is None, "the cloud refuses it: the volume is in use"
        self.volumes[key] = replace(self.volumes[key], server_id=server, word="in-use")

    def delete_server(self, key: str) -> None:
        """Its boot volume stays, as on ConoHa. One that is gone already is no error, as for the provider."""
        self.servers.pop(key, None)
        for volume in [volume for volume in self.volumes.values() if volume.server_id == key]:
            self.volumes[volume.id] = replace(volume, server_id=None, word="available")

    def delete_boot_volume(self, key: str) -> None:
        """The provider would detach it, which the cloud refuses."""
        if key in self.volumes:
            if self.volumes[key].server_id:
                raise OpsError("Error detaching openstack_blockstorage_volume_v3: ConoHa does not detach boot volumes")
            del self.volumes[key]

    def make_server(self, stack: str, boot: str, data: str) -> str:
        """With its two volumes."""
        key = f"server-{next(self.numbers)}"
        self.attach(boot, key)
        self.attach(data, key)
        self.servers[key] = SimpleNamespace(
            id=key,
            name=f"toybox-{stack}",
            metadata={"instance_name_tag": f"toybox-{stack}"},
            status="ACTIVE",
            task_state=None,
            data=data,
            created_at=NOW.isoformat(),
            addresses={},
            access_ipv4="198.51.100.7",
        )
        return key


class MemoryStack(PulumiStack):
    """The commands of Pulumi that these operations use."""

    def __init__(self, name: str, world: World) -> None:
        super().__init__(name, world.folder)
        self.settings_file = world.folder / f"Pulumi.{name}.yaml"
        self.world = world

    def sibling(self, name: str) -> "MemoryStack":
        return MemoryStack(name, self.world)

    def exists(self) -> bool:
        return self.name in self.world.states

    def others(self) -> list[PulumiStack]:
        return [MemoryStack(name, self.world) for name in self.world.states if name != self.name]

    def locks(self) -> tuple[Lock, ...]:
        return self.world.locks

    def keep_copy(self, text: str) -> str:
        self.world.copies.append(text)
        return "pulumi stack import"

    def preview(self, *, refresh: bool) -> tuple[str, str, bool]:
        return json.dumps(self.world.previewed or nothing_to_do(self.name)), "", True

    def exported(self) -> str:
        return json.dumps(self.world.states[self.name])

    def import_state(self, text: str) -> None:
        for _ in self.world.step():
            self.world.states[self.name] = json.loads(text)

    def outputs(self) -> dict[str, Any]:
        return {"address": "198.51.100.7"}

    def on_server(self, address: str, command: str, stdin: str = "") -> str:
        if stdin:
            return self.world.census(self.name)
        if command.startswith("docker ps"):
            return "".join(f"{name} Up 2 minutes (healthy)\n" for name in SERVICES)
        rows = {"before": {"posts_post": 5}, "after": {"posts_post": 5}, "emptied": []}
        media = {"files": 1, "bytes": 1}
        record = {"volume": self.world.data(self.name), "rows": rows, "media": {"before": media, "after": media}}
        if not self.world.right:
            media = {"files": 0, "bytes": 0}
        now = {"media": media, "rows": rows["after"], "addresses": {}, "unlisted": []}
        return json.dumps({"record": record, **now})

    def update(self, *options: str, show: Any) -> None:
        self.engine("--replace" in options)

    def engine(self, replace_data: bool = False, replace_boot: bool = False) -> None:
        """What the program and the engine do about the data volume, the boot volume and the server, in the engine's
        order (seen in the lab). Making a thing and noting it are two steps, and so are deleting it and noting that."""
        world, stack = self.world, self.name
        text = self.settings_file.read_text()
        origin = yaml.load(text, yaml.CSafeLoader)["config"]["toybox:dataVolume"]["origin"]
        adopted = origin["id"] if origin["source"] == "adopted" else None
        self.look(adopted, blank=origin["source"] == "blank")

        present = world.resource(stack, "data-volume")
        if present is None or replace_data:
            backup = origin["id"] if origin["source"] == "backup" else None
            for _ in world.step():
                made = adopted or world.volume(f"toybox-{stack}-data", backup)
            for _ in world.step():
                if present:
                    present["delete"] = True
                inputs = {"backupId": backup} if backup else {}
                imported = {"importID": adopted} if adopted else {}
                world.note(stack, "data-volume", made, protect=stack == "prod", inputs=inputs, **imported)
        data = world.data(stack)

        boot = world.resource(stack, "server-boot-volume")
        if boot is None or boot.get("pendingReplacement") or replace_boot or boot["trigger"] != data:
            self.delete("server-instance", world.delete_server)
            self.delete("server-boot-volume", world.delete_boot_volume)
            for _ in world.step():
                key = world.volume(f"toybox-{stack}-boot")
            for _ in world.step():
                world.note(stack, "server-boot-volume", key, trigger=data)
        boot = world.resource(stack, "server-boot-volume")
        assert boot

        server = world.resource(stack, "server-instance")
        if server is None or server.get("pendingReplacement"):
            for _ in world.step():
                key = world.make_server(stack, boot["id"], data)
            for _ in world.step():
                world.note(stack, "server-instance", key)
        elif server["id"] in world.servers and world.servers[server["id"]].status == "SHUTOFF":
            for _ in world.step():
                world.servers[server["id"]].status = "ACTIVE"
        for _ in world.step():
            rest: dict[str, dict[str, Any]] = {
                f"urn:pulumi:{stack}::toybox::{CENSUS}": {"stdout": world.census(stack) if world.tagged(stack) else ""},
                f"urn:pulumi:{stack}::toybox::pulumi:pulumi:Stack::toybox-{stack}": {"dataVolumeId": data},
            }
            kept = [r for r in world.resources(stack) if not r.get("delete") and r["urn"] not in rest]
            noted = [{"urn": urn, "type": "rest", "outputs": outputs} for urn, outputs in rest.items()]
            world.states[stack]["deployment"]["resources"] = [*kept, *noted]

    def look(self, adopted: str | None, *, blank: bool) -> None:
        """As components/cloud/leftovers.py, before all else."""
        cloud: Any = MemoryCloud(self.world)
        found = leftovers.find(cloud, self.name, self.exported(), lambda _: None, adopted=adopted, blank=blank)
        self.world.warning = found.gone
        if said := leftovers.refusal(self.name, found.leftovers):
            raise OpsError(said)

    def delete(self, name: str, in_the_cloud: Callable[[str], None]) -> None:
        """Before its replacement. The engine tries again what was noted as deleted already."""
        resource = self.world.resource(self.name, name)
        if resource:
            for _ in self.world.step():
                in_the_cloud(resource["id"])
            for _ in self.world.step():
                resource["pendingReplacement"] = True


class MemoryCloud:
    """As openstacksdk's connection, and as a driver of restore points."""

    name: Literal["conoha"] = "conoha"
    current_project_id = "project"

    def __init__(self, world: World) -> None:
        self.world = world
        self.block_storage = self.compute = self.network = self

    # the driver

    def volumes(self) -> list[Volume]:
        return sorted(self.world.volumes.values(), key=lambda volume: (volume.name, volume.id))

    def list(self, volume_id: str | None = None) -> list[RestorePoint]:
        return [self.world.point]

    # volumes

    def find_volume(self, key: str, ignore_missing: bool = True) -> Volume | None:
        return self.world.volumes.get(key)

    def get_volume(self, key: str) -> Volume:
        return self.world.volumes[key]

    def update_volume(self, key: str, **changes: Any) -> None:
        for _ in self.world.step():
            self.world.volumes[key] = replace(self.world.volumes[key], **changes)

    def delete_volume(self, key: str) -> None:
        assert self.world.volumes[key].server_id is None
        for _ in self.world.step():
            del self.world.volumes[key]

    def wait_for_status(self, *_: Any, **__: Any) -> None: ...

    def wait_for_delete(self, *_: Any, **__: Any) -> None: ...

    # servers and the rest

    def servers(self, details: bool = True) -> Sequence[SimpleNamespace]:
        return [self.get_server(key) for key in self.world.servers]

    def get_server(self, key: str) -> SimpleNamespace:
        attached = [{"id": volume.id} for volume in self.world.volumes.values() if volume.server_id == key]
        return SimpleNamespace(**vars(self.world.servers[key]), attached_volumes=attached)

    def stop_server(self, key: str) -> None:
        for _ in self.world.step():
            self.world.servers[key].status = "SHUTOFF"
        self.world.on_stop()

    def start_server(self, key: str) -> None:
        for _ in self.world.step():
            self.world.servers[key].status = "ACTIVE"

    def wait_for_server(self, *_: Any, **__: Any) -> None: ...

    def delete_server(self, server: SimpleNamespace | str) -> None:
        for _ in self.world.step():
            self.world.delete_server(server if isinstance(server, str) else server.id)

    def keypairs(self) -> Sequence[SimpleNamespace]:
        return []

    def security_groups(self, project_id: str) -> Sequence[SimpleNamespace]:
        return []
