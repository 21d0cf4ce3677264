"""What is there when files come back is kept beside them, and nothing outside of the volume is touched."""

import os
from pathlib import Path

import pytest

from ops.data.restore import put_files
from ops.data.restore.files import relative

STAMP = "20260122T114900Z"


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data disk with a volume, and what was brought for it."""
    monkeypatch.setattr(put_files, "MOUNT_POINT", tmp_path)
    monkeypatch.setattr(put_files, "WORK", tmp_path / ".restore-files")
    monkeypatch.setattr("os.path.ismount", lambda _: True)
    monkeypatch.setattr("os.chown", lambda *_: None)
    (tmp_path / "media" / "photos").mkdir(parents=True)
    (tmp_path / "media" / "photos" / "1.jpg").write_text("present")
    assert put_files.begin("media") == {"folder": str(tmp_path / ".restore-files" / "media")}
    (tmp_path / ".restore-files" / "media" / "photos" / "old").mkdir(parents=True)
    (tmp_path / ".restore-files" / "media" / "photos" / "1.jpg").write_text("kept")
    (tmp_path / ".restore-files" / "media" / "photos" / "old" / "2.jpg").write_text("kept")
    return tmp_path


def test_a_file_that_is_there_is_kept_beside_the_one_that_comes_back(disk: Path) -> None:
    told = put_files.place("media", "photos/1.jpg", STAMP)
    assert (disk / "media" / "photos" / "1.jpg").read_text() == "kept"
    assert told == {"kept": str(disk / "media" / "photos" / f"1.jpg.before-{STAMP}")}
    assert Path(told["kept"]).read_text() == "present"
    assert not (disk / ".restore-files").exists()


def test_a_file_whose_folder_is_gone_gets_it_back(disk: Path) -> None:
    assert put_files.place("media", "photos/old/2.jpg", STAMP) == {"kept": ""}
    assert (disk / "media" / "photos" / "old" / "2.jpg").read_text() == "kept"
    assert (disk / "media" / "photos" / "1.jpg").read_text() == "present"


def test_a_whole_volume_is_exchanged_in_the_folder_that_containers_hold(disk: Path) -> None:
    inode = (disk / "media").stat().st_ino
    told = put_files.place("media", ".", STAMP)
    assert (disk / "media").stat().st_ino == inode
    assert (disk / "media" / "photos" / "1.jpg").read_text() == "kept"
    assert told["kept"] == str(disk / f"media.before-{STAMP}")
    assert Path(told["kept"], "photos", "1.jpg").read_text() == "present"


def test_a_link_that_an_intruder_left_leads_nowhere(disk: Path) -> None:
    (disk / "media" / "photos" / "1.jpg").unlink()
    (disk / "media" / "photos").rmdir()
    os.symlink("/etc", disk / "media" / "photos")
    with pytest.raises(put_files.PlaceError, match="A symbolic link is on the way"):
        put_files.place("media", "photos/1.jpg", STAMP)


def test_a_volume_that_is_not_there_is_not_made(disk: Path) -> None:
    with pytest.raises(put_files.PlaceError, match="no volume uploads"):
        put_files.begin("uploads")


@pytest.mark.parametrize(
    ("path", "inside"), [(None, "."), ("photos/1.jpg", "photos/1.jpg"), ("/photos/", "photos"), ("./a//b", "a/b")]
)
def test_a_path_is_relative_to_its_volume(path: str | None, inside: str) -> None:
    assert relative(path) == inside
