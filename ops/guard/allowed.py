"""Read guard-exceptions.yaml, the changes that may happen all the same. A pull request that needs one adds its entry.

An entry names one resource and one action, gives the reason, and ends by itself. judgement.py applies it.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from ops import OpsError
from ops.guard.finding import Finding
from ops.guard.rules import RULES
from settings.problems import Problem, one_of, shown

FILE = "guard-exceptions.yaml"
"""In the root of the repository."""

LONGEST = timedelta(days=14)
"""The longest time that an entry may be valid: enough for a review, an approval and one failed deployment. If you still
need it then, the change is no longer the one that the pull request explained."""

WHY = "The guard passes only what somebody wrote down, with a reason and an end."
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _day(value: object) -> object:
    """A date as YAML or a person writes it; a time of the day would be read in somebody's time zone."""
    if isinstance(value, str):
        return date.fromisoformat(value)
    if isinstance(value, datetime):
        raise ValueError("a time of the day")
    return value


ACTIONS = tuple(rule.word for rule in RULES)


def _known(action: str) -> str:
    if action not in ACTIONS:
        raise ValueError("no word of a rule")
    return action


class Entry(BaseModel):
    """One exception."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    stack: Text = Field(description="The stack it is for: prod, staging ...")
    resource: Text = Field(description="The resource's name as the guard prints it, or its whole URN.")
    action: Annotated[str, AfterValidator(_known)] = Field(description="What may happen, in the guard's word for it.")
    reason: Annotated[Text, StringConstraints(min_length=10)] = Field(
        description="Why, for whoever reads it next year."
    )
    expires: Annotated[date, BeforeValidator(_day)] = Field(description="The last day on which it counts (UTC).")

    @model_validator(mode="after")
    def _urn_of_the_stack(self) -> "Entry":
        if self.resource.startswith("urn:") and not self.resource.startswith(f"urn:pulumi:{self.stack}::"):
            raise ValueError("resource is of another stack than `stack` says")
        return self

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding."""
        stack = finding.urn.split("::")[0].removeprefix("urn:pulumi:")
        return stack == self.stack and self.action == finding.action and self.resource in (finding.urn, finding.name)

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return today > self.expires


class Entries(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    exceptions: Annotated[list[Entry], Field(description="None: [].")]


class ExceptionsError(OpsError):
    """The file cannot be used. Its text lists all problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n\n".join([f"{FILE} has {count}, so the guard does not pass.", *map(str, problems)]))


def read(file: Path) -> tuple[Entry, ...]:
    """The entries of the file; none if there is no file. Raises ExceptionsError."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise ExceptionsError([_unreadable(str(error))]) from None
    return parse(text)


def parse(text: str) -> tuple[Entry, ...]:
    """The entries of a file with this text. Pure. Raises ExceptionsError with every problem that there is."""
    import yaml

    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ExceptionsError([_unreadable(" ".join(str(error).split()))]) from None
    if document is None:
        return ()
    try:
        return tuple(Entries.model_validate(document).exceptions)
    except ValidationError as invalid:
        raise ExceptionsError([_problem(dict(error)) for error in invalid.errors(include_url=False)]) from None


def _unreadable(reason: str) -> Problem:
    return Problem(FILE, f"cannot be read: {reason}", WHY, f"Write it as docs/guard.md shows. {REMEDY}")


REMEDY = "An entry has the keys stack, resource, action, reason and expires, below `exceptions:`."


def _problem(error: dict[str, Any]) -> Problem:
    location = [part for part in error["loc"] if part != "function-before[_day(), date]"]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
    where = f"{FILE}: {path}" if path else FILE
    given = shown(error.get("input"))
    match (error["type"], location[-1] if location else ""):
        case ("missing", _):
            return Problem(where, "is missing.", WHY, REMEDY)
        case ("extra_forbidden", _):
            return Problem(where, "is a key that nobody knows.", WHY, REMEDY)
        case (_, "expires"):
            remedy = "Write the last day on which it counts, such as 2026-12-01."
            return Problem(where, f"is {given}, which is no date.", "An exception without an end is a rule.", remedy)
        case (_, "action"):
            remedy = one_of(str(error["input"]), ACTIONS, ", ".join(ACTIONS))
            return Problem(where, f"is {given}, which the guard does not do.", WHY, remedy)
        case (_, "reason"):
            return Problem(
                where, f"is {given}, which is no reason.", WHY, "Say why in a sentence, for next year's reader."
            )
        case ("value_error", _):
            return Problem(
                where, f"is wrong: {error['msg'].removeprefix('Value error, ')}.", WHY, "Make both the same stack."
            )
        case _:
            return Problem(where, f"is {given}, which cannot be.", WHY, REMEDY)


def refuse_wrong_ends(entries: Sequence[Entry], stack: str, today: date) -> None:
    """Raise ExceptionsError if an entry of this stack has expired, or ends later than LONGEST from now. Pure.

    An expired entry is no longer needed, or needs another review. One that ends too late would be a rule.
    """
    problems = [
        problem
        for number, entry in enumerate(entries)
        if entry.stack == stack and (problem := _wrong_end(number, entry, today))
    ]
    if problems:
        raise ExceptionsError(problems)


def _wrong_end(number: int, entry: Entry, today: date) -> Problem | None:
    """Return the problem of an entry's last day; None if it has none."""
    where = f"{FILE}: exceptions[{number}].expires"
    what = f"{entry.action} of {entry.resource} in {entry.stack}"
    if entry.expired(today):
        return Problem(
            where,
            f"is {entry.expires}, which is over: {what}.",
            "What was allowed for a while is not allowed for ever.",
            "Take the entry out if it has done its work; if not, give it a new date and a reason.",
        )
    if entry.expires - today > LONGEST:
        return Problem(
            where,
            f"is {entry.expires}, more than {LONGEST.days} days ahead: {what}.",
            "An exception that outlives its pull request lets the next mistake pass, which nobody argued for.",
            f"Write {today + LONGEST} at the latest; give it a new date and a reason if that is not enough.",
        )
    return None
