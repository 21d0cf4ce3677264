"""Copies of the state. How one is put back: test_documented_commands.py."""

import json
from typing import Any

from tests.state.conftest import Project


def exports(stack: Project) -> list[dict[str, Any]]:
    done = stack.toybox("state", "exports", "--stack", "prod", "--json")
    assert done.returncode == 0, done.stdout
    return list(json.loads(done.stdout))


def names(stack: Project) -> set[str]:
    """The resources that the state knows, by logical name."""
    state = json.loads(stack.pulumi("stack", "export", "--stack", "prod").stdout)
    return {each["urn"].split("::")[-1] for each in state["deployment"]["resources"] if "Command" in each["type"]}


def test_a_copy_says_how_much_it_holds_and_of_which_commit_it_is(stack: Project) -> None:
    stack.up()
    assert exports(stack) == []
    done = stack.toybox("state", "export", "--stack", "prod", GITHUB_SHA="c0ffee" + "0" * 34)
    assert done.returncode == 0, done.stdout
    (only,) = exports(stack)
    assert only["resources"] == "1"
    assert only["commit"] == "c0ffee" + "0" * 34
    assert only["bytes"] > 100


def test_nothing_is_put_back_that_is_not_there_or_that_nobody_consents_to(stack: Project) -> None:
    nothing = stack.toybox("state", "get", "3f2a", "--stack", "prod")
    assert nothing.returncode == 1
    assert "There is no exported state of prod in the bucket" in nothing.stdout
    assert stack.toybox("state", "export", "--stack", "prod").returncode == 0
    wrong = stack.toybox("state", "get", "nosuchversion", "--stack", "prod")
    assert wrong.returncode == 1
    assert "There is no version 'nosuchversion'" in wrong.stdout
    assert "`toybox state exports --stack prod` lists them" in wrong.stdout
    (only,) = exports(stack)
    unasked = stack.toybox("state", "import", only["version"][:12], "--stack", "prod")
    assert unasked.returncode == 1
    assert "Nothing was changed: this asks for consent in a terminal" in unasked.stdout
    assert len(exports(stack)) == 1
