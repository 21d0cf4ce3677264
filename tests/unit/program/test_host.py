"""What runs on the server goes with it, comes again with the next one, and is reached over pinned SSH."""

import re

from host.look import LIBRARY
from host.ssh_files import USER
from settings import ssh_public_key
from tests.unit.program.conftest import canaries
from tests.unit.program.recording import ADDRESS, Registered, Run, Secret, revealed

COMMAND = "command:remote:Command"


def on_the_server(run: Run) -> list[Registered]:
    """Everything that lives on the server or runs there."""
    found = [
        resource for resource in run.custom() if resource.type.split(":")[0] == "docker" or resource.type == COMMAND
    ]
    assert len(found) > 20
    return found


def test_everything_on_the_server_is_deleted_with_it(run: Run) -> None:
    """Otherwise refresh, destroy and update of each of them fail once the server is gone (pulumi-docker #125)."""
    instance = run.one("server-instance").urn
    for resource in [*on_the_server(run), run.one("host-docker")]:
        assert resource.request.deletedWith == instance, resource.name


def test_everything_on_the_server_is_made_again_with_the_next_server(run: Run) -> None:
    """A changed host updates the Docker provider in place, and the containers of the old server would be believed
    alive."""
    for resource in on_the_server(run):
        assert resource.request.replacement_trigger.string_value == run.exports["serverId"], resource.name


def test_every_resource_and_look_up_has_an_explicit_provider(run: Run) -> None:
    """With a default provider, a shell that still holds another cloud's OS_* variables would plan against that cloud
    (pulumi-openstack #201)."""
    providers = {resource.name: resource.urn for resource in run.resources.values() if resource.is_provider}
    assert providers.keys() == {"openstack", "command", "host-docker"}
    expected = {"openstack": "openstack", "command": "command", "docker": "host-docker"}
    for resource in run.custom():
        if resource.type == "pulumi:index:Stash":
            continue  # the engine's own: it keeps a value in the state, and asks nobody
        provider = providers[expected[resource.type.split(":")[0]]]
        assert resource.request.provider.startswith(f"{provider}::"), resource.name
    for invoke in run.invokes:
        assert invoke.provider.startswith(f"{providers['openstack']}::"), invoke.tok


def test_every_remote_command_pins_the_host_key(run: Run) -> None:
    """Without one pulumi-command takes any host (#755)."""
    key = ssh_public_key(canaries(run.stack)["sshHostKey"])
    for resource in run.of_type(COMMAND):
        connection = revealed(resource.inputs["connection"])
        assert connection["hostKey"] == key, resource.name
        assert (connection["host"], connection["user"]) == (ADDRESS, USER), resource.name
        assert 0 < connection["dialErrorLimit"] <= 40, resource.name
        assert 0 < connection["perDialTimeout"] <= 15, resource.name


def test_every_remote_command_ends_on_the_server_too(run: Run) -> None:
    """A session that times out here goes on there (pulumi-command): timeout(1) ends it."""
    for resource in run.of_type(COMMAND):
        seconds = re.search(r"\btimeout (\d+) ", resource.inputs["create"])
        assert seconds, f"{resource.name} is not bounded: {resource.inputs['create']}"
        assert int(seconds[1]) <= 1800, resource.name


def test_no_remote_command_does_anything_at_deletion(run: Run) -> None:
    """A replacement runs the old resource's delete after the new one's create (pulumi-command #9, #17)."""
    for resource in run.of_type(COMMAND):
        assert "delete" not in resource.inputs, resource.name


def test_a_commands_standard_input_that_is_secret_is_neither_logged_nor_handed_on(run: Run) -> None:
    """Output is stored in plain text and a failure prints it (pulumi-command #260, #401)."""
    found = [resource for resource in run.of_type(COMMAND) if isinstance(resource.inputs.get("stdin"), Secret)]
    assert {resource.name for resource in found} == {"secrets-installed", "postgres-password"}
    for resource in found:
        assert resource.inputs["logging"] == "none", resource.name
        assert resource.inputs["addPreviousOutputInEnv"] is False, resource.name
        assert {"stdout", "stderr"} <= set(resource.request.additionalSecretOutputs), resource.name


def test_commands_run_scripts_that_the_bundle_installed(run: Run) -> None:
    for resource in run.of_type(COMMAND):
        if LIBRARY in resource.inputs["create"]:
            assert "host-bundle" in run.before(resource), resource.name


def test_docker_is_reached_over_ssh_with_the_stacks_own_files(run: Run) -> None:
    provider = run.one("host-docker").inputs
    assert provider["host"] == f"ssh://{USER}@{ADDRESS}"
    assert provider["sshOpts"] == f'["-F", ".toybox/{run.stack}/ssh/config"]'
    config = (run.folder / f".toybox/{run.stack}/ssh/config").read_text()
    known_hosts = (run.folder / f".toybox/{run.stack}/ssh/known_hosts").read_text()
    assert "StrictHostKeyChecking yes" in config
    assert known_hosts == f"toybox-{run.stack} {ssh_public_key(canaries(run.stack)['sshHostKey'])}\n"


def test_the_private_key_is_for_its_owner_only(run: Run) -> None:
    folder = run.folder / f".toybox/{run.stack}/ssh"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
        "config": 0o600,
        "identity": 0o600,
        "known_hosts": 0o600,
    }
