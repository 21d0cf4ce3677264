"""The table of docs/guard.md has the rules that the families declare, and the families use all of them."""

import inspect
import pkgutil
from importlib import import_module

import pytest

import ops.guard
from ops import OpsError
from ops.guard import rules
from ops.guard.finding import Rule
from ops.guard.reference import BEGIN, END, FILE, table, with_table
from tests.unit.ops.guard.edits import replace
from tests.unit.ops.guard.plans import LOSES, POSTGRES, Plan
from tests.unit.ops.guard.recordings import altered

STOPPED = (
    *LOSES.values(),
    Plan("another-operator", ()),
    Plan("no-change", (replace(POSTGRES, networkMode="host"),)),
)
"""Plans of which each rule stops one: those that lose data, and two that open a door."""


def test_the_table_is_current() -> None:
    assert FILE.read_text() == with_table(FILE.read_text()), "run: make docs"


def test_the_rest_of_the_page_stays() -> None:
    page = with_table(f"# The guard\n\n{BEGIN}\n\n| former |\n\n{END}\n\nMore.\n")
    assert page == f"# The guard\n\n{BEGIN}\n\n{table()}\n{END}\n\nMore.\n"


@pytest.mark.parametrize("page", ["", f"{BEGIN}\n", f"{END}\n", f"{END}\n{BEGIN}\n"], ids=repr)
def test_a_page_without_both_marks_is_not_written(page: str) -> None:
    with pytest.raises(OpsError, match="lacks"):
        with_table(page)


def test_each_rule_has_a_row() -> None:
    head, line, *rows = table().splitlines()
    assert head.count("|") == line.count("|") == 4
    assert [row.split(" | ")[0] for row in rows] == [f"| `{rule.word}`" for rule in rules.RULES]
    assert all(row.count("|") == 4 for row in rows)


def test_each_rule_says_its_change_and_one_reason_in_whole_sentences() -> None:
    for rule in rules.RULES:
        assert rule.title.endswith("."), rule
        assert rule.reason.endswith("."), rule
        assert rule.reason.count(". ") == 0, rule
        assert len(rule.reason.split()) <= 25, rule


def test_each_word_is_declared_once_by_a_family() -> None:
    modules = [import_module(f"ops.guard.{module.name}") for module in pkgutil.iter_modules(ops.guard.__path__)]
    declared = [rule for module in modules for rule in vars(module).values() if isinstance(rule, Rule)]
    assert sorted(rule.word for rule in declared) == sorted({rule.word for rule in rules.RULES})
    assert len(declared) == sum(inspect.getsource(module).count(" Rule(") for module in modules), "all at the top level"


def test_the_families_use_each_rule_that_they_declare_and_no_other() -> None:
    used = {finding.rule for plan in STOPPED for finding in rules.findings(altered(plan.recording, *plan.edits))}
    assert {rule.word for rule in used} == {rule.word for rule in rules.RULES}
    assert used == set(rules.RULES)
