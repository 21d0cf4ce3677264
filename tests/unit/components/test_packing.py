"""Bundles travel unchanged and look the same from every machine; hashes follow the content and nothing else."""

import base64
import io
import subprocess
import tarfile
from pathlib import Path
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from components.caddy.build_context import CONTEXT, content_hash, read_context
from components.host import bundle_version
from components.host.bundle import BundleFile, host_bundle, pack
from components.host.commands import unpack_and_run
from components.host.host_secrets import version
from tests.unit.components.test_data_disk import disk

NAMES = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=20).filter(lambda name: name.strip(".")),
    min_size=1,
    max_size=3,
).map("/".join)
FILES = st.dictionaries(
    NAMES,
    st.builds(BundleFile, st.text(st.characters(codec="utf-8")), st.sampled_from([0o400, 0o644, 0o755])),
    max_size=5,
)
CONTENTS = st.dictionaries(NAMES, st.binary(max_size=40), max_size=4)
ARGUMENTS = st.dictionaries(st.text("ABCDEFG_", min_size=1), st.text(max_size=20), max_size=4)


@given(FILES)
def test_a_bundle_is_a_faithful_archive(files: dict[str, BundleFile]) -> None:
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(pack(files), validate=True))) as archive:
        found = {
            member.name: BundleFile((archive.extractfile(member) or io.BytesIO()).read().decode(), member.mode)
            for member in archive.getmembers()
        }
    assert found == files


@given(FILES, st.randoms())
def test_a_bundle_is_the_same_text_in_any_order_and_at_any_time(files: dict[str, BundleFile], random: Random) -> None:
    """Its text is the trigger: a time or a user's name in it would converge the host on every `pulumi up`."""
    items = list(files.items())
    random.shuffle(items)
    assert pack(dict(items)) == pack(files)
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(pack(files)))) as archive:
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in archive.getmembers()} <= {(0, 0, 0, "", "")}


def test_the_shell_command_unpacks_the_bundle_runs_and_cleans_up(tmp_path: Path) -> None:
    """With the real tar and timeout; /run is moved to a folder of the test's."""
    files = {
        "apply": BundleFile('#!/bin/bash\nset -e\ncat "$1/root/etc/a file"; stat -c %a "$1/apply"; pwd >&2\n', 0o755),
        "root/etc/a file": BundleFile("content\n", 0o400),
    }
    command = unpack_and_run('"$bundle/apply" "$bundle"', seconds=10).replace("-p /run ", f"-p {tmp_path} ")
    done = subprocess.run(["bash", "-c", command], input=pack(files), capture_output=True, text=True, check=True)
    assert done.stdout == "content\n755\n"
    assert not list(tmp_path.iterdir())


def test_a_bundle_that_fails_or_hangs_says_so_and_cleans_up(tmp_path: Path) -> None:
    for script, code in (("exit 7", 7), ("sleep 60", 124)):
        files = {"apply": BundleFile(f"#!/bin/bash\n{script}\n", 0o755)}
        command = unpack_and_run('"$bundle/apply"', seconds=1).replace("-p /run ", f"-p {tmp_path} ")
        done = subprocess.run(["bash", "-c", command], input=pack(files), text=True, check=False)
        assert done.returncode == code
        assert not list(tmp_path.iterdir())


def test_half_a_bundle_runs_nothing(tmp_path: Path) -> None:
    """A connection that dies in the middle."""
    files = {"apply": BundleFile("#!/bin/bash\necho ran\n", 0o755), "root/z": BundleFile("x" * 5000)}
    command = unpack_and_run('"$bundle/apply"', seconds=10).replace("-p /run ", f"-p {tmp_path} ")
    text = pack(files)
    done = subprocess.run(
        ["bash", "-c", command], input=text[: len(text) // 2], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "ran" not in done.stdout


@given(CONTENTS, ARGUMENTS, st.randoms())
def test_a_context_has_one_hash_in_any_order(files: dict[str, bytes], args: dict[str, str], random: Random) -> None:
    shuffled_files, shuffled_args = list(files.items()), list(args.items())
    random.shuffle(shuffled_files)
    random.shuffle(shuffled_args)
    assert content_hash(dict(shuffled_files), dict(shuffled_args)) == content_hash(files, args)


@given(st.tuples(CONTENTS, ARGUMENTS), st.tuples(CONTENTS, ARGUMENTS))
def test_different_contexts_have_different_hashes(
    one: tuple[dict[str, bytes], dict[str, str]], other: tuple[dict[str, bytes], dict[str, str]]
) -> None:
    assert (content_hash(*one) == content_hash(*other)) == (one == other)


@given(CONTENTS.filter(lambda files: any(files.values())), ARGUMENTS, st.data())
def test_any_byte_any_name_and_any_argument_changes_the_hash(
    files: dict[str, bytes], args: dict[str, str], data: st.DataObject
) -> None:
    before = content_hash(files, args)
    name = data.draw(st.sampled_from(sorted(name for name, content in files.items() if content)))
    place = data.draw(st.integers(0, len(files[name]) - 1))
    flipped = bytearray(files[name])
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    assert content_hash({**files, name: bytes(flipped)}, args) != before
    renamed = {(f"{key}~" if key == name else key): content for key, content in files.items()}
    assert content_hash(renamed, args) != before
    assert content_hash(files, {**args, "NEW": ""}) != before
    for argument, value in args.items():
        assert content_hash(files, {**args, argument: f"{value}~"}) != before


def test_one_file_cannot_pass_for_two() -> None:
    """Or a name for content: the length of each is part of the hash."""
    assert content_hash({"a": b"1file b 1\n2"}, {}) != content_hash({"a": b"1", "b": b"2"}, {})
    assert content_hash({"a": b"1file b \n2"}, {}) != content_hash({"a": b"1", "b": b"2"}, {})
    assert content_hash({"a": b"1"}, {}) != content_hash({}, {"a": "1"})


def test_every_file_of_caddys_context_counts() -> None:
    """Those that the Docker daemon is sent, and no other."""
    files = read_context()
    assert set(files) == {"Caddyfile", "Dockerfile"}
    assert all((CONTEXT / name).read_bytes() == content for name, content in files.items())
    assert len({content_hash(files, {}), *(content_hash({**files, name: b""}, {}) for name in files)}) == 3


@settings(max_examples=25)
@given(st.uuids(), st.uuids())
def test_the_host_is_checked_again_whenever_its_bundle_changes(one: UUID, other: UUID) -> None:
    first, second = (bundle_version(pack(host_bundle(disk(volume=str(volume)), []))) for volume in (one, other))
    assert (first == second) == (one == other)


@given(st.text(), st.text())
def test_a_secrets_version_changes_with_it_and_does_not_show_it(one: str, other: str) -> None:
    assert (version(one) == version(other)) == (one == other)
    assert len(version(one)) == 12
    assert set(version(one)) <= set("0123456789abcdef")
