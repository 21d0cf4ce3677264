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

from ops.data_volume.census import NAME as CENSUS
from ops.guard import declared
from ops.pulumi_cli import PulumiStack
from ops.restore_points.model import RestorePoint, Volume
from ops.state.locks import Lock
from tests.unit.ops.data_volume.test_origin import CHECKOUT

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

    def volume(self, name: str, server: str | None = None) -> str:
        """A new volume."""
        key = f"00000000-0000-4000-8000-{next(self.numbers):012d}"
        self.volumes[key] = Volume(key, name, 200, "in-use" if server else "available", NOW, {}, server)
        return key

    def data(self, stack: str) -> str:
        """The id of the data volume in the state."""
        (found,) = [
            r["id"] for r in self.states[stack]["deployment"]["resources"] if r["urn"].endswith("::data-volume")
        ]
        return str(found)

    def census(self, stack: str) -> str:
        """What the server's disk holds."""
        server = next(s for s in self.servers.values() if s.name == f"toybox-{stack}")
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

    def data_now(self, state: dict[str, Any], urn: str) -> str:
        """The id of the volume that is not about to be deleted."""
        return next(str(r["id"]) for r in state["resources"] if r["urn"] == urn and not r.get("delete"))

    def delete_server(self, key: str) -> None:
        """Its boot volume goes with it, by the engine's hand."""
        del self.servers[key]
        for volume in [volume for volume in self.volumes.values() if volume.server_id == key]:
            if volume.name.endswith("-boot"):
                del self.volumes[volume.id]
            else:
                self.volumes[volume.id] = replace(volume, server_id=None, word="available")

    def make_server(self, stack: str, data: str) -> None:
        """With a boot volume of its own."""
        key = f"server-{next(self.numbers)}"
        tag = {"instance_name_tag": f"toybox-{stack}"}
        self.servers[key] = SimpleNamespace(
            id=key,
            name=f"toybox-{stack}",
            metadata=tag,
            status="ACTIVE",
            task_state=None,
            data=data,
            addresses={},
            access_ipv4="198.51.100.7",
            created_at=NOW.isoformat(),
        )
        self.volume(f"toybox-{stack}-boot", key)
        self.volumes[data] = replace(self.volumes[data], server_id=key, word="in-use")


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
        rows = {"before": {"posts_post": 5}, "after": {"posts_post": 5}, "emptied": []}
        media = {"files": 1, "bytes": 1}
        record = {"volume": self.world.data(self.name), "rows": rows, "media": {"before": media, "after": media}}
        return json.dumps({"record": record, "media": media, "addresses": {}, "unlisted": []})

    def update(self, *options: str, show: Any) -> None:
        self.engine("--replace" in options)

    def engine(self, replace_data: bool = False) -> None:
        """What the engine does with the program's data volume, boot volume and server, in its order."""
        world, state = self.world, self.world.states[self.name]["deployment"]
        text = self.settings_file.read_text()
        origin = yaml.load(text, yaml.CSafeLoader)["config"]["toybox:dataVolume"]["origin"]
        urn = f"urn:pulumi:{self.name}::toybox::data-volume"
        state.setdefault("resources", [])
        present = next((r for r in state["resources"] if r["urn"] == urn and not r.get("delete")), None)
        if present is None or replace_data:
            inputs = {"backupId": origin["id"]} if origin["source"] == "backup" else {}
            resource = {"urn": urn, "protect": self.name == "prod", "inputs": inputs}
            for _ in world.step():
                if origin["source"] == "adopted":
                    resource |= {"id": origin["id"], "importID": origin["id"]}
                else:
                    resource["id"] = world.volume(f"toybox-{self.name}-data")
            for _ in world.step():
                if present:
                    present["delete"] = True
                state["resources"].append(resource)
        data = world.data_now(state, urn)
        server = next((s for s in world.servers.values() if s.name == f"toybox-{self.name}"), None)
        if server is None or server.data != data or server.status == "SHUTOFF":
            if server:
                for _ in world.step():
                    world.delete_server(server.id)
            for _ in world.step():
                world.make_server(self.name, data)
        for _ in world.step():
            state["resources"] = [r for r in state["resources"] if not r.get("delete")]
            rest: list[dict[str, Any]] = [
                {"urn": f"urn:pulumi:{self.name}::toybox::server", "id": "server"},
                {"urn": f"urn:pulumi:{self.name}::toybox::{CENSUS}", "outputs": {"stdout": world.census(self.name)}},
                {
                    "urn": f"urn:pulumi:{self.name}::toybox::pulumi:pulumi:Stack::toybox-{self.name}",
                    "outputs": {"dataVolumeId": data},
                },
            ]
            urns = {r["urn"] for r in rest}
            state["resources"] = [*(r for r in state["resources"] if r["urn"] not in urns), *rest]


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
        return [*self.world.servers.values()]

    def get_server(self, key: str) -> SimpleNamespace:
        return self.world.servers[key]

    def stop_server(self, key: str) -> None:
        for _ in self.world.step():
            self.world.servers[key].status = "SHUTOFF"
        self.world.on_stop()

    def start_server(self, key: str) -> None:
        for _ in self.world.step():
            self.world.servers[key].status = "ACTIVE"

    def wait_for_server(self, *_: Any, **__: Any) -> None: ...

    def delete_server(self, server: SimpleNamespace) -> None:
        for _ in self.world.step():
            self.world.delete_server(server.id)

    def keypairs(self) -> Sequence[SimpleNamespace]:
        return []

    def security_groups(self, project_id: str) -> Sequence[SimpleNamespace]:
        return []
