"""Runs `__main__.py` without an engine and records everything that it asks the engine for.

Pulumi's own mocks show a resource's type, name and inputs and hide its options: protect, retainOnDelete, ignoreChanges,
deletedWith, replacementTrigger. So the raw requests are recorded. An assertion inside `apply` passes in silence if the
`apply` never runs; tests look only at what was recorded after every outstanding request was answered.
"""

import asyncio
import contextvars
import json
import logging
import os
import runpy
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock
from uuid import NAMESPACE_URL, uuid5

import pulumi
from google.protobuf import json_format  # type: ignore[import-untyped]
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import SETTINGS, configure
from pulumi.runtime.stack import run_in_stack

CHECKOUT = Path(__file__).resolve().parents[3]
PROJECT = "toybox"

ADDRESS = "198.51.100.7"
IMAGE_ID = "5d3a4c8e-8f0b-4c6b-9a53-0c1d2e3f4a5b"
DIGEST = "sha256:" + "ab" * 32

HEALTHY: dict[str, Any] = json.loads((CHECKOUT / "tests" / "unit" / "host" / "facts.json").read_text())
"""What a server that is fit says of itself."""

# pulumi.runtime.rpc: how a secret is marked in a request, and what stands for a value that is not known yet
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True)
class Secret:
    """A value that the engine was told to encrypt."""

    value: Any


