"""`toybox api`: the body that is typed is the body that is sent."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops import OpsError
from ops.api import body, pretty


def test_a_body_is_nested_at_the_dots() -> None:
    typed = ["volume.size:=200", "volume.name=first-check", "volume.metadata.a=b=c", "os-start:=null", "x=1"]
    assert body(typed) == {
        "volume": {"size": 200, "name": "first-check", "metadata": {"a": "b=c"}},
        "os-start": None,
        "x": "1",
    }
    assert body([]) is None


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (["volume"], "key=text"),
        (["=text"], "key=text"),
        ([":=1"], "key=text"),
        (["a:={"], "no JSON"),
        (["a=1", "a.b=2"], "a has a value already"),
    ],
)
def test_what_is_no_body_is_not_sent(typed: list[str], why: str) -> None:
    with pytest.raises(OpsError, match=why):
        body(typed)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_any_json_can_be_sent(value: object) -> None:
    assert body([f"a.b:={json.dumps(value)}"]) == {"a": {"b": value}}


def test_what_is_no_json_is_shown_as_it_is() -> None:
    assert pretty('{"a":1}') == '{\n  "a": 1\n}'
    assert pretty("<html>") == "<html>"
