"""Write the table of the rules in docs/guard.md: `python -m ops.guard.reference`. A test checks it."""

from pathlib import Path

from ops import OpsError
from ops.guard.rules import RULES

FILE = Path(__file__).parent.parent.parent / "docs" / "guard.md"

BEGIN = "<!-- Begin of the rules, made from ops/guard by `python -m ops.guard.reference`: change them there. -->"
END = "<!-- End of the rules. -->"

HEAD = """\
| word | what would happen | why it matters |
| --- | --- | --- |
"""


def table() -> str:
    """Return the rules as a table in Markdown, a row for each."""
    return HEAD + "".join(f"| `{rule.word}` | {rule.title} | {rule.reason} |\n" for rule in RULES)


def with_table(page: str) -> str:
    """Return the page with the table between its two marks. All else stays. Pure.

    Raises:
        OpsError: the page does not have both marks, in this order.
    """
    before, _, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not ended:
        raise OpsError(f"{FILE.name} lacks a mark of its table. Restore both lines:\n{BEGIN}\n{END}")
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


if __name__ == "__main__":
    FILE.write_text(with_table(FILE.read_text()))
