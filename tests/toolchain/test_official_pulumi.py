"""`toolchain/install pulumi` beside an official Pulumi. The official one cannot be had here, nor can its plugins: a
stand-in named `pulumi` notes what it is told, and a stand-in for Go "builds" more of them. What is real is the script.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
NEEDED = re.findall(r"^\tgithub\.com/pulumi/pulumi/sdk/v3 v(\S+)", (CHECKOUT / "toolchain/go.mod").read_text(), re.M)[0]
PLUGINS = ("openstack", "docker", "command")

PULUMI = """\
#!/bin/sh
# A stand-in for pulumi, version {version}: answers `version` and notes everything else.
[ "$1" != version ] || exec echo v{version}
echo "$0 $*" >>"{notes}"
exit {plugins_fail}
"""

GO = """\
#!/bin/bash
# A stand-in for go(1): "builds" stand-ins for what it is asked for.
case $1 in
env) echo go1.99 ;;
build)
    while [[ $1 != -o ]]; do shift; done
    for package in "${@:3}"; do
        printf '#!/bin/sh\\necho "$0 $*" >>"%s"\\n' "NOTES" >"$2/${package##*/}"
        chmod +x "$2/${package##*/}"
    done
    ;;
esac
"""


@dataclass
class Machine:
    """A machine with the project's checkout, empty caches, and an official Pulumi of some version on PATH."""

    folder: Path
    official: Path
    notes: Path

    def install(self) -> "subprocess.CompletedProcess[str]":
        """Run `toolchain/install pulumi`."""
        return subprocess.run(
            [self.folder / "checkout/toolchain/install", "pulumi"],
            env={
                "HOME": str(self.folder),
                "XDG_CACHE_HOME": str(self.folder / "cache"),
                "PATH": f"{self.official.parent}:{self.folder / 'go'}:/usr/bin:/bin",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def noted(self) -> list[str]:
        """What the stand-ins were told, each line with the path of the one that was."""
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    @property
    def toolchain(self) -> Path:
        """What the checkout's `.toolchain` leads to."""
        return (self.folder / "checkout/.toolchain").resolve(strict=True)


def machine(folder: Path, version: str, *, plugins_fail: bool = False) -> Machine:
    """Make one. There is nothing on it but the stand-ins and Debian's programs."""
    for part in ("toolchain", "requirements"):
        shutil.copytree(CHECKOUT / part, folder / "checkout" / part)
    made = Machine(folder, folder / "official/bin/pulumi", folder / "notes")
    text = PULUMI.format(version=version, notes=made.notes, plugins_fail=int(plugins_fail))
    for path, content in ((made.official, text), (folder / "go/go", GO.replace("NOTES", str(made.notes)))):
        path.parent.mkdir(parents=True)
        path.write_text(content)
        path.chmod(0o755)
    return made


def sdk_version(plugin: str) -> str:
    """The version of the plugin's Python SDK, which is the version of the plugin that it wants."""
    found = re.search(rf"^pulumi-{plugin}==(\S+)", (CHECKOUT / "requirements/project.txt").read_text(), re.M)
    assert found
    return found[1]


def all_files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Every file below a folder: content and time of the last change."""
    return {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("version", [NEEDED, "3.999.0", "4.0.0"])
def test_an_official_pulumi_that_is_new_enough_is_used_with_the_official_plugins(tmp_path: Path, version: str) -> None:
    here = machine(tmp_path, version)
    done = here.install()
    assert done.returncode == 0, done.stderr
    assert here.noted == [f"{here.official} plugin install resource {name} {sdk_version(name)}" for name in PLUGINS]
    assert str(here.official) in done.stderr
    assert not (here.toolchain / "bin").exists(), "no Pulumi of ours, which getting-started.md's exports put first"
    assert not list((tmp_path / "cache/toybox").glob("part-*")), "nothing was built"


def test_it_is_asked_for_its_plugins_once(tmp_path: Path) -> None:
    here = machine(tmp_path, NEEDED)
    here.install()
    before = here.noted
    assert here.install().returncode == 0
    assert here.noted == before


def test_plugins_that_cannot_be_fetched_are_an_error_and_asked_for_again(tmp_path: Path) -> None:
    here = machine(tmp_path, NEEDED, plugins_fail=True)
    done = here.install()
    assert done.returncode == 1
    assert f"official plugins for {here.official}: failed" in done.stderr
    assert not (tmp_path / "checkout/.toolchain").exists()
    here.official.write_text(here.official.read_text().replace("exit 1", "exit 0"))
    assert here.install().returncode == 0


@pytest.mark.parametrize("version", ["3.258.9", "3.99.0", "2.25.2"])
def test_an_official_pulumi_that_is_too_old_is_named_and_the_projects_own_is_built_beside_it(
    tmp_path: Path, version: str
) -> None:
    here = machine(tmp_path, version)
    done = here.install()
    assert done.returncode == 0, done.stderr
    assert f"{here.official} is version {version}, and {NEEDED} or newer is needed" in done.stderr
    ours = here.toolchain / "bin/pulumi"
    assert os.access(ours, os.X_OK)
    assert [line.rpartition(" --file ")[0] for line in here.noted] == [
        f"{ours} plugin install resource {name} {sdk_version(name)}" for name in PLUGINS
    ]
    assert here.toolchain.is_relative_to(tmp_path / "cache/toybox")


@pytest.mark.parametrize("version", [NEEDED, "3.0.0"])
def test_what_is_official_is_never_replaced(tmp_path: Path, version: str) -> None:
    """Neither the programs nor their home."""
    here = machine(tmp_path, version)
    home = tmp_path / ".pulumi/plugins/resource-docker-v0.0.1"
    home.mkdir(parents=True)
    (home / "pulumi-resource-docker").write_text("somebody's\n")
    before = [all_files(folder) for folder in (here.official.parent, tmp_path / ".pulumi")]
    here.install()
    here.install()
    assert [all_files(folder) for folder in (here.official.parent, tmp_path / ".pulumi")] == before


def test_a_pulumi_that_came_from_here_is_not_taken_for_an_official_one(tmp_path: Path) -> None:
    """With `.toolchain/bin` on PATH, as docs/guides/getting-started.md has it, the script finds its own work there."""
    here = machine(tmp_path, NEEDED)
    ours = tmp_path / "cache/toybox/toolchain-0/bin/pulumi"
    ours.parent.mkdir(parents=True)
    here.official.rename(ours)
    here.official.symlink_to(ours)
    done = here.install()
    assert done.returncode == 0, done.stderr
    assert "building pulumi" in done.stderr
    assert not [line for line in here.noted if line.startswith(f"{here.official} ")]
