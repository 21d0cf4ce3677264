"""What is carried from the keeper is, on the server, what production had: content, owners, modes, links."""

import io
import json
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from keeper import tree


@pytest.fixture
def pulled(tmp_path: Path) -> Path:
    """A folder as rsync --fake-super leaves it: of one user here, and of others by its extended attributes."""
    folder = tmp_path / "pulled"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "1.jpg").write_bytes(b"a picture")
    (folder / "photos" / "link").write_text("1.jpg")
    (folder / "a b \u6771\u4eac").write_text("")
    for path, told in {
        ".": "40750 0,0 10001:10001",
        "photos": "42770 0,0 10001:10001",
        "photos/1.jpg": "100640 0,0 10001:10002",
        "photos/link": "120777 0,0 0:0",
    }.items():
        os.setxattr(folder / path, tree.FAKE_SUPER, told.encode())
    return folder


def test_owner_and_mode_are_those_that_rsync_noted(pulled: Path) -> None:
    found = {each.path: each for each in tree.entries(pulled, "kept")}
    assert list(found) == [".", "a b \u6771\u4eac", "photos", "photos/1.jpg", "photos/link"]
    assert found["photos/1.jpg"] == tree.Entry("photos/1.jpg", "file", 0o640, 10001, 10002, 9)
    assert found["photos"] == tree.Entry("photos", "folder", 0o2770, 10001, 10001)
    assert found["photos/link"] == tree.Entry("photos/link", "link", 0o777, 0, 0, 0, "1.jpg")
    own = (pulled / "a b \u6771\u4eac").stat()
    assert found["a b \u6771\u4eac"].mode == stat.S_IMODE(own.st_mode), "without a note the file system is right"


def test_the_archive_says_what_the_listing_says(pulled: Path) -> None:
    packed = io.BytesIO()
    tree.pack(pulled, "kept", packed)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        members = {member.name: member for member in archive}
        assert set(members) == {each.path for each in tree.entries(pulled, "kept")}
        for each in tree.entries(pulled, "kept"):
            member = members[each.path]
            assert (member.mode, member.uid, member.gid) == (each.mode, each.uid, each.gid)
            assert member.linkname == each.leads_to
        content = archive.extractfile("photos/1.jpg")
        assert content is not None
        assert content.read() == b"a picture"


def test_a_database_gets_the_owner_that_it_needs(pulled: Path) -> None:
    assert {(each.uid, each.gid) for each in tree.entries(pulled, "999")} == {(999, 999)}


def test_a_flipped_bit_another_mode_and_a_missing_file_are_seen(pulled: Path) -> None:
    before = set(tree.listing(pulled, "real"))
    (pulled / "photos" / "1.jpg").write_bytes(b"b picture")
    (pulled / "photos").chmod(0o700)
    (pulled / "photos" / "link").unlink()
    changed = {json.loads(line)["path"] for line in before - set(tree.listing(pulled, "real"))}
    assert changed == {"photos", "photos/1.jpg", "photos/link"}


def test_a_part_is_listed_as_in_the_whole(pulled: Path) -> None:
    whole = list(tree.listing(pulled, "kept"))
    assert list(tree.listing(pulled, "kept", "photos/1.jpg")) == [each for each in whole if "1.jpg" in each][:1]
    assert set(tree.listing(pulled, "kept", "photos")) < set(whole)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no file, folder or symbolic link"):
        list(tree.listing(tmp_path, "real"))


def test_it_runs_alone_from_standard_input(pulled: Path) -> None:
    """As on the keeper and on the server, which have no file of it."""
    done = subprocess.run(
        [sys.executable, "-I", "-", "list", str(pulled), "kept"],
        input=Path(tree.__file__).read_text(),
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert done.stdout.splitlines() == list(tree.listing(pulled, "kept"))
