"""A preview tells of an unfit host and goes on; an update stops where people must decide."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.host.condition import Verdict, report, seen
from host.ssh import NoAnswerError

FOR_PEOPLE = Verdict("new", "two daemons", for_people=True)


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


@pytest.mark.parametrize("verdict", [FOR_PEOPLE, Verdict("new", "no answer", answered=False)])
def test_a_preview_works_whatever_the_server_says_or_does_not_say(
    verdict: Verdict, warned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assert report(verdict) == verdict
    assert warned == [verdict.problem]


def test_an_update_says_it_once(warned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(pulumi.RunError, match="two daemons\nNothing on it was changed"):
        report(FOR_PEOPLE)
    mended = Verdict("new", "a file is gone")
    assert report(mended) == mended
    assert not warned


def test_a_server_that_does_not_answer_gets_a_token_that_no_state_has() -> None:
    """With the old one nothing would differ, and the update would end well without it."""

    def ask(config: str, address: str) -> Mapping[str, Any]:
        raise NoAnswerError("No route to host")

    verdict = seen(ask, "config", "198.51.100.7")
    assert not verdict.answered
    assert verdict.token
    assert "No route to host" in verdict.problem
