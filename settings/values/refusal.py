"""The refusal of a value, with its reason and its way out."""

from pydantic_core import PydanticCustomError

REFUSED = "refused"
"""The type of the errors that the checks raise, with `wrong`, `why` and `remedy` in their context.

In a remedy, `{path}` stands for the setting's path, which a check does not know.
"""


def refused(wrong: str, why: str, remedy: str) -> PydanticCustomError:
    """Return the error that a check raises."""
    return PydanticCustomError(REFUSED, "{wrong}", {"wrong": wrong, "why": why, "remedy": remedy})
