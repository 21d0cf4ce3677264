"""Who sees a type token in a preview finds its file, and who reads a path finds it."""

import importlib
import inspect
import re
from collections.abc import Iterator

import pulumi
import pulumi_command as command
import pytest

import inventory.tokens
from tests.unit.program.recording import CHECKOUT
from tests.unit.test_house_rules import lines

COMPONENTS = CHECKOUT / "components"
CLASS = re.compile(r"^class (\w+)\(pulumi\.ComponentResource\):.*?\btokens\.(\w+)", re.MULTILINE | re.DOTALL)
GOLDEN = CHECKOUT / "tests" / "unit" / "program" / "urns"


def tokens() -> Iterator[tuple[str, str, str, str]]:
    """Yield (class, folder that the token names, name in the token, path below components/) of every component."""
    for file in sorted(COMPONENTS.rglob("*.py")):
        for name, token in CLASS.findall(file.read_text()):
            _, folder, called = getattr(inventory.tokens, token).split(":")
            yield name, folder, called, str(file.relative_to(COMPONENTS))


def snake(name: str) -> str:
    return re.sub(r"(?<=.)(?=[A-Z])", "_", name).lower()


def test_every_component_of_the_program_is_among_them() -> None:
    """A class that the pattern misses would be in no folder."""
    urns = "\n".join(file.read_text() for file in GOLDEN.glob("*.txt"))
    golden = set(re.findall(r"toybox:(\w+):(\w+)", urns))
    found = {(folder, called) for _, folder, called, _ in tokens()}
    assert golden <= found
    assert found - golden == {("services", "BackupRestore"), ("services", "KeeperAccess")}, "of no committed stack"


@pytest.mark.parametrize(("name", "folder", "called", "path"), list(tokens()), ids=str)
def test_a_type_token_names_the_class_and_its_folder(name: str, folder: str, called: str, path: str) -> None:
    assert name == called
    places = ["containers/", f"{snake(name)}/", f"{snake(name)}.py"] if folder == "services" else [f"{folder}/"]
    assert path.startswith(tuple(places))


def test_every_path_of_components_that_is_named_exists() -> None:
    """In messages, docs, docstrings and tests; also in files that are sent to a server, and cannot follow a move."""
    named = re.compile(r"(?<![\w/])components/([\w/-]+(?:\.\w+)?)")
    found = {(where, path) for where, line in lines() for path in named.findall(line) if "/recorded/" not in where}
    assert len(found) > 40
    assert not [
        (where, path)
        for where, path in found
        if not (COMPONENTS / path).exists() and not (COMPONENTS / f"{path}.py").exists()
    ]


@pytest.mark.parametrize("path", sorted({path for *_, path in tokens()}))
def test_a_component_takes_a_name_keywords_and_opts_and_has_one_gate(path: str) -> None:
    """As Pulumi's own: name, arguments, options. Those who wait for it wait for `ready`, whatever it does."""
    module = importlib.import_module(
        f"components.{path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"
    )
    for component in vars(module).values():
        if not (isinstance(component, type) and issubclass(component, pulumi.ComponentResource)):
            continue
        if component.__module__ != module.__name__:
            continue
        self, name, *others = inspect.signature(component.__init__).parameters.values()
        assert (self.name, name.name, others[-1].name) == ("self", "name", "opts")
        assert all(other.kind is inspect.Parameter.KEYWORD_ONLY for other in others)
        gates = [field for field, kind in component.__annotations__.items() if kind is command.remote.Command]
        assert gates in ([], ["ready"]), component
