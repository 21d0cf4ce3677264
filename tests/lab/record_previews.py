"""Records what the real engine previews, for tests/unit/ops/guard.

    .venv/bin/python -m lab up
    .venv/bin/python -m tests.lab.record_previews [CASE...]

makes the recordings again: it brings production up in the tests' own OpenStack project, makes each change of CASES in
the copy of the program, in its settings or in a copy of its state, asks `pulumi preview --json --show-sames` what would
happen, and takes everything away again. Nothing but the first update touches the cloud. It takes about six minutes,
nearly all of them for that update.

What is kept of an answer: tests/unit/ops/guard/recordings.py. tests/lab/test_guard.py makes the same previews in every
test run and compares them with the recordings.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.stack import Workspace
from tests.lab import toybox
from tests.lab.toybox import PROJECT, Toybox, copy_of_the_program, empty_the_project
from tests.unit.ops.guard.recordings import RECORDED, SOME_DIGEST, SOME_ID, recording

SECOND_OPERATOR = "192.0.2.44/32"

Change = Callable[[Toybox], AbstractContextManager[None]]
Resources = list[dict[str, Any]]


def unchanged(_: Toybox) -> AbstractContextManager[None]:
    """The program and its settings as they are."""
    return nullcontext()


def as_it_is(resources: Resources) -> Resources:
    """The state as it is."""
    return resources


@dataclass(frozen=True)
class Case:
    """A change to program and settings, made before the preview and undone after it; what a copy of the state says; and
    the arguments of the preview."""

    change: Change = unchanged
    state: Callable[[Resources], Resources] = as_it_is
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


@contextmanager
def adopted(prod: Toybox) -> Iterator[None]:
    """The settings adopt the data volume by its id."""
    with prod.changed_settings(dataVolume__origin={"source": "adopted", "id": prod.outputs()["dataVolumeId"]}):
        yield


def without(*names: str) -> Callable[[Resources], Resources]:
    """The state without some resources, and without what depends on them being told so."""

    def alter(resources: Resources) -> Resources:
        gone = {each["urn"] for each in resources if each["urn"].rpartition("::")[2] in names}
        assert len(gone) == len(names)
        kept = [each for each in resources if each["urn"] not in gone]
        for each in kept:
            each["dependencies"] = [urn for urn in each.get("dependencies", ()) if urn not in gone]
            for name, urns in each.get("propertyDependencies", {}).items():
                each["propertyDependencies"][name] = [urn for urn in urns or () if urn not in gone]
        return kept

    return alter


def with_option(name: str, option: str, value: object) -> Callable[[Resources], Resources]:
    """The state with another value for an option or id of one resource."""

    def alter(resources: Resources) -> Resources:
        (found,) = [each for each in resources if each["urn"].endswith(f"::{name}")]
        found[option] = value
        if option == "id":
            found["outputs"]["id"] = value
        return resources

    return alter


UNPROTECTED = edit(("programs/site.py", "protect=settings.is_production", "protect=False"))
ANOTHER_ORIGIN = both(
    edit(("components/data/data_volume.py", "ignore_changes=[*ORIGIN_PROPERTIES, ", "ignore_changes=[")),
    settings(dataVolume__origin={"source": "backup", "id": SOME_ID, "size": 200}),
)

CASES: Mapping[str, Case] = {
    "no-change": Case(),
    "release": Case(settings(images__django=f"198.51.100.1:5001/django@sha256:{SOME_DIGEST}")),
    "flavor": Case(settings(server__flavor="g2l-t-c6m12")),
    "another-operator": Case(settings(operators=[SECOND_OPERATOR])),
    "data-volume-replaced": Case(both(UNPROTECTED, ANOTHER_ORIGIN)),
    "data-volume-adopted": Case(adopted, without("data-volume")),
    "data-volume-gone": Case(state=with_option("data-volume", "id", SOME_ID), arguments=("--refresh",)),
    "state-lost": Case(state=lambda _: []),
    "destroyed": Case(
        state=with_option("data-volume", "protect", False), arguments=("--preview-only",), command="destroy"
    ),
    # previews that break off
    "protected-and-replaced": Case(ANOTHER_ORIGIN),
    "settings-refused": Case(settings(server__flavor="g2l-t-c9m9")),
}


@contextmanager
def state_copy(prod: Toybox, alter: Callable[[Resources], Resources]) -> Iterator[str]:
    """A backend with a copy of the stack's state, altered; its address."""
    with tempfile.TemporaryDirectory(dir=prod.workspace.folder) as folder:
        shutil.copytree(
            prod.workspace.folder / "state",
            folder,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("history", "backups"),
        )
        file = Path(folder, ".pulumi", "stacks", "toybox", f"{prod.stack}.json")
        document = json.loads(file.read_text())
        latest = document["checkpoint"]["latest"]
        latest["resources"] = alter(latest["resources"])
        file.write_text(json.dumps(document))
        yield f"file://{folder}"


def answer(prod: Toybox, case: Case) -> str:
    """What the engine prints for a case on its standard output. Nothing of the stack is changed."""
    with case.change(prod), state_copy(prod, case.state) as backend:
        return subprocess.run(
            ["pulumi", case.command, "--json", "--show-sames", "--non-interactive", *case.arguments],
            cwd=prod.workspace.program,
            env={**prod.environment, "PULUMI_BACKEND_URL": backend},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        ).stdout


def record(prod: Toybox, names: list[str]) -> None:
    """Make the recordings of these cases on a production that is up."""
    for name in names:
        text = recording(answer(prod, CASES[name]))
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
