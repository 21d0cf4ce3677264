"""The base of the models, and the settings that they describe, for messages and docs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

NAMESPACE = "toybox"


class Model(BaseModel):
    """What every block of settings is: frozen, strict, and without room for an unknown key."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        hide_input_in_errors=True,
    )


def allowed(values: str, source: str = "") -> JsonDict:
    """Return which values a setting takes, and where to copy one from, for messages and docs. Choices (Literal) need no
    words of their own."""
    return {"allowed": values, "source": source}


Kind = Literal["text", "whole number", "truth value", "list", "mapping", "block", "secret"]
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Described:
    """What the models say about one setting."""

    kind: Kind
    description: str
    allowed: str
    """Which values, in words; empty for a block."""
    source: str
    """Where to copy the value from, if it has one source."""
    choices: tuple[str, ...]
    """Which values, if they can be listed."""
    example: object
    required: bool
    default: object
    inner: tuple[str, ...]
    """The keys of a block."""


Catalogue = Mapping[tuple[str, ...], Described]
"""Settings by their path of keys, a block before what is in it."""


@cache
def describe(model: type[BaseModel]) -> Catalogue:
    """Return all settings of `model`, from its JSON schema."""
    schema = model.model_json_schema()
    return dict(_settings([schema], schema.get("$defs", {}), ()))


def _settings(
    blocks: Sequence[Schema], definitions: Schema, above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Described]]:
    """Yield the settings of a block. The members of a union count as one block, with all their keys and choices."""
    for key in dict.fromkeys(key for block in blocks for key in block["properties"]):
        fields = [block["properties"][key] for block in blocks if key in block["properties"]]
        members = [member for field in fields for member in _members(field, definitions)]
        first = {**members[0], **fields[0]}
        inner = [member for member in members if "properties" in member]
        yield (
            (*above, key),
            Described(
                kind=_kind(members[0]),
                description=first.get("description", ""),
                allowed=first.get("allowed", ""),
                source=first.get("source", ""),
                choices=tuple(choice for member in members for choice in _choices(member)),
                example=first.get("examples", [None])[0],
                required=all(key in block.get("required", ()) for block in blocks),
                default=first.get("default"),
                inner=tuple(dict.fromkeys(deeper for member in inner for deeper in member["properties"])),
            ),
        )
        yield from _settings(inner, definitions, (*above, key))


def _members(field: Schema, definitions: Schema) -> list[Schema]:
    """Return the schemas of what a field may be, without null and with references followed."""
    members = field.get("anyOf") or field.get("oneOf") or [field]
    found = [definitions[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in members]
    return [each for each in found if each.get("type") != "null"]


def _kind(member: Schema) -> Kind:
    if "properties" in member:
        return "block"
    if member.get("writeOnly"):
        return "secret"
    kinds: Mapping[object, Kind] = {
        "integer": "whole number",
        "boolean": "truth value",
        "array": "list",
        "object": "mapping",
    }
    return kinds.get(member.get("type"), "text")


def _choices(member: Schema) -> Sequence[str]:
    return member.get("enum") or ([member["const"]] if "const" in member else [])


def example_text(example: object) -> str:
    """Return an example as YAML has it on one line."""
    match example:
        case list():
            return f"[{', '.join(map(str, example))}]"
        case dict():
            return f"{{{', '.join(f'{key}: {value}' for key, value in example.items())}}}"
        case bool():
            return "true" if example else "false"
        case _:
            return str(example)


def path_text(path: Sequence[str | int]) -> str:
    """`toybox:operators[0]`, `toybox:server.bootVolume.size`: as `pulumi config set --path` takes it."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return f"{NAMESPACE}:{text.removeprefix('.')}"
