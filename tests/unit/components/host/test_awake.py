"""A server that does not answer: one that is off is started, one that is gone is told, one that runs is tried."""

from types import SimpleNamespace
from typing import Any

import pytest

from components.host.awake import render_gone, wake


class Compute:
    """Nova with one server, or none."""

    def __init__(self, status: str | None) -> None:
        self.server = status and SimpleNamespace(id="id", status=status)
        self.started = 0

    def find_server(self, server_id: str) -> Any:
        return self.server

    def start_server(self, server: Any) -> None:
        self.started += 1

    def wait_for_server(self, server: Any, **wanted: Any) -> None:
        assert wanted["status"] == "ACTIVE"


@pytest.mark.parametrize(("status", "started"), [("SHUTOFF", 1), ("ACTIVE", 0), ("ERROR", 0), (None, 0)])
def test_only_a_server_that_is_off_is_started(status: str | None, started: int) -> None:
    said: list[str] = []
    compute = Compute(status)
    told: Any = SimpleNamespace(compute=compute)
    assert wake(told, "id", said.append) == status
    assert (compute.started, len(said)) == (started, started)


def test_a_server_that_is_gone_is_told_with_the_command_that_makes_it() -> None:
    text = render_gone(stack="prod", server_id="id")
    assert "pulumi up --stack prod --replace '**::server-boot-volume'" in text
    assert all(len(line) <= 120 for line in text.splitlines())
