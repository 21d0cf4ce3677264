"""Against a small HTTP server that stands in for GitHub's API (tests/github_server.py): GitHub is out of reach."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops import OpsError
from ops.ci import commands
from ops.ci.github import PullRequest
from tests.github_server import COMMIT, TOKEN, GitHub, github_server


@pytest.fixture
def github() -> Iterator[GitHub]:
    with github_server() as server:
        yield server


@pytest.fixture
def job(github: GitHub, tmp_path: Path) -> dict[str, str]:
    return github.job(tmp_path, 7) | {"GITHUB_TOKEN": TOKEN}


def comment(job: dict[str, str], report: Path, outcome: str = "success", stack: str = "prod") -> str:
    """`toybox ci comment`; what it said."""
    arguments = ["comment", str(report), "--stack", stack, "--outcome", outcome]
    done = CliRunner().invoke(commands.app, arguments, env=job, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_three_pushes_leave_one_comment_with_what_the_last_one_said(
    github: GitHub, job: dict[str, str], tmp_path: Path
) -> None:
    report = tmp_path / "preview.txt"
    report.write_text("1 to create")
    assert comment(job, report) == "Commented on pull request 7.\n"
    github.say(7, "reviewer", "what about the volume?")
    report.write_text("data-volume would be deleted")
    assert comment(job, report, "failure") == "Edited the comment on pull request 7.\n"
    assert comment(job, report, "failure") == "The comment on pull request 7 says so already.\n"
    (only,) = github.bodies(7)
    assert "data-volume would be deleted" in only
    assert "1 to create" not in only
    assert f"Commit {COMMIT[:12]}" in only
    assert [call for call in github.calls if not call.startswith("GET")] == [
        "POST /repos/toybox/infrastructure/issues/7/comments",
        "PATCH /repos/toybox/infrastructure/issues/comments/1000",
    ]


def test_two_stacks_have_two_comments_and_a_lively_conversation_hides_none(
    github: GitHub, job: dict[str, str], tmp_path: Path
) -> None:
    """GitHub hands out pages of 100."""
    for number in range(150):
        github.say(7, "reviewer", f"remark {number}")
    report = tmp_path / "preview.txt"
    report.write_text("no changes")
    for stack in ("prod", "staging", "prod", "staging"):
        comment(job, report, stack=stack)
    assert len(github.bodies(7)) == 2
    for number in range(100):
        github.say(7, "reviewer", f"further remark {number}")
    report.write_text("1 to change")
    comment(job, report)
    assert len(github.bodies(7)) == 2


def test_a_report_that_was_never_written_is_told_too(github: GitHub, job: dict[str, str], tmp_path: Path) -> None:
    comment(job, tmp_path / "missing.txt", "failure")
    assert "nobody knows what this change would do" in github.bodies(7)[0]


@pytest.mark.parametrize("status", [403, 404, 500])
def test_what_github_refuses_is_told_with_the_way_out_and_without_the_token(
    github: GitHub, job: dict[str, str], status: int
) -> None:
    github.refuses = status
    with pytest.raises(OpsError) as caught:
        PullRequest.of_the_job(job).comments()
    assert f"GitHub did not take the comment: GET {github.api}" in str(caught.value)
    assert f": {status} " in str(caught.value)
    assert "pull-requests: write" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_outside_of_a_pull_requests_job_it_says_so(job: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "push.json").write_text("{}")
    for environment in ({}, job | {"GITHUB_EVENT_PATH": str(tmp_path / "push.json")}):
        with pytest.raises(OpsError, match="no CI job for a pull request"):
            PullRequest.of_the_job(environment)
    with pytest.raises(OpsError, match="GITHUB_TOKEN is missing"):
        PullRequest.of_the_job({name: value for name, value in job.items() if name != "GITHUB_TOKEN"})
