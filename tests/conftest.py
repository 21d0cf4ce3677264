"""Tests that run what the docs print: the mark that names a section, and the fixture that runs its commands."""

from collections.abc import Iterator

import pytest

from tests.documentation import section
from tests.procedure import Procedure, Procedures, Shell


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "documented(section): runs the commands of this section of the docs")


@pytest.fixture
def procedure(request: pytest.FixtureRequest) -> Iterator[Procedures]:
    """The commands of the section that the test is marked with. All of them must have been run when it ends well."""
    mark = request.node.get_closest_marker("documented")
    assert mark, "a test that uses `procedure` says which section of the docs it runs: @pytest.mark.documented"
    begun: list[Procedure] = []

    def begin(shell: Shell) -> Procedure:
        begun.append(Procedure(section(mark.args[0]), shell))
        return begun[-1]

    failed = request.session.testsfailed
    yield begin
    for steps in begun:
        steps.shell.close()
    if request.session.testsfailed == failed:
        assert begun, f"{mark.args[0]}: none of its commands was run"
        for steps in begun:
            assert not steps.left, f"{mark.args[0]}: these were not run: {steps.left}"
