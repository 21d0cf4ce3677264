"""Records what the real engine previews, for tests/unit/ops/guard: `python -m tests.lab.record_previews [CASE...]`.

It brings production up in the tests' own OpenStack project, makes each change of CASES in the copy of the program, in
its settings or in its state, asks `pulumi preview --json --show-sames` what would happen, and takes everything away
again. Nothing but the first update and CASES marked so touches the cloud.

What is kept of an answer is what `toybox guard` may look at, and nothing that is secret or that another run would have
otherwise: ids, addresses, digests and the machine's own paths become fixed ones. A recording that differs in its shape
from a later engine's answer is found by tests/lab/test_guard.py.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.paths import CHECKOUT
from lab.stack import Workspace
from tests.lab import toybox
from tests.lab.toybox import PROJECT, Toybox, copy_of_the_program, empty_the_project

RECORDED = CHECKOUT / "tests" / "unit" / "ops" / "guard" / "recorded"

SOME_ID = "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"
SECOND_OPERATOR = "192.0.2.44/32"

Change = Callable[[Toybox], AbstractContextManager[None]]


@dataclass(frozen=True)
class Case:
    """A change, made before the preview and undone after it, and the arguments of the preview."""

    change: Change
    arguments: tuple[str, ...] = ()
    command: str = "preview"


# What can be changed


def edit(*edits: tuple[str, str, str]) -> Change:
    """Files of the program with one text in place of another: (file, old, new)."""

    @contextmanager
    def change(prod: Toybox) -> Iterator[None]:
        with ExitStack() as stack:
            for name, old, new in edits:
                text = (prod.workspace.program / name).read_text()
                assert old in text, f"{name} has no {old!r} any more: mend the case"
                stack.enter_context(prod.changed_file(name, text.replace(old, new, 1)))
            yield

    return change


def settings(**changes: Any) -> Change:
    """Settings with other values: `server__flavor` is toybox:server.flavor."""
    return lambda prod: prod.changed_settings(**changes)


def both(*changes: Change) -> Change:
    """Several changes at once."""

    @contextmanager
    def change(prod: Toybox) -> Iterator[None]:
        with ExitStack() as stack:
            for each in changes:
                stack.enter_context(each(prod))
            yield

    return change


def state(alter: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Change:
    """The state with other resources, as after a loss or a hand that went astray."""

    @contextmanager
    def change(prod: Toybox) -> Iterator[None]:
        before = prod.state("--show-secrets")
        after = json.loads(json.dumps(before))
        after["deployment"]["resources"] = alter(after["deployment"]["resources"])
        import_state(prod, after)
        try:
            yield
        finally:
            import_state(prod, before)

    return change


def import_state(prod: Toybox, document: Mapping[str, Any]) -> None:
    """`pulumi stack import`, through a file that only its owner can read."""
    file = prod.workspace.folder / "import.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(document))
    done = prod.pulumi("stack", "import", "--file", str(file))
    file.unlink()
    assert done.returncode == 0, done.stdout


def without(*names: str) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """The state without some resources, and without what depends on them being told so."""

    def alter(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        gone = {each["urn"] for each in resources if each["urn"].rpartition("::")[2] in names}
        assert len(gone) == len(names)
        kept = [each for each in resources if each["urn"] not in gone]
        for each in kept:
            each["dependencies"] = [urn for urn in each.get("dependencies", ()) if urn not in gone]
            for name, urns in each.get("propertyDependencies", {}).items():
                each["propertyDependencies"][name] = [urn for urn in urns or () if urn not in gone]
        return kept

    return alter


def with_option(name: str, option: str, value: object) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    """The state with another value for an option or id of one resource."""

    def alter(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        (found,) = [each for each in resources if each["urn"].endswith(f"::{name}")]
        found[option] = value
        if option == "id":
            found["outputs"]["id"] = value
        return resources

    return alter


@contextmanager
def second_operator(prod: Toybox) -> Iterator[None]:
    """A second operator, really there, who is gone from the settings when the preview is made."""
    before = prod.workspace.settings_file(prod.stack).read_text()
    with prod.changed_settings(operators=["198.51.100.1/32", SECOND_OPERATOR]):
        prod.up()
    assert prod.workspace.settings_file(prod.stack).read_text() == before
    yield
    prod.up()


@contextmanager
def docker_volume_lost(prod: Toybox) -> Iterator[None]:
    """A container and its Docker volume, removed by hand on the server."""
    prod.ssh("docker rm -f caddy && docker volume rm -f caddy-config")
    yield
    prod.up("--refresh")


@contextmanager
def adopted(prod: Toybox) -> Iterator[None]:
    """The state lost the data volume, and the settings adopt it by its id."""
    origin = {"source": "adopted", "id": prod.outputs()["dataVolumeId"]}
    with state(without("data-volume"))(prod), prod.changed_settings(dataVolume__origin=origin):
        yield


@contextmanager
def subscription_off(prod: Toybox) -> Iterator[None]:
    """No restore points any more."""
    with prod.changed_settings(snapshotPolicy={"driver": "conoha", "schedule": "off"}):
        yield


DATA_VOLUME = "components/data_volume.py"
NAMED_VOLUMES = "components/named_volumes.py"
SERVER = "components/server/__init__.py"
SERVICE = "components/service.py"
PROGRAM = "__main__.py"

UNPROTECTED = edit((PROGRAM, 'protect=stack == "prod"', "protect=False"))
ANOTHER_ORIGIN = both(
    edit((DATA_VOLUME, "ignore_changes=[*ORIGIN_PROPERTIES, ", "ignore_changes=[")),
    settings(dataVolume__origin={"source": "backup", "id": SOME_ID, "size": 200}),
)
NO_VOLUME = f'(lambda **_: type("NoVolume", (), {{"id": "{SOME_ID}"}}))('
WITHOUT_DATA_VOLUME = edit((PROGRAM, 'DataVolume("data",', NO_VOLUME))

CASES: Mapping[str, Case] = {
    # what must pass
    "no-change": Case(lambda _: nullcontext()),
    "image-digest": Case(settings(images__redis="docker.io/library/redis:7@sha256:" + "c" * 64)),
    "flavor": Case(settings(server__flavor="g2l-t-c6m12")),
    "container-environment": Case(
        edit(("components/django/specs.py", '"MEDIA_ROOT": MEDIA_ROOT,', '"MEDIA_ROOT": MEDIA_ROOT, "NEW": "value",'))
    ),
    "caddyfile": Case(edit(("components/caddy/build/Caddyfile", "X-Frame-Options DENY", "X-Frame-Options SAMEORIGIN"))),
    "operator-removed": Case(second_operator),
    "boot-volume-replaced": Case(lambda _: nullcontext(), ("--replace", "**::server-boot-volume")),
    "docker-volume-missing": Case(docker_volume_lost, ("--refresh",)),
    "one-target": Case(lambda _: nullcontext(), ("--target", "**::networks-edge")),
    "rule-renamed": Case(edit((SERVER, 'f"{name}-ingress-{rule}"', 'f"{name}-rule-{rule}"'))),
    "data-volume-adopted": Case(adopted),
    # what must not: the data volume
    "restore-points-off": Case(subscription_off),
    "unprotected": Case(UNPROTECTED),
    "not-retained": Case(edit((DATA_VOLUME, "retain_on_delete=True", "retain_on_delete=False"))),
    "unprotected-and-replaced": Case(both(UNPROTECTED, ANOTHER_ORIGIN)),
    "protected-and-replaced": Case(ANOTHER_ORIGIN),
    "data-volume-renamed": Case(
        both(
            state(with_option("data-volume", "protect", False)),
            edit((DATA_VOLUME, 'f"{name}-volume"', 'f"{name}-disk"')),
        )
    ),
    "data-volume-deleted": Case(both(state(with_option("data-volume", "protect", False)), WITHOUT_DATA_VOLUME)),
    "protected-and-deleted": Case(WITHOUT_DATA_VOLUME),
    "data-volume-lost-from-state": Case(state(without("data-volume"))),
    "data-volume-gone-in-the-cloud": Case(state(with_option("data-volume", "id", SOME_ID)), ("--refresh",)),
    "state-lost": Case(state(lambda _: [])),
    "destroyed": Case(state(with_option("data-volume", "protect", False)), ("--preview-only",), command="destroy"),
    # Docker volumes
    "docker-volume-label": Case(
        edit(
            (NAMED_VOLUMES, 'ignore_changes=["labels", "driver_opts"],', ""),
            (NAMED_VOLUMES, 'driver="local",', 'driver="local", labels=[{"label": "a", "value": "b"}],'),
        )
    ),
    "docker-volume-elsewhere": Case(
        edit(
            (NAMED_VOLUMES, 'ignore_changes=["labels", "driver_opts"],', ""),
            ("components/volumes.py", 'return f"{MOUNT_POINT}/{self.name}"', 'return f"/srv/{self.name}"'),
        )
    ),
    "docker-volume-inside-docker": Case(
        both(
            state(without("volumes-media")),
            edit((NAMED_VOLUMES, "driver_opts=driver_options(volume),", "")),
        )
    ),
    "database-mounted-elsewhere": Case(
        # what the image says VOLUME of is then an anonymous volume, and the named one lies in its parent
        edit(("components/postgres/__init__.py", "volumes={PGDATA_VOLUME:", 'volumes={"/var/lib/postgresql":'))
    ),
    # the server
    "server-without-data": Case(
        edit(
            (
                SERVER,
                "uuid=data_volume_id,",
                f'uuid="{SOME_ID}",',
            )
        )
    ),
    "server-takes-data-along": Case(edit((SERVER, "delete_on_termination=False", "delete_on_termination=True"))),
    # what is open
    "port-published": Case(edit(("components/postgres/__init__.py", "stop_seconds=", "ports=(5432,), stop_seconds="))),
    "host-network": Case(edit((SERVICE, 'restart="unless-stopped",', 'restart="no", network_mode="host",'))),
    "operator-added": Case(settings(operators=["198.51.100.1/32", SECOND_OPERATOR])),
    "ssh-from-everywhere": Case(
        edit((SERVER, "return ssh | web", 'return ssh | web | {"ssh-all": (22, "0.0.0.0/0")}'))
    ),
    "rule-widened": Case(edit((SERVER, "port_range_max=port,", "port_range_max=port + 1000,"))),
    # images
    "image-without-digest": Case(edit((PROGRAM, "image=images.redis", 'image="docker.io/library/redis:7-bookworm"'))),
    # previews that failed
    "settings-refused": Case(settings(server__flavor="g2l-t-c9m9")),
}


# What is kept

KEPT_OF_CONFIG = ("toybox:operators", "toybox:dataVolume", "toybox:snapshotPolicy")
KEPT_OF_STATE = ("type", "id", "protect", "retainOnDelete")
KEPT_INPUTS: Mapping[str, tuple[str, ...]] = {
    "pulumi:providers:openstack": ("authUrl", "region", "tenantName"),
    "openstack:blockstorage/volume:Volume": (
        "name", "size", "volumeType", "sourceVolId", "snapshotId", "backupId", "imageId", "metadata",
    ),
    "openstack:compute/instance:Instance": ("name", "flavorName", "blockDevices", "securityGroups", "networks"),
    "openstack:networking/secGroup:SecGroup": ("name",),
    "openstack:networking/secGroupRule:SecGroupRule": (
        "direction", "ethertype", "protocol", "portRangeMin", "portRangeMax", "remoteIpPrefix", "remoteGroupId",
        "securityGroupId",
    ),
    "openstack:networking/portSecGroupAssociate:PortSecGroupAssociate": ("portId", "securityGroupIds", "enforce"),
    "docker:index/volume:Volume": ("name", "driver", "driverOpts", "labels"),
    "docker:index/container:Container": ("name", "image", "mounts", "ports", "networkMode", "publishAllPorts"),
    "docker:index/remoteImage:RemoteImage": ("name", "build"),
    "command:local:Command": (),
}  # fmt: skip
"""Of the inputs, by type. No others are kept: a command's hold the server's keys."""


def slim(preview: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a preview, steps in the order of their URNs: the engine's own differs from run to run."""
    kept: dict[str, Any] = {
        "config": {key: value for key, value in preview.get("config", {}).items() if key in KEPT_OF_CONFIG}
    }
    kept["steps"] = sorted((slim_step(step) for step in preview.get("steps") or ()), key=lambda step: str(step["urn"]))
    if "diagnostics" in preview:
        # only errors: a warning's text may be anything
        errors = [each for each in preview["diagnostics"] if each["severity"] == "error"]
        kept["diagnostics"] = sorted(errors, key=lambda each: str(each.get("urn", "")))
    kept["duration"] = 1
    kept["changeSummary"] = preview.get("changeSummary")
    return kept


