"""What docs/ci.md prints about the state, run as it is printed."""

import os
import signal
from pathlib import Path

import pytest

from tests.procedure import Procedures, Shell
from tests.state.conftest import Project, bucket_name, new_project, with_a_stack
from tests.state.s3_server import S3Server
from tests.state.test_lock import UP, locks


def shell(project: Project) -> Shell:
    """An operator's shell. Nobody is there to answer Pulumi's question."""
    return Shell(project.root, project.environment | {"PULUMI_SKIP_CONFIRMATIONS": "true"})


@pytest.mark.documented("docs/ci.md#from-a-folder-to-the-bucket")
def test_a_state_moves_from_a_folder_to_the_bucket(
    project: Project, procedure: Procedures, tmp_path: Path, s3: S3Server, bucket: str
) -> None:
    (tmp_path / "state").mkdir()
    folder = {"PULUMI_BACKEND_URL": f"file://{tmp_path}/state"}
    assert project.pulumi("stack", "init", "prod", "--no-select", **folder).returncode == 0
    done = project.pulumi(*UP, **folder)
    assert done.returncode == 0, done.stdout
    steps = procedure(shell(project))
    steps.shell.run(f"export PULUMI_BACKEND_URL={folder['PULUMI_BACKEND_URL']}")
    steps.run("pulumi stack export")
    steps.run("unset")
    assert f"made bucket {bucket}" in steps.run("toybox init", stdin="Canary-password1\n")
    steps.rest()
    assert s3.resources(bucket) == {"volume"}
    assert s3.client().head_object(Bucket=bucket, Key=".pulumi/stacks/toybox/prod.json")


@pytest.mark.documented("docs/ci.md#an-update-was-killed")
def test_the_lock_of_a_killed_update_stays_until_it_is_cancelled(
    stack: Project, procedure: Procedures, s3: S3Server, bucket: str
) -> None:
    update = stack.begun_update()
    os.killpg(update.pid, signal.SIGKILL)
    update.communicate(timeout=60)
    (stack.root / "wait").unlink()
    assert len(locks(s3, bucket)) == 1
    refused = stack.pulumi(*UP)
    assert refused.returncode != 0
    assert "the stack is currently locked by 1 lock(s)" in refused.stdout
    assert f"(pid {update.pid})" in refused.stdout
    procedure(shell(stack)).rest()
    assert locks(s3, bucket) == []
    stack.up()


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> tuple[Project, str]:
    """A stack with a volume and a server, and its bucket."""
    folder = tmp_path_factory.mktemp("deployed")
    stack = with_a_stack(new_project(folder, s3), s3, bucket_name(folder))
    stack.up("server")
    return stack, bucket_name(folder)


@pytest.mark.documented("docs/ci.md#getting-an-older-state-back")
def test_an_older_state_is_got_back_and_the_present_one_is_kept(
    deployed: tuple[Project, str], procedure: Procedures, s3: S3Server
) -> None:
    stack, bucket = deployed
    steps = procedure(shell(stack))
    steps.run("toybox state export ")
    stack.up()
    assert s3.resources(bucket) == {"volume"}

    older, *before = s3.copies(bucket)
    version = {"<version>": older}
    assert f"{older}  " in steps.run("toybox state exports")
    steps.run("toybox state get", values=version)
    assert '"deployment"' in (stack.root / "older-state.json").read_text()
    command = steps.take("toybox state import", version)
    code, said = steps.shell.run_on_a_terminal(command, [('Type the name of the stack, "prod", to go on: ', "prod")])
    assert code == 0, said
    assert "1 known in that version and not now" in said
    assert "command:local:Command::server" in said
    steps.rest()
    assert s3.resources(bucket) == {"volume", "server"}
    assert s3.copies(bucket)[1:] == [older, *before], "what was there before the import is a version, too"


@pytest.mark.documented("docs/ci.md#the-state-is-lost")
def test_a_lost_state_is_got_back_with_all_that_it_knew(
    deployed: tuple[Project, str], procedure: Procedures, s3: S3Server
) -> None:
    """Without its state, Pulumi would make a second server beside the first."""
    stack, bucket = deployed
    assert s3.resources(bucket) == {"volume", "server"}
    assert stack.toybox("state", "export", "--stack", "prod").returncode == 0
    s3.client().delete_object(Bucket=bucket, Key=".pulumi/stacks/toybox/prod.json")
    assert "no stack named 'prod' found" in stack.pulumi("preview", "--stack", "prod").stdout
    steps = procedure(shell(stack))
    steps.run("toybox state exports")
    steps.run("toybox state import", values={"<version>": s3.copies(bucket)[0]})
    assert "to create" not in steps.rest()
    assert s3.resources(bucket) == {"volume", "server"}
