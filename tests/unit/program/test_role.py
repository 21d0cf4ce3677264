"""A stack's role is declared (toybox:environment) and not read from its name: a stack called `production`, or a second
site beside prod, has everything that keeps real users' data."""

from pathlib import Path

import pytest

from tests.unit.program.conftest import configuration
from tests.unit.program.recording import Run, run_program


@pytest.fixture(scope="module", params=["production", "staging"])
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Run]:
    """A stack called `live`, in each role, with prod's settings otherwise."""
    values, secret = configuration("prod")
    values |= {"toybox:environment": request.param, "toybox:domain": "live.example"}
    folder: Path = tmp_path_factory.mktemp(request.param)
    return request.param, run_program("live", values, secret, folder)


def test_the_role_and_not_the_name_decides_over_protection_mail_and_scrubbing(live: tuple[str, Run]) -> None:
    role, run = live
    assert run.one("data-volume").request.protect is (role == "production")
    assert ("TOYBOX_MAIL=on" in run.one("django-web-container").inputs["envs"]) is (role == "production")
    scrubs = [each for each in run.resources.values() if each.type == "toybox:services:StagingScrub"]
    assert len(scrubs) == (0 if role == "production" else 1)


def test_the_state_remembers_the_role(live: tuple[str, Run]) -> None:
    """Without it the guard could not see that an update changes it."""
    role, run = live
    assert run.one("data").inputs == {"environment": role}
