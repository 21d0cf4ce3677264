"""Each deployment's state is kept, an older one can be got back, and a lost one too."""

import json
from typing import Any

from tests.state.conftest import Project
from tests.state.s3_server import S3Server


def exports(stack: Project) -> list[dict[str, Any]]:
    done = stack.toybox("state", "exports", "--stack", "prod", "--json")
    assert done.returncode == 0, done.stdout
    return list(json.loads(done.stdout))


def names(stack: Project) -> set[str]:
    """The resources that the state knows, by logical name."""
    state = json.loads(stack.pulumi("stack", "export", "--stack", "prod").stdout)
    return {each["urn"].split("::")[-1] for each in state["deployment"]["resources"] if "Command" in each["type"]}


def deploy(stack: Project, *more: str) -> None:
    stack.up(*more)
    done = stack.toybox("state", "export", "--stack", "prod", GITHUB_SHA="c0ffee" + "0" * 34)
    assert done.returncode == 0, done.stdout


def test_an_older_state_is_got_back_and_the_present_one_is_kept(stack: Project) -> None:
    assert exports(stack) == []
    deploy(stack, "server")
    deploy(stack)
    newer, older = exports(stack)
    assert (older["resources"], newer["resources"]) == ("2", "1")
    assert older["commit"].startswith("c0ffee")
    assert names(stack) == {"volume"}

    got = stack.toybox("state", "get", older["version"], "--stack", "prod")
    assert json.loads(got.stdout)["deployment"]["resources"]

    unasked = stack.toybox("state", "import", older["version"], "--stack", "prod")
    assert unasked.returncode == 1
    assert "Nothing was changed" in unasked.stdout
    done = stack.toybox("state", "import", older["version"][:12], "--stack", "prod", "--yes")
    assert done.returncode == 0, done.stdout
    assert "1 known in that version and not now" in done.stdout
    assert "command:local:Command::server" in done.stdout
    assert "Next, and before any update: pulumi preview --refresh --stack prod" in done.stdout
    assert names(stack) == {"volume", "server"}
    assert len(exports(stack)) == 3, "what was there before the import is a version, too"


def test_a_lost_state_is_got_back_with_all_that_it_knew(stack: Project, s3: S3Server, bucket: str) -> None:
    """Without its state, Pulumi would make a second server beside the first."""
    deploy(stack, "server")
    s3.client().delete_object(Bucket=bucket, Key=".pulumi/stacks/toybox/prod.json")
    assert "no stack named 'prod' found" in stack.pulumi("preview", "--stack", "prod").stdout
    (only,) = exports(stack)
    done = stack.toybox("state", "import", only["version"], "--stack", "prod", "--yes")
    assert done.returncode == 0, done.stdout
    assert names(stack) == {"volume", "server"}
    preview = stack.pulumi("preview", "--expect-no-changes", "--stack", "prod")
    assert preview.returncode == 0, preview.stdout


def test_a_version_that_is_not_there_is_refused_by_name(stack: Project) -> None:
    nothing = stack.toybox("state", "get", "3f2a", "--stack", "prod")
    assert nothing.returncode == 1
    assert "There is no exported state of prod in the bucket" in nothing.stdout
    assert stack.toybox("state", "export", "--stack", "prod").returncode == 0
    wrong = stack.toybox("state", "get", "nosuchversion", "--stack", "prod")
    assert wrong.returncode == 1
    assert "There is no version 'nosuchversion'" in wrong.stdout
    assert "`toybox state exports --stack prod` lists them" in wrong.stdout
