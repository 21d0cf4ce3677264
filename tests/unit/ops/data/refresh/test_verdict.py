"""Whether a refreshed staging holds what the restore point held, and nothing personal."""

from types import SimpleNamespace
from typing import Any

import pytest

from ops.data.refresh.verdict import (
    container_problems,
    problems,
    summary,
    volume_problems,
)

REPORT: dict[str, Any] = {
    "record": {
        "volume": "volume",
        "rows": {
            "before": {"posts_post": 500, "accounts_user": 50, "django_session": 9},
            "after": {"posts_post": 500, "accounts_user": 50, "django_session": 0},
            "emptied": ["django_session"],
        },
        "media": {"before": {"files": 200, "bytes": 300_000_000}, "after": {"files": 200, "bytes": 300_000_000}},
    },
    "rows": {"posts_post": 502, "accounts_user": 50, "django_session": 1},
    "media": {"files": 200, "bytes": 300_000_000},
    "addresses": {},
    "unlisted": [],
}


def changed(**changes: Any) -> dict[str, Any]:
    return {**REPORT, **changes}


def test_all_is_well() -> None:
    assert problems(REPORT, "volume") == []
    said = "\n".join(summary(REPORT))
    assert "550 rows in 2 tables" in said
    assert "200 files of 300.0 MB" in said
    assert "django_session (9 rows)" in said


@pytest.mark.parametrize(
    ("report", "says"),
    [
        (changed(record=None), "no record of a scrub"),
        (changed(record={**REPORT["record"], "volume": "another"}), "no record of a scrub"),
        (changed(addresses={"posts_post.body": 3}), "posts_post.body holds a real e-mail address in 3 rows"),
        (changed(unlisted=["newsletter.phone (text)"]), "newsletter.phone"),
        (changed(media={"files": 199, "bytes": 1}), "199 files"),
        (changed(rows={"posts_post": 0, "accounts_user": 50}), "posts_post is empty now"),
        (changed(rows={"posts_post": 500}), "accounts_user is empty now"),
        (
            changed(record={**REPORT["record"], "rows": {**REPORT["record"]["rows"], "after": {"posts_post": 499}}}),
            "posts_post has 499 rows and should have 500",
        ),
    ],
)
def test_whatever_is_wrong_is_said(report: dict[str, Any], says: str) -> None:
    assert any(says in problem for problem in problems(report, "volume"))


def volume(**changes: Any) -> Any:
    """A volume as openstacksdk has it, made from a backup, as stock OpenStack tells it."""
    whole: dict[str, Any] = {
        "snapshot_id": None,
        "backup_id": "point",
        "metadata": {},
        "attachments": [{"server_id": "server"}],
    }
    return SimpleNamespace(id="volume", **(whole | changes))


@pytest.mark.parametrize(
    "made",
    [
        volume(),
        volume(backup_id=None, snapshot_id="point"),
        volume(backup_id=None, metadata={"src_backup_id": "point"}),
    ],
)
def test_a_volume_made_from_the_restore_point_on_the_stacks_server_is_right(made: Any) -> None:
    assert volume_problems(made, "point", "server") == []


@pytest.mark.parametrize(
    ("made", "server", "says"),
    [
        (volume(backup_id=None), "server", "made from nothing, and should be from point"),
        (volume(backup_id="another"), "server", "made from another"),
        (volume(attachments=[]), "server", "attached to nothing"),
        (volume(), "another", "attached to server, the server is another"),
        (volume(), None, "the server is None"),
    ],
)
def test_the_cloud_is_asked_what_the_volume_is_and_who_has_it(made: Any, server: str | None, says: str) -> None:
    """The state says what was asked for; that the cloud did it, only the cloud can say."""
    assert any(says in problem for problem in volume_problems(made, "point", server))


def test_every_container_is_healthy_by_dockers_word() -> None:
    """A site behind a password answers 401 while only Caddy runs."""
    names = ["beat", "caddy", "postgres", "redis", "web", "worker"]
    lines = [f"{name} Up 2 minutes (healthy)" for name in names]
    assert container_problems("\n".join(lines)) == []
    assert container_problems("\n".join(lines[:-1])) == ["container worker is not there"]
    restarting = [*lines[:-1], "worker Restarting (1) 3 seconds ago"]
    assert container_problems("\n".join(restarting)) == ["container worker is Restarting (1) 3 seconds ago"]
    assert container_problems("\n".join([*lines[:-1], "worker Up 8 seconds (health: starting)"])) == []
    unhealthy = [*lines[:-1], "worker Up 2 minutes (unhealthy)"]
    assert len(container_problems("\n".join(unhealthy))) == 1
