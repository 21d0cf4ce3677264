"""Return the errors of the models as problems, in our words and in the order of the settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from conoha import account, volumes
from settings.catalogue import NAMESPACE, Catalogue, Described, example_text, path_text
from settings.problems import Problem, nearest, one_of, shown
from settings.values.refusal import REFUSED


def problems(model: type[BaseModel], values: Mapping[str, object], catalogue: Catalogue) -> list[Problem]:
    """What `model` finds wrong with `values`, in the words of `catalogue`."""
    try:
        model.model_validate(values)
    except ValidationError as invalid:
        return [_problem(error, values, catalogue) for error in invalid.errors(include_url=False)]
    return []


def _path_in(values: Mapping[str, object], location: Sequence[str | int]) -> tuple[str | int, ...]:
    """Return pydantic's location without the tags of unions, which it writes between the keys of the file, and without
    the mark behind a key of a mapping."""
    if location[-1] == "[key]":
        location = location[:-1]
    path: list[str | int] = []
    found: object = values
    for position, key in enumerate(location):
        if isinstance(found, Mapping) and key not in found and position < len(location) - 1:
            continue
        path.append(key)
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, Sequence) and isinstance(key, int):
            found = found[key]
    return tuple(path)


_BLOCK = "a block of settings, indented under it"
_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": _BLOCK,
    "model_type": _BLOCK,
    "model_attributes_type": _BLOCK,  # what a union says
    "union_tag_invalid": _BLOCK,
    "union_tag_not_found": _BLOCK,
}
"""pydantic's names of wrong types. Its other errors are about values."""


def _problem(error: ErrorDetails, values: Mapping[str, object], catalogue: Catalogue) -> Problem:
    path, given = _path_in(values, error["loc"]), error["input"]
    context: dict[str, Any] = error.get("ctx") or {}
    known = _known(path, catalogue)
    setting = catalogue.get(known, _UNKNOWN)
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(path, catalogue)
        case kind if kind == REFUSED:
            remedy = context["remedy"].replace("{path}", path_text(path))
            return Problem(path_text(path), context["wrong"], context["why"], remedy)
        case "missing":
            return Problem(path_text(path), "is not set.", setting.description, _how_to_set(known, catalogue))
        case "literal_error":
            return _wrong_choice(path, setting, given)
        case "union_tag_invalid" | "union_tag_not_found" if isinstance(given, Mapping):
            tag = (*path, "source")
            return _wrong_choice(tag, catalogue[_known(tag, catalogue)], given.get("source"))
        case kind:
            hidden = setting.kind == "secret"
            if expected := _KINDS.get(kind):
                found = "something else (its text is not shown)" if hidden else _shown_kind(given)
                wrong = f"must be {expected}, and is {found}."
            else:
                found = "is not allowed (its text is not shown)" if hidden else f"is {shown(given)}"
                wrong = f"{found}. Allowed: {setting.allowed}."
            return Problem(path_text(path), wrong, setting.description, _how_to_set(known, catalogue, path[-1]))


_UNKNOWN = Described(
    "text", "", allowed="", source="", choices=(), example=None, required=False, default=None, inner=()
)


def _known(path: Sequence[str | int], catalogue: Catalogue) -> tuple[str, ...]:
    """Return the path of the setting at `path`, or of the list or mapping that has it."""
    keys = tuple(key for key in path if isinstance(key, str))
    return next((keys[:end] for end in range(len(keys), 0, -1) if keys[:end] in catalogue), keys)


def _shown_kind(value: object) -> str:
    """A value's type in the words of a YAML file, with the value."""
    match value:
        case None:
            return "empty"
        case bool():
            return f"the truth value {shown(value)}"
        case int() | float():
            return f"the number {shown(value)}"
        case str():
            return f"the text {shown(value)}"
        case Mapping():
            return "a block of settings"
        case _:
            return "a list"


def _wrong_choice(path: Sequence[str | int], setting: Described, given: object) -> Problem:
    wrong = "is not set." if given is None else f"is {shown(given)}, which is not one of its values."
    remedy = one_of(str(given), setting.choices, ", ".join(setting.choices))
    return Problem(path_text(path), wrong, setting.description, remedy)


def _how_to_set(path: Sequence[str], catalogue: Catalogue, at: str | int = "") -> str:
    """Return the way to set the setting at `path`; `at` is the key or the index that is wrong."""
    setting = catalogue.get(tuple(path), _UNKNOWN)
    if setting.kind == "secret":
        return "Run `toybox init --stack {stack}`, which stores it encrypted."
    if setting.inner:
        return f"Write a block with {', '.join(setting.inner)} indented under it; {_page(catalogue)} shows an example."
    key, example = path_text(path) if len(path) == 1 else path[-1], setting.example
    if isinstance(example, list):
        if isinstance(at, int):
            return f"Write each like this: - {example[0]}"
        return f"Write a list in the settings file, for example: {key}: {example_text(example)}"
    how = f"Copy it from {setting.source}" if setting.source else "Write it in the settings file"
    return f"{how}, for example: {key}: {example_text(example)}"


_CONSTANTS: Mapping[Sequence[str | int], str] = {
    ("openstack", "region"): f"ConoHa has one region, {account.REGION}.",
    ("openstack", "domainName"): f"All of ConoHa's accounts are in one Keystone domain, {account.DOMAIN}.",
    ("server", "bootVolume", "type"): f"ConoHa has one volume type for boot volumes, {volumes.BOOT.name}.",
    ("dataVolume", "type"): f"ConoHa has one volume type for additional volumes, {volumes.DATA.name}.",
}
"""Former settings that had one legal value, with the reason."""


def _unknown_key(path: Sequence[str | int], catalogue: Catalogue) -> Problem:
    if reason := _CONSTANTS.get(path):
        return Problem(
            path_text(path),
            "is no longer a setting.",
            f"{reason} TOYBOX uses it without a setting.",
            "Delete this line from the settings file.",
        )
    if tuple(path) in catalogue:
        return Problem(
            path_text(path),
            "is set, and does not go with the source beside it.",
            "One of the two was meant, and to guess which could cost the data.",
            "Remove it, or write the source that it belongs to.",
        )
    above = catalogue.get(_known(path[:-1], catalogue), _UNKNOWN).inner
    near = nearest(str(path[-1]), above or [key for key, *inner in catalogue if not inner])
    listed = f"Known there: {', '.join(above)}." if above else f"{_page(catalogue)} has all settings."
    return Problem(
        path_text(path),
        "is not a setting of TOYBOX.",
        "Were it passed over, the stack would be built without what you meant by it.",
        f"{f'Did you mean {near}?' if near else 'Remove it.'} {listed}",
    )


def _page(catalogue: Catalogue) -> str:
    return "docs/keeper-settings.md" if ("keeps",) in catalogue else "docs/settings.md"


def in_order(found: Sequence[Problem], catalogue: Catalogue) -> list[Problem]:
    """Return the problems in the order of the settings; keys that the catalogue does not have come last."""
    return sorted(found, key=lambda problem: _rank(problem, catalogue))


def _rank(problem: Problem, catalogue: Catalogue) -> int:
    if not problem.path.startswith(f"{NAMESPACE}:"):
        return -1
    keys = tuple(key.split("[")[0] for key in problem.path.removeprefix(f"{NAMESPACE}:").split("."))
    order = list(catalogue)
    known = next((keys[:length] for length in range(len(keys), 0, -1) if keys[:length] in catalogue), None)
    return order.index(known) if known else len(order)
