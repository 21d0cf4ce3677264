"""What `pulumi preview --json --show-sames` says, as typed values; or the reason why it says too little to judge by.

Found out from the real engine (Pulumi 3.259, recordings in tests/unit/ops/guard/recorded):

- A resource that is replaced is one step `replace`; the engine's own three steps for it are not printed.
- An option that is taken away (`protect`, `retainOnDelete`) is no change to the engine: the step is a `same`, its two
  states differ, and without `--show-sames` it is not printed at all. `pulumi preview` in plain words is silent, too.
- With `--refresh` each resource has a step `refresh` more, printed before the answer is known: its two states are
  equal even if the thing is gone. What is gone shows as a `create` after it.
- A preview that breaks off, because something is protected or the program refuses its settings, still is whole JSON
  with steps; only `diagnostics` tell, and the exit code.
- Secrets stand as "[secret]", unless the preview was made with `--show-secrets`.
- A text that is not known before the update is UNKNOWN.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from ops import OpsError
from settings import SECRETS

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes a text that it does not know yet (pulumi, sdk/go/common/resource/plugin/rpc.go)."""

STAYING = {"same", "update", "read", "refresh", "import"}
MAKING = {"create"}
REPLACING = {
    "replace", "create-replacement", "delete-replaced", "read-replacement", "import-replacement", "discard-replaced",
}  # fmt: skip
REMOVING = {"delete", "discard"}
KNOWN = STAYING | MAKING | REPLACING | REMOVING | {"remove-pending-replace"}
"""The engine's words (pulumi, pkg/resource/deploy/step.go), by what they do to the thing itself."""

COMMAND = "pulumi preview --json --show-sames"


