"""`toybox logs`: which journal entries it asks the server for."""

import shlex

import pytest

from components.containers.memory import SHARES
from ops import OpsError
from ops.logs import CONTAINERS, IN_DOCKER, journal_command


def test_every_container_has_a_log() -> None:
    assert set(CONTAINERS) == set(SHARES)


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_journal_is_asked_for_the_containers_name_and_not_for_its_id(container: str) -> None:
    """An id would be the present container's alone."""
    words = shlex.split(journal_command(container, 50))
    assert words[0] == "journalctl"
    assert words[words.index("--lines") + 1] == "50"
    assert words[-1] == f"CONTAINER_NAME={IN_DOCKER.get(container, container)}"


def test_an_unknown_container_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(OpsError, match="Containers: web, worker"):
        journal_command("web; rm -rf /", 50)
