"""A pull request has one comment for each stack, which says what the guard said and is edited at each push."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ops.ci import comment
from ops.ci.comment import AUTHOR, Comment, Create, Edit, Leave, Outcome

JOB = "https://github.example/toybox/infrastructure/actions/runs/42"


def body(report: str | None, outcome: Outcome = Outcome.FAILURE, stack: str = "prod") -> str:
    return comment.body(stack, outcome, report, "c0ffee" + "0" * 34, JOB)


def test_it_says_what_the_guard_said_how_it_ended_and_where_the_log_is() -> None:
    text = body("data-volume would be deleted", Outcome.FAILURE)
    assert text.startswith("<!-- toybox: preview of prod -->\n\n### Preview of `prod`: **stopped**\n")
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


def test_the_first_push_writes_and_each_later_one_edits() -> None:
    others = [Comment(1, "reviewer", "looks good")]
    assert comment.step(others, "prod", body("a")) == Create()
    mine = [*others, Comment(2, AUTHOR, body("a"))]
    assert comment.step(mine, "prod", body("b")) == Edit(2)
    assert comment.step(mine, "prod", body("a")) == Leave()
    as_github_returns_it = [Comment(2, AUTHOR, body("a").strip().replace("\n", "\r\n"))]
    assert comment.step(as_github_returns_it, "prod", body("a")) == Leave()


def test_each_stack_has_its_own() -> None:
    prod = [Comment(2, AUTHOR, body("a"))]
    assert comment.step(prod, "staging", body("a", stack="staging")) == Create()


def test_what_somebody_else_wrote_is_never_edited() -> None:
    """Not even if they quote ours, marker and all."""
    quoted = [Comment(1, "reviewer", body("a")), Comment(2, AUTHOR, "> " + body("a"))]
    assert comment.step(quoted, "prod", body("b")) == Create()
