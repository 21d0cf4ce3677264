"""What nobody has proved about ConoHa is marked in the code, and has a check in the docs."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
PAGE = CHECKOUT / "docs" / "first-checks-on-conoha.md"

ROW = re.compile(r"^\| ([a-z0-9-]+) \| `([^`]+\.py)` \|", re.MULTILINE)
MARK = re.compile(r"UNCONFIRMED(?: \(([a-z0-9-]+)\))?")


def marks() -> set[tuple[str, str]]:
    """(name, file) of every mark in the project's own code."""
    parts = ("components", "conoha", "host", "keeper", "lab", "ops", "settings")
    files = [file for part in parts for file in (CHECKOUT / part).rglob("*.py")] + [*CHECKOUT.glob("*.py")]
    explains = CHECKOUT / "lab" / "conoha_rules" / "__init__.py"
    return {
        (name, str(file.relative_to(CHECKOUT)))
        for file in files
        if file != explains
        for name in MARK.findall(file.read_text())
    }


def test_every_mark_has_a_name() -> None:
    assert not [file for name, file in marks() if not name], "write `UNCONFIRMED (some-name): what is not known`"


def test_every_mark_has_a_check_and_every_check_its_mark() -> None:
    assert set(ROW.findall(PAGE.read_text())) == {(name, file) for name, file in marks() if name}


def test_an_assumption_stands_in_one_place() -> None:
    names = [name for name, _ in marks() if name]
    assert sorted(names) == sorted(set(names))
