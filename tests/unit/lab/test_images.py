"""Image contexts and their keys, the base's sources, and what goes over the wire to the registry."""

import hashlib
import io
import json
import re
import tarfile
from pathlib import Path
from types import MappingProxyType

import pytest

from lab.images import CONTEXTS, VERSIONS
from lab.images.base import debian_sources, reaching
from lab.images.context import Context, File, read_context
from lab.images.registry import Registry

FILES = {"Dockerfile": File(b"FROM x\n"), "entry.sh": File(b"#!/bin/sh\n", executable=True)}


@pytest.mark.parametrize(
    "other",
    [
        FILES | {"Dockerfile": File(b"FROM y\n")},
        FILES | {"entry.sh": File(b"#!/bin/sh\n")},
        FILES | {"new": File(b"")},
        {"Dockerfile": FILES["Dockerfile"], "entrance.sh": FILES["entry.sh"]},
    ],
    ids=["content", "mode", "one more file", "name"],
)
def test_the_key_changes_with_everything_an_image_is_made_of(other: dict[str, File]) -> None:
    assert Context(FILES).key("base") != Context(other).key("base")


def test_the_key_changes_with_the_base_and_not_with_the_order() -> None:
    assert Context(FILES).key("base") == Context(dict(reversed(FILES.items()))).key("base")
    assert Context(FILES).key("base") != Context(FILES).key("another base")
    assert re.fullmatch("[0-9a-f]{12}", Context(FILES).key())


def test_what_tools_leave_behind_is_no_part_of_a_context(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "a.py").write_text("1")
    before = read_context(tmp_path)
    for leftover in ("app/__pycache__/a.cpython-311.pyc", ".ruff_cache/0.1/x", "app/.mypy_cache/y"):
        (tmp_path / leftover).parent.mkdir(parents=True)
        (tmp_path / leftover).write_text("junk")
    assert read_context(tmp_path) == before == Context({"app/a.py": File(b"1")})


def test_the_archive_holds_the_files_with_their_modes_and_is_the_same_each_time() -> None:
    archive = Context(FILES).tar()
    assert archive == Context(dict(reversed(FILES.items()))).tar()
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        assert {entry.name: oct(entry.mode) for entry in opened} == {"Dockerfile": "0o644", "entry.sh": "0o755"}


@pytest.mark.parametrize("name", CONTEXTS)
def test_every_image_is_made_on_the_base_that_it_is_given(name: str) -> None:
    context = read_context(CONTEXTS[name])
    dockerfile = context.files["Dockerfile"].content.decode()
    assert "ARG BASE\nFROM ${BASE}" in dockerfile
    assert name in VERSIONS
    entrypoints = [file for path, file in context.files.items() if path.endswith("entrypoint.sh")]
    assert all(file.executable for file in entrypoints)


def test_python_packages_are_pinned_by_hash() -> None:
    lines = read_context(CONTEXTS["django"]).files["requirements.txt"].content.decode()
    requirements = re.sub(r"\\\n", "", lines).splitlines()
    assert requirements
    assert all(re.match(r"\S+==\S+ .*--hash=sha256:", line) for line in requirements)


def test_the_base_comes_from_the_machines_own_sources_of_debian() -> None:
    targets = (
        "http://mirror.invalid/debian/ bookworm main\n"
        "http://mirror.invalid/debian/ bookworm main\n"
        "http://mirror.invalid/debian/ bookworm contrib\n"
        "http://mirror.invalid/debian/ bookworm-updates main\n"
        "http://mirror.invalid/debian-security/ bookworm-security main\n"
        "http://else.invalid/node nodistro main\n"
    )
    assert debian_sources(targets) == [
        "deb http://mirror.invalid/debian/ bookworm main",
        "deb http://mirror.invalid/debian/ bookworm-updates main",
        "deb http://mirror.invalid/debian-security/ bookworm-security main",
    ]
    assert debian_sources("") == []


def test_the_base_keeps_the_machines_way_to_its_sources() -> None:
    settings = (
        'Acquire::Check-Valid-Until "false";\nAcquire::Languages:: "none";\n'
        'Acquire::http::Proxy "http://proxy.invalid:3128";\nAcquire::cdrom::mount "/media/cdrom/";\n'
    )
    assert reaching(settings) == [
        'Acquire::Check-Valid-Until "false";',
        'Acquire::http::Proxy "http://proxy.invalid:3128";',
    ]


class Recorded(Registry):
    """A registry that has the first layer already, and notes what it is sent."""

    def __init__(self, present: str) -> None:
        super().__init__("registry.invalid:5001", Path("ca.crt"))
        object.__setattr__(self, "present", present)
        object.__setattr__(self, "sent", {})

    def _request(self, method, path, *, params=None, data=None, headers=None, absent_is_fine=False):  # type: ignore[no-untyped-def]
        class Answer:
            ok = method != "HEAD" or path.endswith(self.present)  # type: ignore[attr-defined]
            headers = MappingProxyType(
                {"Location": "https://registry.invalid:5001/v2/1", "Docker-Content-Digest": "sha256:m"}
            )

        if method == "PUT":
            self.sent[params["digest"] if params else path] = data  # type: ignore[attr-defined]
        return Answer()


def test_an_upload_sends_what_is_missing_and_names_all_of_it(tmp_path: Path) -> None:
    layers = {"a/layer.tar": b"base" * 100, "b/layer.tar": b"top" * 100}
    digests = {path: f"sha256:{hashlib.sha256(layer).hexdigest()}" for path, layer in layers.items()}
    manifest = [{"Config": "config.json", "RepoTags": ["x:1"], "Layers": list(layers)}]
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        for path, content in {**layers, "config.json": b"{}", "manifest.json": json.dumps(manifest).encode()}.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

    registry = Recorded(present=digests["a/layer.tar"])
    assert registry.upload("x", "1", tmp_path / "image.tar") == "sha256:m"

    sent = registry.sent  # type: ignore[attr-defined]
    config = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    assert set(sent) == {digests["b/layer.tar"], config, "x/manifests/1"}
    named = json.loads(sent["x/manifests/1"])
    assert [layer["digest"] for layer in named["layers"]] == list(digests.values())
    assert named["config"]["digest"] == config