def decode(value: object) -> Any:
    """A request's properties as plain data, with secrets as `Secret` and whole numbers as int."""
    match value:
        case {"value": inner, **rest} if rest.get(SIGNATURE) == SECRET_SIGNATURE:
            return Secret(decode(inner))
        case Mapping():
            assert SIGNATURE not in value, f"a kind of value that these tests do not know: {value}"
            return {str(key): decode(item) for key, item in value.items()}
        case list():
            return [decode(item) for item in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def texts(value: object, *, secrets: bool) -> Iterator[str]:
    """Every text in `value`, keys included; those inside secrets only with `secrets`."""
    match value:
        case Secret():
            if secrets:
                yield from texts(value.value, secrets=True)
        case Mapping():
            for key, item in value.items():
                yield str(key)
                yield from texts(item, secrets=secrets)
        case list():
            for item in value:
                yield from texts(item, secrets=secrets)
        case str():
            yield value


def revealed(value: object) -> Any:
    """`value` with secrets as plain values, at every depth."""
    match value:
        case Secret():
            return revealed(value.value)
        case Mapping():
            return {key: revealed(item) for key, item in value.items()}
        case list():
            return [revealed(item) for item in value]
        case _:
            return value


@dataclass(frozen=True)
class Registered:
    """A resource as the engine was asked for it."""

    urn: str
    request: Any
    inputs: dict[str, Any]

    @property
    def name(self) -> str:
        """The logical name."""
        return str(self.request.name)

    @property
    def type(self) -> str:
        """The type token."""
        return str(self.request.type)

    @property
    def is_provider(self) -> bool:
        """Whether it is a provider and no resource of one."""
        return self.type.startswith("pulumi:providers:")

    @property
    def needs(self) -> set[str]:
        """The URNs of everything that must exist before: dependencies of all kinds, and the provider."""
        provider = self.request.provider.rsplit("::", 1)[0]
        return {*self.request.dependencies, *([provider] if provider else [])}


class RecordingMonitor(pulumi_mocks.MockMonitor):
    """Answers like Pulumi's mock monitor, and keeps every request. URNs are those of the real engine."""

    def __init__(self, mocks: pulumi_mocks.Mocks, stack: str) -> None:
        super().__init__(mocks)
        self.stack = stack
        self.registered: dict[str, Registered] = {}
        self.invoked: list[Any] = []
        self.outputs: dict[str, Any] = {}

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Like the engine (sdk/go/common/resource/urn): all ancestors' types but the stack's. The mock monitor has the
        parent's only, and the stack's too."""
        ancestors = parent.split("::")[2] if parent else ""
        prefix = "" if ancestors in ("", "pulumi:pulumi:Stack") else f"{ancestors}$"
        return f"urn:pulumi:{self.stack}::{PROJECT}::{prefix}{type_}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 # gRPC's name
        copy = resource_pb2.RegisterResourceRequest()
        copy.CopyFrom(request)
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            assert response.urn not in self.registered, f"{response.urn} is registered twice"
            self.registered[response.urn] = Registered(response.urn, copy, properties(copy.object))
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 # gRPC's name
        self.outputs[request.urn] = properties(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]

    def Invoke(self, request: Any) -> Any:  # noqa: N802 # gRPC's name
        self.invoked.append(request)
        return super().Invoke(request)  # type: ignore[no-untyped-call]


def properties(message: Any) -> dict[str, Any]:
    """A request's Struct as plain data."""
    decoded = decode(json_format.MessageToDict(message))
    assert isinstance(decoded, dict)
    return decoded


class Cloud(pulumi_mocks.Mocks):
    """What the cloud and Docker answer: ids made from names, so that they are the same in each run."""

    def __init__(self, *, known: bool, images: Sequence[str], others: Mapping[str, Mapping[str, Any]]) -> None:
        self.known = known
        self.images = images
        self.others = others

    def call(self, args: pulumi_mocks.MockCallArgs) -> Any:
        """The one look-up that the program makes."""
        assert args.token == "openstack:images/getImageIds:getImageIds", f"an unexpected look-up: {args.token}"
        return {"ids": list(self.images)}

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Inputs come back as outputs; what only the provider knows is added, unless nothing is known yet."""
        if args.typ == "pulumi:pulumi:StackReference":  # read, and known in a preview, too
            return args.resource_id, {**args.inputs, "outputs": self.others[args.name], "secretOutputNames": []}
        if not self.known or not args.custom:
            return None, args.inputs
        made: dict[str, object] = {}
        match args.typ:
            case "openstack:compute/instance:Instance":
                made = {"accessIpV4": ADDRESS}
            case "docker:index/remoteImage:RemoteImage":
                made = {"imageId": "sha256:" + args.name.encode().hex().ljust(64, "0")[:64], "repoDigest": DIGEST}
            case "pulumi:index:Stash":
                made = {"output": args.inputs["input"]}
            case "command:remote:Command" | "command:local:Command":
                made = {"stdout": "", "stderr": ""}
        return str(uuid5(NAMESPACE_URL, args.name)), {**args.inputs, **made}


@dataclass(frozen=True)
class Run:
    """What one run of the program asked the engine for."""

    stack: str
    resources: dict[str, Registered]
    invokes: list[Any]
    exports: dict[str, Any]
    folder: Path

    def one(self, name: str) -> Registered:
        """The resource called `name`; components and their children have different names."""
        (found,) = [resource for resource in self.resources.values() if resource.name == name]
        return found

    def of_type(self, *types: str) -> list[Registered]:
        """The resources of these types; at least one, or a test of them all would be a test of none."""
        found = [resource for resource in self.resources.values() if resource.type in types]
        assert found, f"the program has no {types}"
        return found

    def custom(self) -> list[Registered]:
        """The resources that a provider makes: no components, and no providers."""
        return [found for found in self.resources.values() if found.request.custom and not found.is_provider]

    def before(self, resource: Registered) -> set[str]:
        """The names of everything that must have been made before `resource`."""
        seen: set[str] = set()
        waiting = list(resource.needs)
        while waiting:
            urn = waiting.pop()
            if urn not in seen and urn in self.resources:  # what is only read is not made
                seen.add(urn)
                waiting += self.resources[urn].needs
        return {self.resources[urn].name for urn in seen}


def run_program(
    stack: str,
    config: Mapping[str, str],
    encrypted: list[str],
    folder: Path,
    *,
    preview: bool = False,
    images: Sequence[str] = (IMAGE_ID,),
    ask: Callable[[str, str], Mapping[str, Any]] = lambda _config, _address: HEALTHY,
    look: Callable[..., None] = lambda _: None,
    ssh: Callable[[str], Sequence[str]] = lambda _: ("true",),
    others: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Run:
    """Run `__main__.py` for `stack` in `folder`, with the configuration that a language host would hand it.

    With `preview` it is the very first one: nothing that a provider would answer is known. `images` are the ids that
    the cloud knows under the name of the server's image; `ask` answers for the server; `look` stands for the look for
    what killed updates left, and `ssh` for what the program runs on the server by itself: what runs in place of ssh(1)
    for a command; `others` are the outputs of other stacks. Raises whatever the program raises.
    """
    monitor = RecordingMonitor(Cloud(known=not preview, images=images, others=others), stack)

    def program() -> None:
        with mock.patch("components.cloud.stop_for_leftovers", look):
            runpy.run_path(str(CHECKOUT / "__main__.py"))

    async def run() -> None:
        # Like pulumi.runtime.set_mocks, which leaves a stack behind that the next run would take for its own.
        settings = pulumi_mocks.MockSettings(  # type: ignore[no-untyped-call]
            monitor=monitor,
            monitor_features=set(monitor.GetDeploymentInfo(None).supportedFeatures),  # type: ignore[no-untyped-call]
            engine=pulumi_mocks.MockEngine(None),
            project=PROJECT,
            stack=stack,
            dry_run=preview,
            organization="organization",
            callbacks=None,
        )
        configure(settings)
        SETTINGS.outputs.clear()  # a run that was refused leaves tasks of its own loop behind
        pulumi.runtime.set_all_config(dict(config), encrypted)
        with (
            mock.patch("components.host.condition.ask", ask),
            mock.patch(
                "components.host.every_update.ssh_arguments", lambda _config, _address, command: list(ssh(command))
            ),
        ):
            await run_in_stack(program)

    def run_to_its_end() -> None:
        # asyncio.run would wait for ever at times: of what a refused program leaves, not all ends when it is cancelled.
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(run())
        finally:
            if left := asyncio.all_tasks(loop):
                for task in left:
                    task.cancel()
                loop.run_until_complete(asyncio.wait(left, timeout=1))
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    before = Path.cwd()
    os.chdir(folder)
    # asyncio logs a traceback for every output that a refused program leaves behind
    complaints = logging.getLogger("asyncio")
    complaints.setLevel(logging.CRITICAL)
    try:
        # A context of its own: Pulumi keeps settings, root resource and configuration in context variables. A thread of
        # its own: Pulumi notes the stack of every resource, and pytest's is deep.
        with ThreadPoolExecutor(max_workers=1) as alone:
            alone.submit(contextvars.copy_context().run, run_to_its_end).result()
    finally:
        os.chdir(before)
        complaints.setLevel(logging.NOTSET)
    (exports,) = [values for urn, values in monitor.outputs.items() if "pulumi:pulumi:Stack" in urn]
    return Run(stack, monitor.registered, monitor.invoked, exports, folder)
