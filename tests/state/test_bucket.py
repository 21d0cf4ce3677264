"""What `toybox init` makes of the bucket, and what it says when it cannot."""

import socket
from pathlib import Path

import pytest

from ops.state import keys
from ops.state.keys import Keys
from tests.procedure import Procedures, Shell
from tests.state.conftest import Project
from tests.state.s3_server import S3Server, user

PASSWORD = "Canary-password1"


OTHERS_KEYS = {"AWS_ACCESS_KEY_ID": "AKIAOTHERCLOUD", "AWS_SECRET_ACCESS_KEY": "x", "AWS_PROFILE": "other"}


def init(project: Project, **environment: str) -> str:
    """`toybox init --stack prod` with the password on its standard input; what it said."""
    done = project.run("sh", "-c", f"echo {PASSWORD} | toybox init --stack prod", **environment)
    return f"{done.returncode}: {done.stdout}"


@pytest.mark.documented("docs/first-checks-on-conoha.md#the-states-bucket")
def test_the_bucket_is_made_with_versioning_and_the_second_run_changes_nothing(
    project: Project, s3: S3Server, bucket: str, procedure: Procedures
) -> None:
    """From a shell that still holds the keys of another cloud, which are not used: neither by us nor by Pulumi."""
    steps = procedure(Shell(project.root, project.environment | OTHERS_KEYS))
    said = steps.run("toybox init", stdin=PASSWORD + "\n")
    assert said.startswith(f"  made bucket {bucket} at {s3.endpoint}\n  made versioning of bucket {bucket}\n"), said
    assert s3.client().get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert PASSWORD not in said
    assert len(steps.rest().splitlines()) == 4, "two say that they export, and the list has both"
    again = project.toybox("init", "--stack", "staging")
    assert again.stdout == "Nothing to do: stack staging has all its secrets. Nothing was changed.\n"

    s3.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    exported = project.toybox("state", "export", "--stack", "staging")
    assert exported.returncode == 1, "a copy that overwrites the one before is no copy"
    assert f"names bucket {bucket}, which keeps no old versions" in exported.stdout
    again = project.toybox("init", "--stack", "staging")
    assert again.stdout.startswith(f"  made versioning of bucket {bucket}\n")


def test_a_folder_goes_before_the_bucket_of_pulumi_yaml_and_needs_no_keys(
    project: Project, s3: S3Server, bucket: str, tmp_path: Path
) -> None:
    """The lab's way: PULUMI_BACKEND_URL wins, for Pulumi and for `toybox`."""
    (tmp_path / "state").mkdir()
    project.credentials.unlink()
    folder = f"file://{tmp_path}/state"
    asked = project.toybox("init", "--stack", "prod", PULUMI_BACKEND_URL=folder)
    assert asked.stdout.startswith("openstackPassword is missing."), "past the state, and at the secrets"
    assert folder in project.pulumi("whoami", "--verbose", PULUMI_BACKEND_URL=folder).stdout
    assert (tmp_path / "state" / ".pulumi" / "stacks" / "toybox" / "prod.json").exists()
    assert bucket not in [each["Name"] for each in s3.client().list_buckets()["Buckets"]]
    exported = project.toybox("state", "export", "--stack", "prod", PULUMI_BACKEND_URL=folder)
    assert exported.returncode == 1
    assert "The state of prod is in a folder (PULUMI_BACKEND_URL)" in exported.stdout


def test_wrong_keys_are_named_with_their_place_and_the_way_out(project: Project, s3: S3Server) -> None:
    project.credentials.unlink()
    keys.add(project.credentials, "toybox", Keys(s3.keys.access, "canary"))
    said = init(project)
    assert said.startswith("1: profile toybox of the credentials file has keys that"), said
    assert "does not accept" in said
    assert "Way out: Remove the section [toybox] there and run `toybox init` again" in said
    assert said.count("Why:") == 1
    assert "canary" not in said


def test_an_endpoint_that_nobody_answers_at_is_named_with_the_setting(project: Project, s3: S3Server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
        said = init(project, PULUMI_BACKEND_URL=s3.backend("toybox-state").replace(s3.endpoint, nobody))
    assert said.startswith(f"1: PULUMI_BACKEND_URL names toybox-state at {nobody}, which cannot be reached"), said
    assert said.count("Way out:") == 1
    assert "Traceback" not in said


def test_a_bucket_that_may_not_be_made_is_an_error_that_names_the_setting(
    project: Project, s3: S3Server, bucket: str
) -> None:
    project.credentials.unlink()
    reader = user(s3.client("iam"), f"reader-{bucket}", "s3:ListBucket", "s3:GetObject")
    keys.add(project.credentials, "toybox", reader)
    said = init(project)
    assert said.startswith(f"1: backend.url in Pulumi.yaml names bucket {bucket}, and making it is forbidden"), said
    assert "choose another name" in said


def test_a_name_that_no_bucket_can_have_is_refused(project: Project, s3: S3Server) -> None:
    said = init(project, PULUMI_BACKEND_URL=s3.backend("tb"))
    assert "names bucket tb, which cannot be made (InvalidBucketName" in said, said
    assert "Choose another name" in said


def test_without_keys_a_command_says_how_to_get_them(project: Project) -> None:
    project.credentials.unlink()
    done = project.toybox("state", "exports", "--stack", "prod")
    assert done.returncode == 1
    assert f"the credentials file {project.credentials} has no section [toybox]" in done.stdout
    assert "Run `toybox init --stack prod`, which gets them" in done.stdout
