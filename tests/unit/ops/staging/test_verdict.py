"""Whether a refreshed staging holds what the restore point held, and nothing personal."""

from typing import Any

import pytest

from ops.staging.verdict import problems, summary

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
        (
            changed(record={**REPORT["record"], "rows": {**REPORT["record"]["rows"], "after": {"posts_post": 499}}}),
            "posts_post has 499 rows and should have 500",
        ),
    ],
)
def test_whatever_is_wrong_is_said(report: dict[str, Any], says: str) -> None:
    assert any(says in problem for problem in problems(report, "volume"))
