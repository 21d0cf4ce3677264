"""The state in a bucket: the real Pulumi CLI and the real `toybox` on a small program, against moto's S3 server."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ops.state import keys
from tests.state.s3_server import S3Server, s3_server

CHECKOUT = Path(__file__).resolve().parents[2]

PROGRAM = '''\
"""Commands that do nothing. While the file `wait` is there, an update goes on; a preview does not."""

import time
from pathlib import Path

import pulumi
import pulumi_command

provider = pulumi_command.Provider("command")
for name in ("volume", *Path("more").read_text().split()):
    pulumi_command.local.Command(name, create="true", opts=pulumi.ResourceOptions(provider=provider))
while Path("wait").exists() and not pulumi.runtime.is_dry_run():
    Path("waiting").touch()
    time.sleep(0.05)
'''


@dataclass
class Project:
    """A small project beside a copy of the `toybox` command, whose Pulumi.yaml says that the state is in a bucket."""

    root: Path
    environment: dict[str, str] = field(repr=False)

    @property
    def credentials(self) -> Path:
        """The file with the keys of the bucket."""
        return Path(self.environment[keys.VARIABLE])

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as an operator would, and return what it said."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )

    def pulumi(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.run("pulumi", *arguments, "--non-interactive", "--color=never", **environment)

    def toybox(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.run("toybox", *arguments, **environment)

    def up(self, *more: str) -> None:
        """Update, with further resources of these names; must succeed."""
        (self.root / "more").write_text(" ".join(more))
        done = self.pulumi("up", "--yes", "--skip-preview", "--stack", "prod")
        assert done.returncode == 0, done.stdout

    def begun_update(self) -> "subprocess.Popen[str]":
        """An update in a process of its own that has the lock and goes on until the file `wait` is removed."""
        (self.root / "waiting").unlink(missing_ok=True)
        (self.root / "wait").touch()
        process = subprocess.Popen(
            ["pulumi", "up", "--yes", "--skip-preview", "--stack", "prod", "--non-interactive", "--color=never"],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that a killed update takes its children with it
        )
        while not (self.root / "waiting").exists():
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            time.sleep(0.05)
        return process


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, s3: S3Server) -> Project:
    """A project whose bucket is not made yet, and whose keys are in place."""
    return new_project(tmp_path, s3)


@pytest.fixture
def stack(project: Project, s3: S3Server, bucket: str) -> Project:
    """A project with its bucket and the stack prod, as `toybox init` makes them, but for the secrets."""
    return with_a_stack(project, s3, bucket)


def with_a_stack(project: Project, s3: S3Server, bucket: str) -> Project:
    client = s3.client()
    client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    made = project.pulumi("stack", "init", "prod", "--no-select")
    assert made.returncode == 0, made.stdout
    return project


def new_project(folder: Path, s3: S3Server) -> Project:
    """Copies of what `toybox` consists of, beside the small program."""
    root = folder / "project"
    for part in ("ops", "conoha", "host", "inventory", "keeper", "settings", "bin"):
        shutil.copytree(CHECKOUT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for link in (".venv", ".toolchain"):
        (root / link).symlink_to((CHECKOUT / link).resolve())
    (root / "Pulumi.yaml").write_text(
        "name: toybox\n"
        "runtime: {name: python, options: {virtualenv: .venv}}\n"
        f"backend: {{url: '{s3.backend(bucket_name(folder))}'}}\n"
    )
    for stack in ("prod", "staging"):
        (root / f"Pulumi.{stack}.yaml").write_text("config:\n  toybox:access: public\n")
    (root / "__main__.py").write_text(PROGRAM)
    (root / "more").write_text("")
    (folder / "passphrase").write_text("canary passphrase")
    credentials = folder / "credentials"
    keys.add(credentials, "toybox", s3.keys)
    return Project(root, operators_environment(folder, root, credentials))


def operators_environment(folder: Path, root: Path, credentials: Path) -> dict[str, str]:
    """A shell as getting-started.md sets it up. Pulumi's home is the test's own, with the toolchain's plugins in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "AWS_", "GITHUB_"))}
    home = folder / "home"
    home.mkdir()
    plugins = CHECKOUT / ".toolchain" / "home" / "plugins"
    official = Path.home() / ".pulumi" / "plugins"
    (home / "plugins").symlink_to(plugins.resolve() if plugins.exists() else official)
    return {
        **kept,
        "PATH": f"{root}/bin:{root}/.venv/bin:{kept['PATH']}:{root}/.toolchain/bin",
        "PULUMI_HOME": str(home),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(folder / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        keys.VARIABLE: str(credentials),
    }


def bucket_name(folder: Path) -> str:
    """A bucket of the test's own."""
    return f"toybox-{abs(hash(folder)) % 10**12}"


@pytest.fixture
def bucket(tmp_path: Path) -> str:
    return bucket_name(tmp_path)
