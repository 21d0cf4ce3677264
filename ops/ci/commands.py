"""`toybox ci`: set up a job's shell, and write the comment for its pull request."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ops import OpsError
from ops.ci import comment, shell
from ops.stack_option import Stack
from ops.state.commands import address

ROOT = Path(__file__).parent.parent.parent

app = typer.Typer(no_args_is_help=True, help="What CI jobs need besides the commands of operators.")


@app.command("prepare")
def prepare_command() -> None:
    """Set up a job's shell: secrets from this step's environment into private files, and the variables of operators."""
    temporary, variables_file, path_file = map(Path, of_the_job("RUNNER_TEMP", "GITHUB_ENV", "GITHUB_PATH"))
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
    commit: Annotated[str, typer.Option(help="The last commit that was pushed to the pull request.")],
) -> None:
    """Write the text of the pull request's comment to standard output: what the change would do to the stack."""
    log = "{}/{}/actions/runs/{}".format(*of_the_job("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"))
    typer.echo(comment.body(stack, outcome, report.read_text() if report.exists() else None, commit, log), nl=False)


def of_the_job(*names: str) -> list[str]:
    """Return variables that GitHub sets in each job. Raise OpsError if one is missing."""
    if missing := [name for name in names if not os.environ.get(name)]:
        raise OpsError(
            f"This is no CI job: {', '.join(missing)} missing.\n"
            '    Way out: Set up a shell by hand: docs/guides/getting-started.md, "On a real ConoHa account".'
        )
    return [os.environ[name] for name in names]
