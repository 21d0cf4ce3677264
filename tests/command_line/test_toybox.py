"""The `toybox` command over the real Pulumi CLI, with a backend and settings files of its own."""

import json
import os
import pty
import select
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import yaml

import settings
from conoha import account
from ops import OpsError
from ops.pulumi_cli import PulumiStack

CHECKOUT = Path(__file__).parents[2]
PASSWORD = "Canary-password1"
SETTINGS = {
    "prod": f"config:\n  toybox:openstack: {{authUrl: {account.AUTH_URL}}}\n  toybox:access: public\n",
    "staging": "# mine\nconfig:\n  toybox:access: password\n",
}


class Project:
    """A copy of the command beside a project of its own, and an environment in which Pulumi keeps to it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        for part in ("ops", "conoha", "host", "inventory", "keeper", "settings"):
            shutil.copytree(CHECKOUT / part, self.root / part, ignore=shutil.ignore_patterns("__pycache__"))
        (self.root / "bin").mkdir()
        shutil.copy(CHECKOUT / "bin" / "toybox", self.root / "bin")
        for link in (".venv", ".toolchain"):
            if (CHECKOUT / link).exists():
                (self.root / link).symlink_to((CHECKOUT / link).resolve())
        (self.root / "Pulumi.yaml").write_text("name: toybox\nruntime: python\n")
        for stack, text in SETTINGS.items():
            self.settings_file(stack).write_text(text)
        (folder / "state").mkdir()
        (folder / "passphrase").write_text("canary passphrase")
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")},
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(folder / "passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def settings_file(self, stack: str) -> Path:
        return self.root / f"Pulumi.{stack}.yaml"

    def toybox(self, *arguments: str, stdin: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.root / "bin" / "toybox", *arguments],
            cwd="/",
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def pulumi(self, *arguments: str) -> str:
        path = f"{self.environment['PATH']}:{self.root}/.toolchain/bin"
        return subprocess.run(
            ["pulumi", *arguments],
            cwd=self.root,
            env=self.environment | {"PATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout


@dataclass
class Run:
    """A project on which `toybox init` ran once. Pulumi takes its time, so that several tests look at one run."""

    project: Project
    settings_file: Path
    output: str
    calls: str = ""

    @cached_property
    def secrets(self) -> dict[str, str]:
        stack = self.settings_file.name.split(".")[1]
        options = ("--stack", stack, "--config-file", str(self.settings_file))
        listed = json.loads(self.project.pulumi("config", "--json", "--show-secrets", *options))
        return {key: each["value"] for key, each in listed.items() if each["secret"]}


def run_piped(folder: Path) -> Run:
    """Staging, with the password on standard input. A `pulumi` before the real one writes down what it is given."""
    project = Project(folder)
    path = project.environment["PATH"]
    real = shutil.which("pulumi", path=f"{path}:{project.root}/.toolchain/bin")
    spy = folder / "spy" / "pulumi"
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\n{{ echo "$0 $@"; env; }} >>{folder}/calls\nexec {real} "$@"\n')
    spy.chmod(0o755)
    done = project.toybox("init", "--stack", "staging", stdin=PASSWORD + "\n", PATH=f"{spy.parent}:{path}")
    assert done.returncode == 0, done.stderr
    calls = (folder / "calls").read_text()
    return Run(project, project.settings_file("staging"), done.stdout + done.stderr, calls)


def run_typed(folder: Path) -> Run:
    """Prod, with the password typed in a terminal, and with a settings file of its own as in the lab."""
    project = Project(folder)
    own = folder / "Pulumi.prod.yaml"
    own.write_text(SETTINGS["prod"])
    project.environment |= {"PULUMI_OPTION_CONFIG_FILE": str(own), "PULUMI_STACK": "prod"}
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [project.root / "bin" / "toybox", "init", "--stack", "prod"],
        env=project.environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    screen = b""

    def read_on() -> bool:
        nonlocal screen
        if not select.select([master], [], [], 60)[0]:
            process.kill()
            pytest.fail(f"nothing more came after {screen!r}")
        try:
            screen += os.read(master, 4096)
        except OSError:  # The other end is closed.
            return False
        return True

    while b"Password of the ConoHa API user (openstack.userName): " not in screen:
        assert read_on(), screen
    os.write(master, PASSWORD.encode() + b"\n")
    while read_on():
        pass
    os.close(master)
    assert process.wait(timeout=60) == 0, screen
    return Run(project, own, screen.decode())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Both of them, side by side: each starts Pulumi ten times, one after the other."""
    with ThreadPoolExecutor() as pool:
        begun = [
            pool.submit(run, tmp_path_factory.mktemp(name))
            for name, run in (("piped", run_piped), ("typed", run_typed))
        ]
    piped, typed = (run.result() for run in begun)
    return piped, typed


@pytest.fixture(scope="module")
def piped(runs: tuple[Run, Run]) -> Run:
    return runs[0]


@pytest.fixture(scope="module")
def typed(runs: tuple[Run, Run]) -> Run:
    return runs[1]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_all_secrets_of_a_new_stack_are_stored_encrypted(piped: Run) -> None:
    stored = yaml.safe_load(piped.settings_file.read_text())["config"]
    assert stored.pop("toybox:access") == "password"
    assert len(stored) == 7
    assert all(set(value) == {"secure"} for value in stored.values())
    secrets = piped.secrets
    assert set(secrets) == set(stored)
    assert secrets["toybox:openstackPassword"] == PASSWORD
    assert settings.ssh_public_key(secrets["toybox:sshHostKey"]).startswith("ssh-ed25519 ")


def test_comments_in_the_settings_file_stay(piped: Run) -> None:
    assert piped.settings_file.read_text().startswith("# mine\n")


