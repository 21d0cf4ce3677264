"""What holds for every workflow in .github/workflows. tests/lab/test_workflows.py runs their steps."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
FILES = sorted((CHECKOUT / ".github" / "workflows").glob("*.yml"))
KEEPER = CHECKOUT / ".github" / "workflows" / "keeper.yml"
CHECK = CHECKOUT / ".github" / "workflows" / "check.yml"
OURS = "github.event.pull_request.head.repo.full_name == github.repository"
"""The condition of a job that sees no fork."""
every_workflow = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def workflow(file: Path) -> dict[Any, Any]:
    return dict(yaml.safe_load(file.read_text()))


def triggers(file: Path) -> set[str]:
    """YAML 1.1 reads the key `on` as true."""
    return set(workflow(file)[True])


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(file)["jobs"].values() for step in job["steps"]]


def test_they_are_all_there() -> None:
    assert [file.name for file in FILES] == [
        "check.yml",
        "deploy.yml",
        "drift.yml",
        "keeper.yml",
        "preview.yml",
        "restore-points.yml",
    ]


@every_workflow
def test_actions_of_others_are_pinned_by_commit_with_their_version_beside_it(file: Path) -> None:
    """A tag can be moved to other code overnight; a commit cannot."""
    used = re.findall(r"uses: (.+)", file.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@every_workflow
def test_each_step_is_one_command_that_an_operator_can_type(file: Path) -> None:
    for step in steps(file):
        if "run" in step:
            assert "\n" not in step["run"].strip(), step
            program = step["run"].split()[0]
            ours = {"toolchain/install", "bin/toybox", "toybox", "pulumi", "make"}
            assert program in ours | {"echo", "apt-get", "git"}, step


@every_workflow
def test_nothing_that_a_stranger_can_write_gets_into_a_command(file: Path) -> None:
    """Titles, branch names and texts of pull requests would be run as code."""
    allowed = {"matrix.stack", "steps.guard.outcome", "github.event.pull_request.head.sha"}
    for step in steps(file):
        assert set(re.findall(r"\$\{\{ *(.*?) *\}\}", step.get("run", ""))) <= allowed, step


@every_workflow
def test_permissions_are_none_but_for_what_a_job_names(file: Path) -> None:
    assert workflow(file)["permissions"] == {}
    for name, job in workflow(file)["jobs"].items():
        granted = job.get("permissions", {})
        assert granted == {
            "fork": {},
            "preview": {"contents": "read", "pull-requests": "write"},
        }.get(name, {"contents": "read"}), name


@every_workflow
def test_the_checkout_leaves_no_token_behind(file: Path) -> None:
    for step in steps(file):
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"] == {"persist-credentials": False}


def test_each_stack_has_a_comment_of_its_own_with_the_text_that_the_step_before_wrote() -> None:
    """The action gets the job's token, a header and a file, and nothing of the pull request."""
    text, comment = steps(CHECKOUT / ".github" / "workflows" / "preview.yml")[-2:]
    assert text["run"].endswith('> "$RUNNER_TEMP/comment.md"')
    assert text["if"] == "always() && steps.guard.outcome != 'cancelled'", "a red guard is told, too"
    assert comment["if"] == f"always() && steps.{text['id']}.outcome == 'success'"
    assert comment["with"] == {
        "header": "preview of ${{ matrix.stack }}",
        "path": "${{ runner.temp }}/comment.md",
    }


@every_workflow
def test_secrets_are_in_the_environment_of_the_one_step_that_writes_them_down(file: Path) -> None:
    text = file.read_text()
    for step in steps(file):
        if "${{ secrets" in str(step):
            assert step["run"] == "bin/toybox ci prepare"
    assert len(re.findall(r"\$\{\{ *secrets\b", text)) == (0 if file == CHECK else 3)
    assert "secrets: inherit" not in text


@every_workflow
def test_code_of_forks_gets_no_secret_and_not_our_runner(file: Path) -> None:
    """`pull_request_target` and `workflow_run` give a stranger's pull request the secrets of this repository."""
    assert triggers(file) <= {"pull_request", "push", "schedule", "workflow_dispatch"}
    if "pull_request" not in triggers(file):
        return
    for name, job in workflow(file)["jobs"].items():
        if job.get("if") != OURS:
            assert job["runs-on"] == "ubuntu-24.04", name
            assert "${{ secrets" not in str(job), name
            assert "environment" not in job, name
            assert set(job.get("permissions", {}).items()) <= {("contents", "read")}, name