class PreviewError(OpsError):
    """There is no preview to judge by: the guard does not pass what it cannot see."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(
            f"The preview {wrong}\n"
            "    Why:     Nothing can be said of the data without a whole preview, so the guard does not pass.\n"
            f"    Way out: {remedy}"
        )


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True)


class State(_Read):
    """One side of a step: what a resource is, or would be."""

    type: str
    id: str = ""
    protect: bool = False
    retain_on_delete: bool = False
    provider: str = ""
    inputs: Mapping[str, Any] = Field(default_factory=dict)
    property_dependencies: Mapping[str, tuple[str, ...] | None] = Field(default_factory=dict)


class Step(_Read):
    """What would be done with one resource."""

    op: str
    urn: str
    old_state: State | None = None
    new_state: State | None = None
    replace_reasons: tuple[str, ...] | None = None
    diff_reasons: tuple[str, ...] | None = None


class Diagnostic(_Read):
    """What the engine, a provider or the program said."""

    severity: str
    message: str = ""
    urn: str = ""


class _Printed(_Read):
    config: Mapping[str, Any] = Field(default_factory=dict)
    steps: tuple[Step, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    change_summary: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Change:
    """A preview's report on one resource, with all of its steps.

    Attributes:
        ops: the engine's names of the steps, without `refresh`.
        old: the present state; None if the stack does not have it.
        new: the state afterwards; None if the stack would not have it.
        reasons: the inputs that force its replacement; empty if something else forces it.
        remembered: the state before a refresh; None without one.
        differs: the inputs that differ by the engine's report. Of secret inputs only the engine can tell.
    """

    urn: str
    ops: frozenset[str]
    old: State | None
    new: State | None
    reasons: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    remembered: State | None = None

    @property
    def before(self) -> State | None:
        """Return its present state, or the one before a refresh that did not find it."""
        return self.old or self.remembered

    @property
    def was_refreshed(self) -> bool:
        """Return whether a refresh asked the cloud or the server for it."""
        return self.remembered is not None

    @property
    def name(self) -> str:
        """The logical name, as the program has it."""
        return self.urn.rpartition("::")[2]

    @property
    def type(self) -> str:
        """The type token."""
        return self.qualified_type.rpartition("$")[2]

    @property
    def qualified_type(self) -> str:
        """The type token behind those of the components it is in: `toybox:data:DataVolume$openstack:...`."""
        return self.urn.split("::")[2]

    @property
    def made(self) -> bool:
        """It would be made, and nothing is there before."""
        return bool(self.ops & MAKING)

    @property
    def replaced(self) -> bool:
        """Another one would take its place."""
        return bool(self.ops & REPLACING)

    @property
    def removed(self) -> bool:
        """It would be taken away, or out of the state; also one that an interrupted update left to be deleted."""
        return bool(self.ops & REMOVING)

    @property
    def stays(self) -> bool:
        """Return whether the update leaves the same resource in place."""
        return self.old is not None and self.new is not None and not (self.made or self.replaced or self.removed)

    @property
    def leaves(self) -> bool:
        """Return whether the present resource would not be there afterwards."""
        return self.old is not None and (self.removed or self.replaced)

    @property
    def because(self) -> str:
        """Return why it is replaced, as a part of a sentence; empty if something else forces it."""
        return f" because of a change of {', '.join(self.reasons)}" if self.reasons else ""

    def changed_inputs(self) -> tuple[str, ...]:
        """Return the names of the inputs that would change, if both sides are known. The engine's own inputs are left
        out."""
        if self.old is None or self.new is None:
            return ()
        before, after = self.old.inputs, self.new.inputs
        names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        names |= {re.split(r"[.\[]", reason)[0] for reason in (*self.differs, *self.reasons)}
        return tuple(sorted(name for name in names if not name.startswith("__")))

    @property
    def is_component(self) -> bool:
        """It only groups others."""
        return self.type.startswith(("toybox:", "pulumi:pulumi:"))

    @property
    def touched(self) -> bool:
        """Anything at all would be done with it."""
        return bool(self.ops - {"same"})


@dataclass(frozen=True)
class Preview:
    """A whole preview of one stack.

    Attributes:
        errors: why it broke off; empty if it did not. What it says until then is still true.
        settings: the stack's settings as the engine printed them, lists and blocks parsed, without the secrets.
    """

    stack: str
    changes: tuple[Change, ...]
    errors: tuple[str, ...]
    settings: Mapping[str, Any]

    @property
    def is_new(self) -> bool:
        """The stack has nothing yet: its first update, or its state is lost."""
        return all(change.old is None for change in self.changes)

    def of_type(self, *types: str) -> Iterator[Change]:
        """The resources of these types, whatever component they are in."""
        return (change for change in self.changes if change.type in types)


def read(text: str, said: str = "", *, ended_well: bool = True) -> Preview:
    """The preview that `text` holds. `said` is what Pulumi printed beside it, for the message if there is none;
    `ended_well` is false if its exit code was not 0, which makes a failure of a preview that names none.

    Raises PreviewError.
    """
    printed = _parsed(text, said.strip())
    secrets = secret_values(printed.config)
    errors = _errors(printed, secrets)
    if not errors and not ended_well:
        errors = (redacted(said.strip(), secrets) or "nothing, but it ended with an error.",)
    if not errors:
        _check_whole(printed)
    stacks = {step.urn.split("::")[0].removeprefix("urn:pulumi:") for step in printed.steps}
    if len(stacks) != 1:
        raise PreviewError(
            "is of no stack." if not stacks else f"is of several stacks: {', '.join(sorted(stacks))}.",
            "; ".join(errors) or f"Make it again: `{COMMAND}`.",
        )
    return Preview(stacks.pop(), _changes(printed.steps), errors, _settings(printed.config))


def _parsed(text: str, said: str) -> _Printed:
    again = f"Make it again: `{COMMAND}`." + (f" Pulumi said:\n{said}" if said else "")
    if not text.strip():
        raise PreviewError("is empty.", again)
    try:
        found = json.loads(text)
    except ValueError:
        cut = text.lstrip().startswith("{")
        raise PreviewError("is cut off or damaged." if cut else "is not JSON.", again) from None
    if not isinstance(found, dict) or not isinstance(found.get("steps") or [], list):
        raise PreviewError("is JSON, but not a preview.", again)
    # The engine prints null for no steps.
    found = {**found, "steps": found.get("steps") or []}
    try:
        return _Printed.model_validate(found)
    except ValidationError as invalid:
        where = ", ".join(".".join(map(str, error["loc"])) for error in invalid.errors(include_url=False)[:3])
        raise PreviewError(f"is JSON, but not a preview: {where} is not as Pulumi writes it.", again) from None


def _errors(printed: _Printed, secrets: tuple[str, ...]) -> tuple[str, ...]:
    """What the engine called an error. "preview failed" is its summary of the others, and said only if alone."""
    found = [
        redacted(each.message.strip().removeprefix("error: "), secrets)
        for each in printed.diagnostics
        if each.severity == "error"
    ]
    return tuple([error for error in found if error != "preview failed"] or found)


def _check_whole(printed: _Printed) -> None:
    """Refuse a preview that leaves something out, or that says what nobody here has ever heard."""
    if printed.change_summary is None:
        raise PreviewError("has no summary: Pulumi did not finish it.", f"Make it again: `{COMMAND}`.")
    ops = Counter(step.op for step in printed.steps)
    if printed.change_summary.get("same", 0) > ops["same"]:
        raise PreviewError(
            "leaves out the resources that stay the same.",
            f"Make it with `{COMMAND}`: that a disk is no longer protected is no change to Pulumi, and shows only "
            "among those.",
        )
    missing = {op for op, count in printed.change_summary.items() if count and not ops[op]}
    if missing:
        raise PreviewError(
            f"counts steps that are not in it ({', '.join(sorted(missing))}).", f"Make it again: `{COMMAND}`."
        )
    if unknown := sorted(set(ops) - KNOWN):
        raise PreviewError(
            f"has steps that the guard does not know: {', '.join(unknown)}.",
            "Look at them by hand, and teach ops/guard/preview.py what they do.",
        )
    if ops and set(ops) == {"refresh"}:
        raise PreviewError(
            "is one of a refresh, not of an update.", f"Make it with `{COMMAND} --refresh`, which shows both."
        )


def _changes(steps: tuple[Step, ...]) -> tuple[Change, ...]:
    by_urn: dict[str, list[Step]] = {}
    for step in steps:
        by_urn.setdefault(step.urn, []).append(step)
    found = []
    for urn, all_steps in sorted(by_urn.items()):
        # What is removed beside what stays is an older one of the same name: the states that count are the other's.
        planned = sorted((step for step in all_steps if step.op != "refresh"), key=lambda step: step.op in REMOVING)
        reasons = [reason for step in planned for reason in step.replace_reasons or ()]
        found.append(
            Change(
                urn=urn,
                ops=frozenset(step.op for step in planned),
                old=next((step.old_state for step in planned if step.old_state), None),
                new=next((step.new_state for step in planned if step.new_state), None),
                reasons=tuple(dict.fromkeys(reasons)),
                differs=tuple(dict.fromkeys(reason for step in planned for reason in step.diff_reasons or ())),
                remembered=next((step.old_state for step in all_steps if step.op == "refresh"), None),
            )
        )
    return tuple(found)


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The project's settings without the secrets. Pulumi prints lists and blocks as JSON in a text."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        name = key.removeprefix("toybox:")
        if key.startswith("toybox:") and (name,) not in SECRETS:
            try:
                found[name] = json.loads(value)
            except (TypeError, ValueError):
                found[name] = value
    return found


def secret_values(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The secrets that stand in the preview's settings in plain text, as with `--show-secrets`; longest first."""
    found = {str(config.get(f"toybox:{key}", "")) for (key,) in SECRETS}
    return tuple(sorted((value for value in found if len(value) >= 8 and value != "[secret]"), key=len, reverse=True))


def redacted(text: str, secrets: tuple[str, ...]) -> str:
    """`text` without the secrets."""
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    return text