def test_it_says_what_was_made_where_it_is_and_what_comes_next(piped: Run) -> None:
    made = [line.split()[1] for line in piped.output.splitlines() if line.startswith("  made ")]
    assert made == [key for (key,) in settings.SECRETS]
    assert f"Stored encrypted in {piped.settings_file}." in piped.output
    assert "Visitors' password: pulumi config get toybox:accessPassword --stack staging" in piped.output
    assert piped.output.endswith("Next: pulumi preview --stack staging\n")


def test_no_secret_is_on_a_command_line_in_an_environment_or_on_the_screen(piped: Run, typed: Run) -> None:
    assert piped.calls.count("config set toybox:") == 7
    for secret in piped.secrets.values():
        assert secret not in piped.calls + piped.output
    for secret in typed.secrets.values():
        assert secret not in typed.output


def test_the_second_run_changes_nothing_and_says_so(piped: Run) -> None:
    before = piped.settings_file.read_bytes()
    again = piped.project.toybox("init", "--stack", "staging")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == "Nothing to do: stack staging has all its secrets. Nothing was changed.\n"
    assert piped.settings_file.read_bytes() == before


def test_in_a_terminal_the_password_is_asked_for(typed: Run) -> None:
    assert typed.secrets["toybox:openstackPassword"] == PASSWORD
    assert len(typed.secrets) == 6, "a public stack needs no accessPassword"


def test_the_settings_file_of_the_environment_is_used_and_the_committed_ones_are_left_alone(typed: Run) -> None:
    """`pulumi stack init` by itself would write its salt into the committed file."""
    assert "secure" in typed.settings_file.read_text()
    for stack, text in SETTINGS.items():
        assert typed.project.settings_file(stack).read_text() == text


def test_one_stacks_secrets_never_land_in_the_settings_of_another(typed: Run) -> None:
    before = typed.settings_file.read_bytes()
    done = typed.project.toybox("init", "--stack", "staging", stdin=PASSWORD)
    assert done.returncode == 1
    assert "the secrets of staging would land in the settings of prod" in done.stderr
    assert typed.settings_file.read_bytes() == before


def test_without_a_password_nothing_is_made(project: Project) -> None:
    done = project.toybox("init", "--stack", "prod")
    assert done.returncode == 1
    assert "openstackPassword is missing. Run this in a terminal" in done.stderr
    assert "secure" not in project.settings_file("prod").read_text()


def test_a_stack_without_a_settings_file_is_refused_and_not_made(project: Project) -> None:
    """A slip of the pen would make a stack called prd, with secrets that nobody uses."""
    done = project.toybox("init", "--stack", "prd", stdin=PASSWORD)
    assert done.returncode == 1
    assert "Pulumi.prd.yaml does not exist, so there is no stack prd" in done.stderr
    assert "Settings files there: Pulumi.prod.yaml, Pulumi.staging.yaml." in done.stderr
    assert not project.settings_file("prd").exists()


def test_what_pulumi_says_is_passed_on_without_a_traceback(project: Project) -> None:
    done = project.toybox("init", "--stack", "prod", stdin=PASSWORD, PULUMI_BACKEND_URL="file:///nowhere/at/all")
    assert done.returncode == 1
    assert "`pulumi stack ls" in done.stderr
    assert "/nowhere/at/all" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_the_commands_and_a_wrong_one_is_an_error(project: Project) -> None:
    assert "Make what a stack lacks" in project.toybox("--help").stdout
    wrong = project.toybox("inti", "--stack", "prod")
    assert wrong.returncode == 2
    assert "No such command 'inti'" in wrong.stderr


def test_a_secret_is_read_though_the_state_is_lost(piped: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status needs the cloud's password most when Pulumi knows no such stack, or its bucket does not answer."""
    environment = piped.project.environment | {"PATH": f"{os.environ['PATH']}:{piped.project.root}/.toolchain/bin"}
    for name in [name for name in os.environ if name.startswith("PULUMI_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stack = PulumiStack("staging", piped.project.root)
    for backend in (f"file://{tmp_path}", f"file://{tmp_path}/nowhere"):
        monkeypatch.setenv("PULUMI_BACKEND_URL", backend)
        assert stack.secret("toybox:openstackPassword") == PASSWORD
        with pytest.raises(OpsError, match="nonsense"):
            stack.secret("toybox:nonsense")
    assert not list(tmp_path.rglob("*.json")), "nothing was made where the state should be"


def test_a_stack_without_settings_is_not_adopted_and_not_made(piped: Run) -> None:
    done = piped.project.toybox("adopt", "--stack", "nobodys")
    assert done.returncode == 1
    assert "Pulumi.nobodys.yaml does not exist, so there is no stack nobodys." in done.stderr
    assert "nobodys" not in piped.project.pulumi("stack", "ls", "--json")


@pytest.mark.parametrize(
    ("former", "new"),
    [
        ("prod restore --from 7b59c87d", "restore volume --from 7b59c87d"),
        ("staging refresh", "refresh"),
        ("adopt prod", "adopt --stack prod"),
        ("leftovers prod", "leftovers --stack prod"),
        ("recover prod", "recover --stack prod"),
        ("rotate-host-key prod", "rotate-host-key --stack prod"),
        ("init prd", "init --stack prd"),
    ],
)
def test_a_former_spelling_works_as_the_new_one_and_says_it(former: str, new: str, project: Project) -> None:
    """All of them stop: these settings lead to no cloud, and the state has no server."""
    before, now = (project.toybox(*line.split()) for line in (former, new))
    assert (before.returncode, before.stdout) == (now.returncode, now.stdout)
    assert before.returncode == 1
    assert now.stderr
    assert before.stderr == f"New spelling: toybox {new}\n{now.stderr}"