@every_workflow
def test_both_stacks_are_looked_after_each_in_its_own_environment(file: Path) -> None:
    for name, job in workflow(file)["jobs"].items():
        if name == "fork" or file in (KEEPER, CHECK):
            continue
        assert set(job["strategy"]["matrix"]["stack"]) == {"prod", "staging"}
        assert job["environment"] in {"${{ matrix.stack }}", "${{ matrix.stack }}-unattended"}
        assert job["timeout-minutes"] <= 90


def test_a_pull_request_runs_the_checks_and_the_tests() -> None:
    """Those without the lab on GitHub's machine, for forks as well; those on the lab for ours alone, on our runner."""
    without_lab, lab = workflow(CHECK)["jobs"].values()
    ran = [step["run"] for step in without_lab["steps"] if "run" in step]
    assert ran[-2:] == ["make check", "make test-without-lab"]
    assert "if" not in without_lab
    assert (lab["if"], lab["runs-on"]) == (OURS, ["self-hosted", "toybox-lab"])
    assert [step["run"] for step in lab["steps"] if "run" in step] == ["make test"]


def test_every_test_without_the_lab_is_in_its_target() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    (command,) = re.findall(r"^test-without-lab:.*\n(?:\t.*\n)*?\t@\$\(PYTEST\) (.+)$", makefile, re.MULTILINE)
    folders = {file.relative_to(CHECKOUT).parts[1] for file in (CHECKOUT / "tests").rglob("test_*.py")}
    assert {f"tests/{folder}" for folder in folders - {"lab"}} == set(command.split())


def test_the_keeper_is_asked_every_hour_and_not_for_an_approval() -> None:
    """Its files are stale after an hour, and nobody is there at night."""
    (entry,) = workflow(KEEPER)[True]["schedule"]
    minute, *rest = entry["cron"].split()
    assert minute.isdigit()
    assert rest == ["*"] * 4
    (job,) = workflow(KEEPER)["jobs"].values()
    assert job["environment"] == "prod-unattended"
    assert job["timeout-minutes"] < 60
    assert steps(KEEPER)[-1]["run"] == "toybox backup status --stack keeper"


def test_only_the_deployment_uses_the_environment_that_asks_for_an_approval() -> None:
    for file in FILES:
        approved = "environment: ${{ matrix.stack }} #" in file.read_text()
        assert approved is (file.name == "deploy.yml")


def test_one_deployment_of_a_stack_at_a_time_and_none_is_ended_by_the_next() -> None:
    job = workflow(CHECKOUT / ".github" / "workflows" / "deploy.yml")["jobs"]["deploy"]
    assert job["concurrency"] == {"group": "deploy-${{ matrix.stack }}", "cancel-in-progress": False}
    assert job["strategy"]["matrix"]["stack"] == ["staging", "prod"], "staging goes first"
    assert job["strategy"]["max-parallel"] == 1
    assert "fail-fast" not in job["strategy"], "prod stays as it is if staging fails"


def test_a_deployment_looks_after_the_data_first_and_keeps_the_state_last() -> None:
    ran = [step["run"] for step in steps(CHECKOUT / ".github" / "workflows" / "deploy.yml") if "run" in step]
    order = [" ".join(command.split()[:3]) for command in ran]
    assert order == [
        "toolchain/install",
        "bin/toybox ci prepare",
        "toybox restore-points run",
        "toybox guard --stack",
        "pulumi up --yes",
        "toybox state export",
        "toybox state keep",
    ]


def test_the_nightly_look_sees_what_differs_in_nothing() -> None:
    """A container in a crash loop is as declared. The status is asked even if the preview has found something."""
    (drift,) = [file for file in FILES if file.name == "drift.yml"]
    preview, status = steps(drift)[-2:]
    assert preview["run"].startswith("pulumi preview --refresh --expect-no-changes")
    assert status["run"] == "toybox status --stack ${{ matrix.stack }}"
    assert status["if"] == f"always() && steps.{preview['id']}.outcome != 'skipped'"
