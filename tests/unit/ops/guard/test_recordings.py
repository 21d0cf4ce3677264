"""Each change that the guard must stop, and each that it must let pass, as the real engine previews it."""

from datetime import date

import pytest
from syrupy.assertion import SnapshotAssertion

from ops.guard import preview, rules, text
from ops.guard.cost import cost
from ops.guard.exceptions import judge
from tests.lab.record_previews import CASES
from tests.unit.ops.guard import recordings

TODAY = date(2026, 11, 24)
VOLUMES = ("caddy-config", "caddy-data", "media", "postgres", "redis", "static")
SERVICES = ("caddy", "django-beat", "django-web", "django-worker", "postgres", "redis")

PASSES = {
    "no-change",
    "image-digest",
    "flavor",
    "container-environment",
    "caddyfile",
    "operator-removed",
    "boot-volume-replaced",
    "docker-volume-missing",
    "one-target",
    "rule-renamed",
    "data-volume-adopted",
}

STOPS = {
    "restore-points-off": {("delete", "snapshots-subscription")},
    "unprotected": {("unprotect", "data-volume")},
    "not-retained": {("unretain", "data-volume")},
    "unprotected-and-replaced": {("replace", "data-volume"), ("unprotect", "data-volume")},
    "data-volume-renamed": {("delete", "data-volume"), ("recreate", "data-disk")},
    "data-volume-deleted": {("delete", "data-volume"), ("detach", "server-instance")},
    "data-volume-lost-from-state": {("recreate", "data-volume")},
    "data-volume-gone-in-the-cloud": {("recreate", "data-volume")},
    "state-lost": {("recreate", "data-volume")},
    "destroyed": {
        ("delete", "data-volume"),
        ("delete", "snapshots-subscription"),
        *(("delete", f"volumes-{name}") for name in VOLUMES),
    },
    "docker-volume-label": {("replace", f"volumes-{name}") for name in VOLUMES},
    "docker-volume-elsewhere": {("recreate", f"volumes-{name}") for name in VOLUMES},
    "docker-volume-inside-docker": {("recreate", "volumes-media")},
    "database-mounted-elsewhere": {("unmount", "postgres-container")},
    "server-without-data": {("detach", "server-instance")},
    "server-takes-data-along": {("detach", "server-instance")},
    "port-published": {("publish", "postgres-container")},
    "host-network": {("publish", f"{name}-container") for name in SERVICES},
    "operator-added": {("open", "server-ingress-ssh-192.0.2.44-32")},
    "ssh-from-everywhere": {("open", "server-ingress-ssh-all")},
    "rule-widened": {
        ("open", f"server-ingress-{rule}")
        for rule in ("http-ipv4", "http-ipv6", "https-ipv4", "https-ipv6", "ssh-198.51.100.1-32")
    },
    "image-without-digest": {("unpin", "redis-image-pulled")},
}

FAILED = {
    "protected-and-replaced": {("replace", "data-volume")},
    "protected-and-deleted": {("delete", "data-volume"), ("detach", "server-instance")},
    "settings-refused": set[tuple[str, str]](),
}
"""Previews that broke off. What they say until then is told as well."""


def found(name: str) -> set[tuple[str, str]]:
    return recordings.found(preview.read(recordings.text(name)))


def test_every_case_is_recorded_and_every_recording_is_judged() -> None:
    assert PASSES | STOPS.keys() | FAILED.keys() == set(recordings.NAMES) == CASES.keys()


@pytest.mark.parametrize("name", sorted(PASSES))
def test_a_harmless_change_passes(name: str) -> None:
    assert found(name) == set()
    assert not preview.read(recordings.text(name)).errors


@pytest.mark.parametrize("name", sorted(STOPS))
def test_a_harmful_change_is_stopped_by_exactly_what_is_harmful(name: str) -> None:
    assert found(name) == STOPS[name]
    assert not preview.read(recordings.text(name)).errors


@pytest.mark.parametrize("name", sorted(FAILED))
def test_a_preview_that_broke_off_is_stopped_and_still_tells_what_it_knows(name: str) -> None:
    assert found(name) == FAILED[name]
    broken = preview.read(recordings.text(name))
    assert broken.errors
    assert not text.passes(broken, judge((), (), "prod", TODAY))


@pytest.mark.parametrize("name", recordings.NAMES)
def test_what_the_guard_says(name: str, snapshot: SnapshotAssertion) -> None:
    """For people: what would happen, to which thing, what it means for the data, how to proceed."""
    read = preview.read(recordings.text(name))
    judged = judge(rules.findings(read), (), read.stack, TODAY)
    assert text.report(read, judged, rules.notes(read), cost(read), TODAY) == snapshot


@pytest.mark.parametrize("name", recordings.NAMES)
def test_recordings_hold_nothing_of_the_machine_that_made_them(name: str) -> None:
    for trace in (
        "/root",
        "/work",
        "/home",
        "site-packages",
        "127.0.0.1",
        ":5001",
        "ciphertext",
        "PRIVATE KEY",
        '"stdin":',
    ):
        assert trace not in recordings.text(name)
