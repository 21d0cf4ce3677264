"""The guard never passes on no data: what is empty, cut off, not whole or not understood is refused with the reason."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ops.guard.preview import COMMAND, KNOWN, PreviewError, read
from tests.unit.ops.guard import recordings
from tests.unit.ops.guard.edits import option

WHOLE = recordings.text("no-change")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("error: failed to load the project", "is not JSON"),
        ("[]", "not a preview"),
        ("42", "not a preview"),
        ('{"steps": 3}', "not a preview"),
        ('{"steps": [{"op": "same"}]}', "not a preview"),
        ('{"steps": [{"op": "same", "urn": "u", "oldState": "x"}]}', "not a preview"),
        ("{}", "has no summary"),
        ('{"steps": null, "changeSummary": {}}', "is of no stack"),
        ('{"changeSummary": {"same": 3}}', "leaves out"),
        ('{"changeSummary": {"delete": 1}}', "counts steps that are not in it"),
        ("�\x00�", "is not JSON"),
    ],
)
def test_what_is_no_preview_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(PreviewError) as refused:
        read(text)
    assert wrong in str(refused.value)
    assert "Way out:" in str(refused.value)


@given(end=st.integers(0, len(WHOLE) - 3))
@examples(deadline=None, max_examples=60)
def test_a_preview_that_is_cut_off_anywhere_is_refused(end: int) -> None:
    with pytest.raises(PreviewError):
        read(WHOLE[:end])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_other_json_is_taken_for_a_preview(value: object) -> None:
    with pytest.raises(PreviewError):
        read(json.dumps(value))


def test_what_pulumi_said_is_told_when_there_is_no_preview() -> None:
    with pytest.raises(PreviewError, match="incorrect passphrase"):
        read("", "error: incorrect passphrase")


def test_a_preview_without_the_sames_is_refused() -> None:
    """A disk that is no longer protected is a `same` to Pulumi, and only shows among them."""
    found = recordings.plan("no-change", option("data-volume", protect=False))
    found["steps"] = [step for step in found["steps"] if step["op"] != "same" or "pulumi:pulumi:Stack" in step["urn"]]
    with pytest.raises(PreviewError, match="--show-sames"):
        read(json.dumps(found))
    assert "--show-sames" in COMMAND


def test_a_step_that_nobody_knows_is_refused() -> None:
    found = recordings.document("no-change")
    found["steps"][0]["op"] = "obliterate"
    found["changeSummary"] = {"same": 1}
    with pytest.raises(PreviewError, match="obliterate"):
        read(json.dumps(found))


def test_a_mere_refresh_is_no_preview() -> None:
    found = recordings.document("data-volume-gone")
    found["steps"] = [step for step in found["steps"] if step["op"] == "refresh"]
    found["changeSummary"] = {}
    with pytest.raises(PreviewError, match="refresh"):
        read(json.dumps(found))


def test_two_stacks_in_one_preview_are_refused() -> None:
    found = recordings.document("no-change")
    found["steps"][0]["urn"] = found["steps"][0]["urn"].replace(":prod::", ":staging::")
    with pytest.raises(PreviewError, match="several stacks"):
        read(json.dumps(found))


def test_an_exit_code_counts_even_if_the_json_looks_well() -> None:
    assert read(WHOLE, "panic: something", ended_well=False).errors == ("panic: something",)
    assert read(WHOLE, "", ended_well=False).errors


@pytest.mark.parametrize("name", recordings.NAMES)
def test_every_step_of_the_engine_is_known(name: str) -> None:
    assert {step["op"] for step in recordings.document(name)["steps"]} <= KNOWN


def test_secrets_of_a_preview_with_show_secrets_are_not_repeated() -> None:
    def with_secret(found: dict[str, Any]) -> None:
        found["config"]["toybox:postgresPassword"] = "canary-postgres-password"
        found["diagnostics"] = [{"severity": "error", "message": "cannot log in with canary-postgres-password"}]

    read_ = recordings.altered("no-change", with_secret)
    assert read_.errors == ("cannot log in with [secret]",)
    assert "canary" not in repr(read_)


def test_a_refreshed_resource_is_judged_by_what_comes_after_the_refresh() -> None:
    """Its two states of the refresh are equal even if it is gone (recorded)."""
    lost = next(change for change in read(recordings.text("data-volume-gone")).changes if change.name == "data-volume")
    assert lost.made
    assert lost.was_refreshed
    assert lost.old is None
