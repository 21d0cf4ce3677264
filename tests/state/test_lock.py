"""One update at a time: whoever comes second is told who is first.

Pulumi's lock in a bucket is an object that it writes and looks for, which is not atomic: two that begin in the same
instant see each other and both give up. In CI the updates of a stack queue up anyway (deploy.yml, `concurrency`).
The lock of a killed update, and its way out: test_documented_commands.py.
"""

import re
import socket

from tests.state.conftest import Project
from tests.state.s3_server import S3Server

UP = ("up", "--yes", "--skip-preview", "--stack", "prod")


def test_the_second_of_two_updates_is_told_who_holds_the_lock_and_changes_nothing(
    stack: Project, s3: S3Server, bucket: str
) -> None:
    first = stack.begun_update()
    preview = stack.pulumi("preview", "--stack", "prod")
    assert preview.returncode == 0, f"a preview needs no lock: {preview.stdout}"
    second = stack.pulumi(*UP)
    (stack.root / "wait").unlink()
    said, _ = first.communicate(timeout=60)
    assert first.returncode == 0, said
    assert second.returncode != 0
    assert "the stack is currently locked by 1 lock(s)" in second.stdout
    holder = re.search(r"created by (\S+)@(\S+) \(pid (\d+)\) at \d{4}-", second.stdout)
    assert holder, second.stdout
    assert (holder[2], int(holder[3])) == (socket.gethostname(), first.pid)
    assert locks(s3, bucket) == [], "an update that ended leaves no lock"


def test_a_command_that_edits_the_state_sees_the_lock_before_it_does_anything(
    stack: Project, s3: S3Server, bucket: str
) -> None:
    stack.up()
    exported = stack.toybox("state", "export", "--stack", "prod")
    assert exported.returncode == 0, exported.stdout
    version = exported.stdout.split()[-1]
    update = stack.begun_update()
    refused = stack.toybox("state", "import", version, "--stack", "prod", "--yes")
    (stack.root / "wait").unlink()
    update.communicate(timeout=60)
    assert refused.returncode != 0
    assert "The state of prod is locked. Nothing was changed." in refused.stdout
    assert f"process {update.pid}" in refused.stdout
    copies = s3.client().list_object_versions(Bucket=bucket, Prefix="exports/")["Versions"]
    assert [each["VersionId"] for each in copies] == [version], "it kept no copy of a state that it does not touch"
    assert stack.toybox("state", "import", version, "--stack", "prod", "--yes").returncode == 0


def locks(s3: S3Server, bucket: str) -> list[str]:
    """The locks that lie in the bucket."""
    listed = s3.client().list_objects_v2(Bucket=bucket, Prefix=".pulumi/locks/")
    return [each["Key"] for each in listed.get("Contents", ())]
