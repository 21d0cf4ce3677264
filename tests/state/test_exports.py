"""Copies of the state. How one is put back: test_documented_commands.py."""

import json

from tests.state.conftest import Project

PROD = ("--stack", "prod")


def test_copies_are_listed_with_what_they_hold_and_none_is_put_back_without_consent(stack: Project) -> None:
    done = stack.toybox("state", "export", *PROD, GITHUB_SHA="c0ffee" + "0" * 34)
    assert done.returncode == 0, done.stdout
    (only,) = json.loads(stack.toybox("state", "exports", *PROD, "--json").stdout)
    assert (only["resources"], only["commit"]) == ("0", "c0ffee" + "0" * 34)
    assert only["bytes"] > 100

    unasked = stack.toybox("state", "import", only["version"][:12], *PROD)
    assert unasked.returncode == 1
    assert "That was not 'prod'. Nothing was changed." in unasked.stdout
