"""The plugins of toolchain/ and the Python SDKs that pip installs speak of the same resources and properties.

The Go tests write down what the plugins know (names.json beside each plugin); here it is held against the SDKs, both
ways: a property that only one side has is silently lost on its way, in preview as in deployment.
"""

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pulumi
import pytest
from pulumi import _types as sdk_types

TOOLCHAIN = Path(__file__).parents[3] / "toolchain"

# Where the SDKs keep what TOYBOX uses, and which resources are not to be had from modules: they are native code of the
# official plugin.
SDKS = {
    "openstack": [
        "pulumi_openstack.blockstorage",
        "pulumi_openstack.compute",
        "pulumi_openstack.images",
        "pulumi_openstack.networking",
    ],
    "docker": ["pulumi_docker"],
    "command": ["pulumi_command.local", "pulumi_command.remote"],
}
NATIVE = {"docker:index/image:Image", "command:remote:CopyFile"}

Names = dict[str, Any]


def submodules(name: str) -> Iterator[ModuleType]:
    package = importlib.import_module(name)
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg and not module.name.startswith("_"):
            yield importlib.import_module(f"{name}.{module.name}")


def token(resource: type) -> str:
    """The type token that the SDK's decorator leaves on a resource."""
    return str(vars(resource)["pulumi_type"])


def resources(plugin: str) -> dict[str, type]:
    """The SDK's resources by type token."""
    return {
        token(member): member
        for package in SDKS[plugin]
        for module in submodules(package)
        for member in vars(module).values()
        if inspect.isclass(member)
        and issubclass(member, pulumi.CustomResource)
        and not issubclass(member, pulumi.ProviderResource)
        and member.__module__ == module.__name__
        and token(member) not in NATIVE
    }


def functions(plugin: str) -> dict[str, type]:
    """The result types of the SDK's functions, by token."""
    found = {}
    for package in SDKS[plugin]:
        for module in submodules(package):
            source = inspect.getsource(module)
            for name, result in re.findall(r"runtime\.invoke\('([^']+)'.*?, typ=(\w+)\)", source):
                found[name] = getattr(module, result)
    return found


def nested(annotation: Any, kind: str) -> Names | None:
    """The names below a property, if an object, or a list or map of objects, is held by it."""
    if inspect.isclass(annotation):
        if kind == "inputs" and sdk_types.is_input_type(annotation):
            return inputs(annotation)
        if kind == "outputs" and sdk_types.is_output_type(annotation):
            return outputs(annotation)
    for part in get_args(annotation):
        if (names := nested(part, kind)) is not None:
            return names
    return None


def inputs(arguments: type) -> Names:
    return {name: nested(kind, "inputs") for name, kind in sdk_types.input_type_types(arguments).items()}


def outputs(result: type) -> Names:
    return {name: nested(kind, "outputs") for name, kind in sdk_types.output_type_types(result).items()}


def arguments_of(resource: type) -> type:
    module = importlib.import_module(resource.__module__)
    found: type = getattr(module, f"{resource.__name__}Args", None) or getattr(module, f"{resource.__name__}InitArgs")
    return found


def resource_names(resource: type) -> dict[str, Names]:
    held = sdk_types.resource_types(resource)
    return {
        "inputs": inputs(arguments_of(resource)),
        "outputs": {name: nested(kind, "outputs") for name, kind in held.items() if name not in ("id", "urn")},
    }


def described(plugin: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((TOOLCHAIN / f"pulumi-resource-{plugin}" / "names.json").read_text())
    return content


@pytest.mark.parametrize("plugin", SDKS)
def test_every_resource_of_the_sdk_is_in_the_plugin_and_none_besides(plugin: str) -> None:
    assert set(described(plugin)["resources"]) == set(resources(plugin))


@pytest.mark.parametrize("plugin", SDKS)
def test_resources_have_the_inputs_and_outputs_of_the_sdk(plugin: str) -> None:
    expected = {token: resource_names(resource) for token, resource in resources(plugin).items()}
    actual = described(plugin)["resources"]
    for member in actual.values():
        # Every resource has an id of its own; that the provider lists it as a property makes no difference.
        member["outputs"].pop("id", None)
    assert actual == expected


@pytest.mark.parametrize("plugin", ["openstack", "docker"])
def test_functions_have_the_results_of_the_sdk(plugin: str) -> None:
    expected = {token: set(outputs(result)) - {"id"} for token, result in functions(plugin).items()}
    actual = {token: set(member["outputs"]) - {"id"} for token, member in described(plugin)["functions"].items()}
    assert actual == expected


@pytest.mark.parametrize("plugin", ["openstack", "docker"])
def test_providers_take_the_configuration_of_the_sdk(plugin: str) -> None:
    provider = importlib.import_module(f"pulumi_{plugin}.provider")
    assert set(described(plugin)["config"]) == set(inputs(provider.ProviderArgs))
