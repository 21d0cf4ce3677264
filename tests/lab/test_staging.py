"""Staging beside production."""

import pytest

from tests.lab.toybox import Toybox
from tests.procedure import Procedures


@pytest.mark.documented("docs/runbook.md#passwords-that-people-forget")
def test_staging_asks_for_a_password_and_is_not_to_be_indexed(staging: Toybox, procedure: Procedures) -> None:
    stranger = staging.browser()
    stranger.auth = lambda request: request  # not even the netrc file
    refused = stranger.get("/")
    assert refused.status_code == 401
    assert "noindex" in refused.headers["X-Robots-Tag"]

    password = procedure(staging.shell()).run().strip()
    guest = staging.browser()
    guest.auth = ("toybox", password)
    seen = guest.get("/")
    assert seen.status_code == 200
    assert "TOYBOX" in seen.text


def test_staging_and_production_share_nothing_but_the_account(staging: Toybox, prod: Toybox) -> None:
    ours, theirs = staging.outputs(), prod.outputs()
    for output in ("address", "serverId", "dataVolumeId", "url"):
        assert ours[output] != theirs[output]
    assert staging.manage("shell -c 'from posts.models import Post; print(Post.objects.count())'").split()[-1] == "0"
