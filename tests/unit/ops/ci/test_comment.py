"""The comment on a pull request says what the guard said."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ops import OpsError
from ops.ci import commands, comment
from ops.ci.comment import Outcome

JOB = "https://github.example/toybox/infrastructure/actions/runs/42"


def body(report: str | None, outcome: Outcome = Outcome.FAILURE) -> str:
    return comment.body("prod", outcome, report, "c0ffee" + "0" * 34, JOB)


def test_it_says_what_the_guard_said_how_it_ended_and_where_the_log_is() -> None:
    text = body("data-volume would be deleted", Outcome.FAILURE)
    assert text.startswith("### Preview of `prod`: **stopped**\n")
    assert "```text\ndata-volume would be deleted\n```" in text
    assert f"Commit c0ffee000000, [log]({JOB})" in text
    assert "### Preview of `prod`: the guard lets it pass\n" in body("nothing changes", Outcome.SUCCESS)


def test_a_preview_that_failed_is_not_taken_for_one_without_changes() -> None:
    for report in (None, "", " \n"):
        text = body(report, Outcome.FAILURE)
        assert "nobody knows what this change would do" in text
        assert "lets it pass" not in text


@given(st.text(alphabet="`~ab\n@<>", max_size=80))
def test_nothing_in_a_report_ends_its_block(report: str) -> None:
    """Names of resources come from the change that is looked at: they must not be able to write the comment."""
    text = comment.fenced(report)
    fence = text.split("text\n")[0]
    assert text.startswith(f"{fence}text\n")
    assert text.endswith(f"\n{fence}")
    inside = text.removeprefix(f"{fence}text\n").removesuffix(f"\n{fence}")
    assert inside == report
    assert not re.search(fence, inside)


def test_a_report_that_is_too_long_is_cut_at_a_line_and_says_so() -> None:
    report = "\n".join(f"line {number} {'x' * 90}" for number in range(2000))
    text = body(report)
    assert len(text) < 65536
    kept = text.count("\nline ")
    assert f"... ({2000 - kept} more lines are in the log)" in text
    assert comment.shortened("short") == "short"


def test_the_command_prints_it_also_if_the_report_was_never_written(tmp_path: Path) -> None:
    job = {
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": "toybox/infrastructure",
        "GITHUB_RUN_ID": "42",
    }
    report = tmp_path / "preview.txt"
    arguments = ["comment", str(report), "--stack", "prod", "--outcome", "failure", "--commit", "c0ffee" + "0" * 34]

    def printed(environment: dict[str, str | None]) -> str:
        done = CliRunner().invoke(commands.app, arguments, env=environment, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert printed({**job}) == body(None)
    report.write_text("data-volume would be deleted")
    assert printed({**job}) == body("data-volume would be deleted")
    with pytest.raises(OpsError, match="This is no CI job: GITHUB_RUN_ID missing"):
        printed({**job, "GITHUB_RUN_ID": None})