def slim_step(step: Mapping[str, Any]) -> dict[str, Any]:
    """One step, with both of its states."""
    kept = {key: step[key] for key in ("op", "urn", "diffReasons", "replaceReasons") if key in step}
    for side in ("oldState", "newState"):
        if step.get(side):
            kept[side] = slim_state(step[side])
    return kept


def slim_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """One side of a step; of the types that the guard does not look at, nothing but the type."""
    names = KEPT_INPUTS.get(state["type"])
    if names is None:
        return {"type": state["type"]}
    inputs = {key: value for key, value in state.get("inputs", {}).items() if key in names}
    kept = {key: state[key] for key in KEPT_OF_STATE if key in state}
    if not state["type"].startswith("openstack:"):
        kept.pop("id", None)  # an image's has a registry's address in it, and a container's is of no use
    return {**kept, "inputs": inputs}


UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes a text that it does not know yet (pulumi, sdk/go/common/resource/plugin/rpc.go)."""


def anonymous(text: str) -> str:
    """A recording without this machine, this run and this lab: the n-th id becomes id n."""
    numbers: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        found = match[0]
        if found in (UNKNOWN, SOME_ID, "c" * 64):
            return found
        number = numbers.setdefault(found, len(numbers) + 1)
        if "-" in found:
            return f"00000000-0000-4000-8000-{number:012d}"
        return f"{number:0{len(found)}d}"

    uuid = r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    text = re.sub(rf"{uuid}|\b(?:[0-9a-f]{{64}}|[0-9a-f]{{16}}|[0-9a-f]{{12}})\b", numbered, text)
    text = re.sub(r"\b198\.51\.100\.1:5001/", "registry.example/", text)
    text = re.sub(r"\b198\.51\.100\.(?!1\b)\d+\b", "198.51.100.7", text)
    text = re.sub(r"\bgnct\d{8}\b", "gnct12345678", text)
    return re.sub(r"http://127\.0\.0\.1:\d+/[a-z0-9/]*v3", "https://identity.c3j1.conoha.io/v3", text)


def answer(prod: Toybox, case: Case) -> str:
    """What the engine prints for a case on its standard output."""
    done = subprocess.run(
        ["pulumi", case.command, "--json", "--show-sames", "--non-interactive", *case.arguments],
        cwd=prod.workspace.program,
        env=prod.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout


def recording(printed: str) -> str:
    """The file for what the engine printed: one step a line."""
    kept = slim(json.loads(printed))
    steps = ",\n".join(f"  {json.dumps(step)}" for step in kept.pop("steps"))
    head = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in kept.items())
    return anonymous(f'{{\n{head},\n "steps": [\n{steps}\n ]\n}}\n')


def record(prod: Toybox, names: list[str]) -> None:
    """Make the recordings of these cases on a production that is up."""
    for name in names:
        case = CASES[name]
        with case.change(prod):
            printed = answer(prod, case)
        text = recording(printed)
        (RECORDED / f"{name}.json").write_text(text)
        print(f"{name}: {json.loads(text)['changeSummary']}", flush=True)


def main() -> None:
    """Record on a production of its own."""
    names = sys.argv[1:] or list(CASES)
    empty_the_project()
    shutil.rmtree(toybox.FOLDER, ignore_errors=True)
    toybox.FOLDER.mkdir(mode=0o700)
    program = copy_of_the_program(Path(toybox.FOLDER) / "program")
    prod = Toybox(Workspace(program=program, folder=toybox.FOLDER / "pulumi", project=PROJECT), "prod")
    prod.initialise()
    prod.up()
    record(prod, names)
    empty_the_project()
    shutil.rmtree(toybox.FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
