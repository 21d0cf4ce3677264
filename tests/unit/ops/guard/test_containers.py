"""A container does not lose the data that it writes, though Docker would start it all the same."""

from typing import Any

import pytest

from ops.guard import rules
from ops.guard.containers import _path
from ops.guard.preview import UNKNOWN, Preview
from tests.unit.ops.guard.edits import mount, replace, words
from tests.unit.ops.guard.plans import CADDY, POSTGRES, REDIS
from tests.unit.ops.guard.recordings import altered, found, step


def with_mount(container: str, **inputs: object) -> Preview:
    """Production with another first volume of a container; nothing said takes it away."""

    def change(document: dict[str, Any]) -> None:
        replaced = step(document, container)
        replaced["op"] = "replace"
        new = replaced["newState"]["inputs"]
        first, *others = [mount for mount in new["mounts"] if mount["type"] == "volume"]
        new["mounts"] = [*([{**first, **inputs}] if inputs else []), *others]

    return altered("no-change", change)


def test_a_volume_that_is_gone_is_stopped() -> None:
    assert found(with_mount(POSTGRES)) == {("unmount", POSTGRES)}


def test_another_volume_in_its_place_is_stopped_and_named() -> None:
    preview = with_mount(POSTGRES, source="redis")
    assert found(preview) == {("unmount", POSTGRES), ("share", POSTGRES)}
    finding, sharing = rules.findings(preview)
    assert "which redis writes to now" in sharing.happens
    assert "would no longer write to the volume postgres at /var/lib/postgresql/data" in finding.happens
    assert "the volume redis" in finding.means


def test_a_volume_at_another_path_is_stopped() -> None:
    assert found(with_mount(POSTGRES, target="/var/lib/postgresql")) == {("unmount", POSTGRES)}


def test_a_volume_that_can_no_longer_be_written_is_stopped() -> None:
    """The database does not start on it; it is not empty, and the text must not say so."""
    preview = with_mount(POSTGRES, readOnly=True)
    assert found(preview) == {("unmount", POSTGRES)}
    (finding,) = rules.findings(preview)
    assert "could only read it" in finding.means
    assert "empty" not in finding.means


def test_a_volume_that_is_not_known_yet_is_not_taken_for_the_same() -> None:
    assert found(with_mount(POSTGRES, source=UNKNOWN)) == {("unmount", POSTGRES)}


@pytest.mark.parametrize(
    ("path", "clean"),
    [("/a/b/", "/a/b"), ("/a/../b", "/b"), ("/a/./b//c", "/a/b/c"), ("/..", "/"), ("/", "/"), (UNKNOWN, UNKNOWN)],
)
def test_a_path_is_compared_without_its_detours(path: str, clean: str) -> None:
    assert _path(path) == clean


def test_what_changes_beside_the_way_is_noted() -> None:
    notes = rules.notes(
        altered(
            "no-change", replace(POSTGRES, user="0"), words(REDIS, "--loglevel", "debug"), mount(CADDY, "/srv/media")
        )
    )
    assert any("postgres, which writes data, would have another user" in note for note in notes)
    assert any("redis would run another command: + --loglevel, + debug" in note for note in notes)
    assert any("caddy would no longer read the volume media at /srv/media" in note for note in notes)


def test_what_a_container_only_reads_is_no_data_of_its_own() -> None:
    """Caddy shows the uploads and the static files, and writes neither."""

    def change(document: dict[str, Any]) -> None:
        caddy = step(document, CADDY)
        caddy["op"] = "replace"
        new = caddy["newState"]["inputs"]
        assert any(mount.get("readOnly") and mount["type"] == "volume" for mount in new["mounts"])
        new["mounts"] = [mount for mount in new["mounts"] if not mount.get("readOnly")]

    assert found(altered("no-change", change)) == set()
