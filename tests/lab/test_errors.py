"""What an operator reads when something outside of the program is wrong: one clear message, nothing half-applied."""

import json
import socket
import time

from lab.stack import pulumi
from tests.lab.toybox import Toybox, cloud


def test_all_wrong_settings_are_reported_together_before_anything_is_created(prod: Toybox) -> None:
    with prod.changed_settings(server__flavor="g2l-t-c9m9", dataVolume__size=123, colour="blue"):
        said = prod.failing_up()
    for path in ("toybox:server.flavor", "toybox:dataVolume.size", "toybox:colour"):
        assert path in said
    assert "Traceback" not in said
    prod.up("--expect-no-changes")


def test_another_size_of_the_data_volume_is_refused_in_the_preview_and_leaves_nothing_in_the_state(
    prod: Toybox,
) -> None:
    """The provider tries it, fails and notes the new size; then the update that takes it back fails, too."""
    with prod.changed_settings(dataVolume__size=500):
        done = prod.pulumi("preview")
        said = prod.failing_up()
    for text in (done.stdout, said):
        assert "toybox:dataVolume.size: is 500 GB, and the data volume has 200 GB." in text
        assert "put 200 back" in text
    assert done.returncode != 0
    prod.up("--expect-no-changes")


def test_a_wrong_openstack_password_is_named_as_such(prod: Toybox) -> None:
    file = prod.workspace.settings_file(prod.stack)
    before = file.read_text()
    try:
        pulumi_set(prod, "toybox:openstackPassword", "not-the-password")
        done = prod.pulumi("preview")
    finally:
        file.write_text(before)
    assert done.returncode != 0
    assert "uthentication" in done.stdout
    assert "not-the-password" not in done.stdout
    assert "Traceback" not in done.stdout


def pulumi_set(prod: Toybox, key: str, value: str) -> None:
    """Store a secret of the stack; this is a test's, so it may stand on a command line."""
    done = pulumi(prod.workspace, prod.stack, "config", "set", "--secret", key, value)
    assert done.returncode == 0, done.stderr


def test_an_image_that_the_cloud_does_not_have_is_named_with_the_way_out(prod: Toybox) -> None:
    with prod.changed_settings(server__image="vmi-docker-99.9-ubuntu-22.04-amd64"):
        said = prod.failing_up()
    assert "no image named" in said or "0 images named" in said
    assert "vmi-docker-99.9-ubuntu-22.04-amd64" in said
    assert "bootImageId" in said
    assert "Traceback" not in said
    prod.up("--expect-no-changes")


def test_a_server_that_lets_nobody_in_is_given_up_with_what_was_tried_and_where_to_look(prod: Toybox) -> None:
    """With sshd stopped on a real server. The wait is shortened; how long the real one is, tests/unit holds."""
    name = "components/host/ssh_retries.py"
    text = (prod.workspace.program / name).read_text()
    assert "NEW_SERVER = RetryPolicy(errors=40" in text
    # a second one undoes the first: nobody could get in to do it
    prod.ssh("systemd-run --quiet --on-active=30 systemctl start ssh; systemctl stop ssh.socket ssh", check=False)
    with prod.changed_file(name, text.replace("errors=40", "errors=3")):
        said = prod.failing_up("--replace", prod.urn("host-reachable"))
    address = prod.outputs()["address"]
    assert f"root@{address}, port 22, tried 4 times" in said
    assert f"ssh -v -F .toybox/prod/ssh/config {address} true" in said
    assert prod.outputs()["serverId"] in said
    assert "198.51.100.1/32" in said, "the operators"
    assert said.count("Where to look") == 1
    assert "Traceback" not in said
    wait_for_sshd(address)
    prod.up()


def wait_for_sshd(address: str) -> None:
    """Until a new connection is taken: `ssh` would go on with one from before."""
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((address, 22), timeout=2).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "sshd does not come back"
            time.sleep(0.5)


def test_a_server_that_is_off_is_named_by_its_address(prod: Toybox) -> None:
    server, compute = prod.outputs()["serverId"], cloud().compute
    prod.stop_server()
    try:
        said = prod.pulumi("preview", "--refresh")
        assert said.returncode != 0
        assert prod.outputs()["address"] in said.stdout
    finally:
        compute.start_server(server)
        compute.wait_for_server(compute.get_server(server), "ACTIVE", interval=0.3, wait=90)
    prod.wait_for_ssh()
    prod.up("--refresh")


def test_a_container_that_never_becomes_healthy_shows_its_last_log_lines(prod: Toybox) -> None:
    name, option = "components/redis/__init__.py", '*("--appendonly", "yes"),'
    text = (prod.workspace.program / name).read_text()
    assert text.count(option) == 1
    with prod.changed_file(name, text.replace(option, f'{option} *("--nonsense", "1"),')):
        said = prod.failing_up()
    assert "redis-healthy" in said
    assert "last log lines" in said
    assert "nonsense" in said
    prod.up()
    assert json.loads(json.dumps(prod.fingerprint()))["tables"]["posts_post"] >= 500
