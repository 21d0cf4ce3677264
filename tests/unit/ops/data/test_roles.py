"""A refresh replaces a data volume: only a staging's, and only by a production's data. A restore is a production's."""

import pytest

from ops import OpsError
from ops.data.refresh.refresh import refuse_other_roles
from ops.data.restore.volume import refuse_other_than_production
from settings import Declared
from tests.unit.test_settings import parse


def declared(environment: str) -> Declared:
    return parse({"environment": environment})


def test_a_refresh_goes_from_a_production_to_a_staging_only() -> None:
    refuse_other_roles(declared("staging"), declared("production"), "staging")
    with pytest.raises(OpsError, match=r"toybox:environment of staging is production, and has to be staging"):
        refuse_other_roles(declared("production"), declared("production"), "staging")
    with pytest.raises(OpsError, match=r"toybox:environment of prod is staging, and has to be production"):
        refuse_other_roles(declared("staging"), declared("staging"), "staging")


def test_a_restore_of_a_volume_is_a_productions() -> None:
    refuse_other_than_production("prod", declared("production"))
    with pytest.raises(
        OpsError, match=r"of staging is staging, and has to be production(.|\n)*toybox refresh --stack staging"
    ):
        refuse_other_than_production("staging", declared("staging"))
