"""TOYBOX's image is fetched by its digest, kept for the next drill, and never used half-unpacked."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from keeper import image
from keeper.places import Places
from keeper.programs import FailedError
from keeper.refusal import Refusal

DIGEST = f"sha256:{'4' * 64}"
REFERENCE = f"registry.example:5000/toybox:1@{DIGEST}"
CONFIG = {"config": {"Entrypoint": ["tini", "--"]}}
RUNTIME = {"process": {"env": ["PATH=/bin", "EMPTY="], "cwd": "/app", "user": {"uid": 10001, "gid": 10002}}}


@pytest.mark.parametrize("tag", ["", ":1", ":lab-83bcce222357"])
@pytest.mark.parametrize("name", ["toybox", "registry.example:5000/team/toybox"])
def test_an_image_is_named_by_its_digest_alone(name: str, tag: str) -> None:
    """skopeo takes no tag beside it."""
    assert image.parts(f"{name}{tag}@{DIGEST}") == (name, DIGEST)


@pytest.mark.parametrize("reference", ["toybox", "toybox:1", "toybox@sha256:12", f"a b@{DIGEST}", ""])
def test_an_image_without_a_digest_is_refused(reference: str) -> None:
    with pytest.raises(Refusal, match="names no image by its digest"):
        image.parts(reference)


def test_what_an_image_says_of_itself() -> None:
    assert image.described(CONFIG, RUNTIME) == {
        "entrypoint": ["tini", "--"],
        "environment": {"PATH": "/bin", "EMPTY": ""},
        "folder": "/app",
        "uid": 10001,
        "gid": 10002,
    }
    assert image.described({"config": {"Entrypoint": None}}, RUNTIME)["entrypoint"] == []


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of a registry that has the image."""
    commands: list[list[str]] = []

    def run(*command: str | Path, **_: Any) -> str:
        words = [str(word) for word in command]
        commands.append(words)
        if "unpack" in words:
            Path(words[-1], "bin").mkdir(parents=True)
            Path(words[-1], "bin").chmod(0o500)
        if "runtime-config" in words:
            Path(words[-1]).write_text(json.dumps(RUNTIME))
        return json.dumps(CONFIG) if "inspect" in words else ""

    monkeypatch.setattr(image, "run", run)
    return commands


def test_an_image_is_fetched_once_and_an_older_one_goes(places: Places, ran: list[list[str]]) -> None:
    first = image.fetched(places, REFERENCE)
    assert (first.root / "bin").is_dir()
    assert (first.uid, first.gid, first.folder) == (10001, 10002, "/app")
    number = len(ran)
    assert image.fetched(places, REFERENCE) == first
    assert len(ran) == number
    assert image.room(places, REFERENCE) == 0
    other = REFERENCE.replace("4", "5")
    assert image.room(places, other) == image.ROOM
    image.fetched(places, other)
    assert [each.name for each in (places.data / image.FOLDER).iterdir()] == [f"sha256-{'5' * 64}"]


def test_it_is_fetched_by_digest_and_unpacked_where_nothing_that_is_kept_is_seen(
    places: Places, ran: list[list[str]]
) -> None:
    image.fetched(places, REFERENCE)
    assert f"docker://registry.example:5000/toybox@{DIGEST}" in ran[0]
    (unpacking,) = [words for words in ran if "unpack" in words]
    assert unpacking[0] == "bwrap"
    assert "--unshare-all" in unpacking
    assert [unpacking[at + 1] for at, word in enumerate(unpacking) if word == "--bind"] == [
        str(places.data / image.FOLDER / image.NEW)
    ]


@pytest.mark.parametrize(
    ("fails", "said"), [("copy", "cannot be fetched"), ("unpack", "cannot be unpacked")], ids=["registry", "layers"]
)
def test_an_image_that_is_not_whole_is_not_used_and_the_one_before_stays(
    places: Places, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, fails: str, said: str
) -> None:
    image.fetched(places, REFERENCE)

    def run(*command: str | Path, **_: Any) -> str:
        if fails in command:
            (places.data / image.FOLDER / image.NEW / "rootfs").mkdir()
            raise FailedError(1, "manifest unknown")
        return json.dumps(CONFIG)

    monkeypatch.setattr(image, "run", run)
    with pytest.raises(Refusal, match=rf"{said}(.|\n)*manifest unknown"):
        image.fetched(places, REFERENCE.replace("4", "5"))
    assert [each.name for each in (places.data / image.FOLDER).iterdir()] == [f"sha256-{'4' * 64}"]


def test_a_half_unpacked_image_of_a_drill_that_was_killed_is_unpacked_again(
    places: Places, ran: list[list[str]]
) -> None:
    left = image.place(places, REFERENCE)
    (left / "rootfs" / "half").mkdir(parents=True)
    (left.with_name(image.NEW) / "rootfs").mkdir(parents=True)
    assert not (image.fetched(places, REFERENCE).root / "half").exists()
    assert [each.name for each in left.parent.iterdir()] == [left.name]


def test_a_folder_that_may_not_be_written_to_is_deleted_and_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "kept").touch()
    folder = tmp_path / "image" / "usr" / "bin"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(outside)
    for each in (folder, folder.parent):
        each.chmod(0o500)
    image.remove(tmp_path / "image")
    assert not (tmp_path / "image").exists()
    assert (outside / "kept").exists()
    assert os.stat(outside).st_mode & 0o777 == 0o755
