"""`toybox init` adds what is missing and touches nothing else, however often and from whatever state it is run."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import settings
from ops import init
from ops.init import MAKERS, Stored, complete, missing
from settings.problems import SettingsError

EVERY_SECRET = [key for (key,) in settings.SECRETS]
PASSWORD = "Canary-password1"


class FakeStack:
    """A stack in memory. `breaks_after` makes the storing of a later secret fail, as a killed `pulumi` does."""

    name = "prod"

    def __init__(self, stored: Mapping[str, Stored] | None = None, breaks_after: int = 99) -> None:
        self.stored = dict(stored or {})
        self.secrets: dict[str, str] = {}
        self.breaks_after = breaks_after

    def settings(self) -> Mapping[str, Stored]:
        return dict(self.stored)

    def store_secret(self, key: str, value: str) -> None:
        if len(self.secrets) >= self.breaks_after:
            raise KeyboardInterrupt
        assert key not in self.stored, "a secret is overwritten"
        self.secrets[key] = value
        self.stored[key] = Stored(None, encrypted=True)


def with_access(access: str, *present: str) -> dict[str, Stored]:
    secrets = {f"toybox:{key}": Stored(None, encrypted=True) for key in present}
    return {"toybox:access": Stored(access, encrypted=False), **secrets}


def answer() -> str:
    return PASSWORD


def nobody() -> str:
    raise AssertionError("nobody is to be asked")


def silently(_: str) -> None:
    pass


def test_everything_is_made_for_a_new_stack() -> None:
    stack = FakeStack(with_access("password"))
    told: list[str] = []
    assert list(complete(stack, answer, told.append)) == EVERY_SECRET == told
    assert stack.secrets["toybox:openstackPassword"] == PASSWORD
    assert {*MAKERS, init.ASKED} == set(EVERY_SECRET)


def test_a_public_stack_gets_no_access_password() -> None:
    for stored in ({}, with_access("public")):
        assert "accessPassword" not in missing(stored)


def test_what_is_made_passes_the_checks_of_the_settings() -> None:
    stack = FakeStack(with_access("password"))
    complete(stack, answer, silently)
    values = {key.removeprefix("toybox:"): value for key, value in stack.secrets.items()}
    with pytest.raises(SettingsError) as caught:
        settings.parse("prod", values, set(values), {})
    complaints = [each.path for each in caught.value.problems]
    assert not [path for path in complaints if path.removeprefix("toybox:") in EVERY_SECRET]


def test_two_stacks_have_nothing_in_common() -> None:
    one, other = FakeStack(with_access("password")), FakeStack(with_access("password"))
    complete(one, answer, silently)
    complete(other, answer, silently)
    made = [*one.secrets.values(), *other.secrets.values()]
    assert len(set(made) - {PASSWORD}) == 2 * len(MAKERS)


def test_the_second_run_asks_nobody_and_changes_nothing() -> None:
    stack = FakeStack(with_access("password"))
    complete(stack, answer, silently)
    before = dict(stack.secrets)
    assert complete(stack, nobody, silently) == ()
    assert stack.secrets == before


@given(st.sets(st.sampled_from(EVERY_SECRET)))
def test_exactly_what_is_missing_is_made(present: set[str]) -> None:
    stack = FakeStack(with_access("password", *present))
    assert set(complete(stack, answer, silently)) == set(EVERY_SECRET) - present
    assert set(stack.secrets) == {f"toybox:{key}" for key in EVERY_SECRET if key not in present}


@given(st.integers(min_value=0, max_value=len(EVERY_SECRET) - 1))
@examples(deadline=None)
def test_an_interrupted_run_is_completed_by_the_next_one(after: int) -> None:
    stack = FakeStack(with_access("password"), breaks_after=after)
    with pytest.raises(KeyboardInterrupt):
        complete(stack, answer, silently)
    first = dict(stack.secrets)
    stack.breaks_after = 99
    complete(stack, answer, silently)
    assert set(stack.secrets) == {f"toybox:{key}" for key in EVERY_SECRET}
    assert first.items() <= stack.secrets.items()


def test_nothing_is_stored_while_the_question_is_unanswered() -> None:
    def leaves() -> str:
        raise KeyboardInterrupt

    stack = FakeStack()
    with pytest.raises(KeyboardInterrupt):
        complete(stack, leaves, silently)
    assert not stack.secrets


@pytest.mark.parametrize("password", ["", "short", "with a space in it", "x" * 71, "passwort-mit-ü"])
def test_an_answer_that_cannot_be_conohas_password_is_refused_and_not_shown(password: str) -> None:
    stack = FakeStack()
    with pytest.raises(SettingsError) as caught:
        complete(stack, lambda: password, silently)
    assert not stack.secrets
    assert "toybox:openstackPassword is not 9 to 70 printable characters" in str(caught.value)
    assert not password or password not in str(caught.value)


def test_a_secret_in_plain_text_stops_everything() -> None:
    """To add the others would make the stack look ready, with a password that is in Git."""
    stack = FakeStack({"toybox:redisPassword": Stored("canary", encrypted=False)})
    with pytest.raises(SettingsError) as caught:
        complete(stack, nobody, silently)
    assert "toybox:redisPassword stands in plain text" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert not stack.secrets


@pytest.mark.parametrize("make", [init.random_text(40), init.random_text(20, init.TYPED_BY_PEOPLE)])
def test_random_texts_need_no_quoting(make: Callable[[], str]) -> None:
    made = {make() for _ in range(50)}
    assert len(made) == 50
    assert all(text.isascii() and text.isalnum() for text in made)
