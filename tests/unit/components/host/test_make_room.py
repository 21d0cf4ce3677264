"""What is removed before a container or a network is made."""

import shlex

import pytest

from components.host.commands import make_room
from components.host.make_room import ssh_arguments
from host.look import LIBRARY


def test_a_container_of_the_same_name_gets_its_own_time_to_stop() -> None:
    """It may be a database, and 120 s to shut down are its own."""
    inputs = {"name": "postgres", "destroyGraceSeconds": 120.0, "image": "sha256:feed"}
    timeout, seconds, *rest = shlex.split(make_room("docker:index/container:Container", inputs))
    assert rest == [f"{LIBRARY}/make-room", "container", "postgres", "120"]
    assert (timeout, int(seconds) > 120) == ("timeout", True)


def test_a_network_of_the_same_name_goes_because_docker_would_make_a_second_one() -> None:
    command = make_room("docker:index/network:Network", {"name": "backend"})
    assert shlex.split(command)[2:] == [f"{LIBRARY}/make-room", "network", "backend"]


@pytest.mark.parametrize("kind", ["docker:index/volume:Volume", "docker:index/remoteImage:RemoteImage"])
def test_volumes_and_images_are_never_removed(kind: str) -> None:
    """Docker answers with the one that is there."""
    assert make_room(kind, {"name": "postgres"}) == ""


def test_the_stacks_pinned_connection_is_used() -> None:
    arguments = ssh_arguments(".toybox/prod/ssh/config", "198.51.100.7", "make-room network edge")
    assert arguments[:3] == ["ssh", "-F", ".toybox/prod/ssh/config"]
    assert arguments[-3:] == ["--", "root@198.51.100.7", "make-room network edge"]
    assert "StrictHostKeyChecking" not in " ".join(arguments)
