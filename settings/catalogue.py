"""The base of the models, and the settings that they describe, for messages and docs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, SecretStr
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


def allowed(values: str) -> JsonDict:
    """Return which values a setting takes, for the docs. Choices (Literal) need no words of their own."""
    return {"allowed": values}


Kind = Literal["text", "whole number", "list", "block", "secret"]


@dataclass(frozen=True)
class Described:
    """What the models say about one setting."""

    kind: Kind
    description: str
    allowed: str
    """Which values, in words; empty for a block."""
    choices: tuple[str, ...]
    """Which values, if they can be listed."""
    example: object
    required: bool
    inner: tuple[str, ...]
    """The keys of a block."""


Catalogue = Mapping[tuple[str, ...], Described]
"""Settings by their path of keys, a block before what is in it."""


@cache
def describe(model: type[BaseModel], above: tuple[str, ...] = ()) -> Catalogue:
    """All settings of `model`. The members of a union count as one block, with all their keys and choices."""
    found: dict[tuple[str, ...], Described] = {}
    for name, info in model.model_fields.items():
        path = (*above, info.alias or name)
        types = _types(info.annotation)
        inner = _merged([describe(block, path) for block in types if issubclass(block, BaseModel)])
        choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
        extra = info.json_schema_extra
        found[path] = Described(
            kind="block" if inner else _KIND_OF.get(types[0], "text"),
            description=info.description or "",
            allowed=str(extra.get("allowed", "")) if isinstance(extra, dict) else "",
            choices=choices,
            example=info.examples[0] if info.examples else None,
            required=info.is_required(),
            inner=tuple(deeper[-1] for deeper in inner if len(deeper) == len(path) + 1),
        )
        found.update(inner)
    return found


def _merged(blocks: Sequence[Catalogue]) -> dict[tuple[str, ...], Described]:
    """The settings of alternative blocks as those of one; required is what all of them require."""
    merged: dict[tuple[str, ...], Described] = {}
    for path in dict.fromkeys(path for block in blocks for path in block):
        first, *others = [block[path] for block in blocks if path in block]
        merged[path] = replace(
            first,
            choices=(*first.choices, *(choice for other in others for choice in other.choices)),
            required=first.required and 1 + len(others) == len(blocks),
        )
    return merged


_KIND_OF: Mapping[type, Kind] = {int: "whole number", tuple: "list", SecretStr: "secret"}


def _types(annotation: Any) -> list[type]:
    """The classes that an annotation allows, without None and without what Annotated adds."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return [each for member in get_args(annotation) for each in _types(member) if each is not NoneType]
    if origin is Annotated:
        return _types(get_args(annotation)[0])
    return [str if origin is Literal else origin or annotation]


def path_text(path: Sequence[str | int]) -> str:
    """`toybox:operators[0]`, `toybox:server.bootVolume.size`: as `pulumi config set --path` takes it."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return f"{NAMESPACE}:{text.removeprefix('.')}"
