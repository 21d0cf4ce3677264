"""`toybox ci`: set up a job's shell, and comment on its pull request."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ops import OpsError
from ops.ci import comment, shell
from ops.ci.github import PullRequest
from ops.stack_option import Stack
from ops.state.commands import address

ROOT = Path(__file__).parent.parent.parent

app = typer.Typer(no_args_is_help=True, help="What CI jobs need besides the commands of operators.")


@app.command("prepare")
def prepare_command() -> None:
    """Set up a job's shell: secrets from this step's environment into private files, and the variables of operators."""
    places = [Path(os.environ[name]) for name in ("RUNNER_TEMP", "GITHUB_ENV", "GITHUB_PATH") if os.environ.get(name)]
    if len(places) != 3:
        raise OpsError(
            "This is no CI job: RUNNER_TEMP, GITHUB_ENV or GITHUB_PATH is missing.\n"
            '    Way out: set up a shell by hand: docs/guides/getting-started.md, "On a real ConoHa account".'
        )
    temporary, variables_file, path_file = places
    bucket, _ = address()
    built = (ROOT / ".toolchain" / "bin" / "pulumi").exists()
    # GitHub empties RUNNER_TEMP before and after each job.
    made = shell.prepared(os.environ, temporary / "toybox", ROOT, bucket.profile if bucket else None, built)
    for file, text in made.files.items():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text)
    variables, path = shell.lines(made)
    with variables_file.open("a") as target:
        target.write(variables)
    with path_file.open("a") as target:
        target.write(path)
    typer.echo(f"Prepared: {', '.join([*made.variables, 'PATH'])}.")


@app.command("comment")
def comment_command(
    report: Annotated[Path, typer.Argument(help="The file with the guard's report.")],
    stack: Stack,
    outcome: Annotated[comment.Outcome, typer.Option(help="How the step ended that wrote it: steps.<id>.outcome.")],
) -> None:
    """Say in the pull request what a change would do, in one comment for each stack that is edited at each push."""
    request = PullRequest.of_the_job(os.environ)
    text = comment.body(
        stack,
        outcome,
        report.read_text() if report.exists() else None,
        request.commit,
        "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}".format_map(os.environ),
    )
    match comment.step(request.comments(), stack, text):
        case comment.Create():
            request.create(text)
            sys.stdout.write(f"Commented on pull request {request.number}.\n")
        case comment.Edit(id=there):
            request.edit(there, text)
            sys.stdout.write(f"Edited the comment on pull request {request.number}.\n")
        case comment.Leave():
            sys.stdout.write(f"The comment on pull request {request.number} says so already.\n")
