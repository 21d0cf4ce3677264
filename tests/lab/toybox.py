"""A TOYBOX of the tests' own on the lab: real servers in an OpenStack project that nobody else uses."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import requests
import yaml
from openstack.connection import Connection

from lab import deploy, loss
from lab.cloud import connect
from lab.credentials import TESTS, credentials
from lab.paths import CHECKOUT, LAB_DIR
from lab.stack import Workspace, environment, initialise, write_settings
from ops.diagnostics import diagnostics
from tests.documentation import section
from tests.procedure import Shell

PROJECT = TESTS[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))]
"""The OpenStack project of this process of pytest's: those that run side by side see nothing of each other."""

FOLDER = LAB_DIR / PROJECT


def copy_of_the_program(target: Path) -> Path:
    """The files of this checkout, to be changed by tests; the environment and the toolchain are linked."""
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, files.split("\0")):
        if (CHECKOUT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target / name)
    for link in (".venv", ".toolchain"):
        (target / link).symlink_to((CHECKOUT / link).resolve())
    return target


def cloud() -> Connection:
    """The lab's cloud, as the user of the tests' project."""
    accounts = credentials()
    return connect(accounts, accounts["projects"][PROJECT])


def stock_cloud() -> Connection:
    """The same, past ConoHa's rules: for what only a test's preparations need."""
    return loss.stock_cloud(PROJECT)


def empty_the_project() -> None:
    """Delete all that the tests' project holds, and its keeper, whatever state an earlier run left them in."""
    loss.empty_project(PROJECT)


class Toybox:
    """One stack of the tests: `pulumi` on it, its server over SSH, its site over HTTPS."""

    def __init__(self, workspace: Workspace, stack: str) -> None:
        self.workspace = workspace
        self.stack = stack

    # its settings

    def initialise(self) -> None:
        """Settings file and secrets, as `make up` makes them."""
        write_settings(self.workspace, self.stack)
        initialise(self.workspace, self.stack)

    @contextmanager
    def changed_settings(self, **changes: Any) -> Iterator[None]:
        """The settings with some of them replaced, for a while; `server__flavor` is toybox:server.flavor."""
        file = self.workspace.settings_file(self.stack)
        before = file.read_text()
        document = yaml.safe_load(before)
        for path, value in changes.items():
            first, *rest = path.split("__")
            node, key = document["config"], f"toybox:{first}"
            for name in rest:
                node, key = node[key], name
            node[key] = value
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        try:
            yield
        finally:
            file.write_text(before)

    @contextmanager
    def changed_file(self, name: str, text: str) -> Iterator[None]:
        """A file of the program with another content, for a while."""
        file = self.workspace.program / name
        before = file.read_text()
        file.write_text(text)
        try:
            yield
        finally:
            file.write_text(before)

    # the engine

    @property
    def environment(self) -> dict[str, str]:
        """The environment of `make env`."""
        return os.environ | environment(self.workspace, self.stack)

    def shell(self) -> Shell:
        """A shell as the runbook wants it, for what the docs print. Nobody is there to answer Pulumi's question."""
        shell = Shell(self.workspace.program, self.environment | {"PULUMI_SKIP_CONFIRMATIONS": "true"})
        code, printed = shell.run(section("docs/runbook.md#runbook").commands[-1])
        assert code == 0, printed
        return shell

    def pulumi(self, *arguments: str, timeout: float = 600) -> "subprocess.CompletedProcess[str]":
        """Run `pulumi` and return what it said, whatever that is."""
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=self.workspace.program,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def up(self, *arguments: str) -> str:
        """`pulumi up`, which must succeed; returns what it said."""
        done = self.pulumi("up", "--yes", "--skip-preview", *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def failing_up(self, *arguments: str) -> str:
        """`pulumi up`, which must fail; returns its diagnostics."""
        done = self.pulumi("up", "--yes", "--skip-preview", *arguments)
        assert done.returncode != 0, done.stdout
        return diagnostics(done.stdout.splitlines())

    def killed(self, *command: str, seen: Callable[[], object], seconds: float) -> None:
        """Begin a command and kill it the moment that `seen` is true of something; it must be within `seconds`."""
        process = subprocess.Popen(
            command,
            cwd=self.workspace.program,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + seconds
        try:
            while not (was_seen := seen()) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)  # without it the one who asks takes a core from those who work
        finally:
            # the whole session: an engine that is killed alone leaves its plugins behind
            kill = subprocess.run(["pkill", "--signal", "KILL", "--session", str(process.pid)], check=False)
            said = process.communicate()[0]
        assert was_seen, f"nothing was seen:\n{said}"
        assert kill.returncode == 0, f"it had ended before it could be killed:\n{said}"

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, those of the last update that succeeded."""
        return dict(self.recorded(f"toybox-{self.stack}")["outputs"])

    def state(self, *arguments: str) -> dict[str, Any]:
        """The stack's state, as exported."""
        done = self.pulumi("stack", "export", *arguments)
        assert done.returncode == 0, done.stdout
        return dict(json.loads(done.stdout))

    def recorded(self, name: str) -> dict[str, Any]:
        """The resource with this logical name as the state has it, and none that is still to be deleted. Read from the
        engine's file: half a second less than by `pulumi stack export`, and every command on the server begins with
        it."""
        file = self.workspace.folder / "state" / ".pulumi" / "stacks" / "toybox" / f"{self.stack}.json"
        resources = json.loads(file.read_text())["checkpoint"]["latest"]["resources"]
        found = [each for each in resources if each["urn"].endswith(f"::{name}") and not each.get("delete")]
        assert len(found) == 1, (name, [each["urn"] for each in found])
        return dict(found[0])

    def urn(self, name: str) -> str:
        """The URN of the resource with this logical name."""
        return str(self.recorded(name)["urn"])

    # the server

    def server(self) -> tuple[str, str]:
        """Id and address of the server that the state has; the outputs are those of the last update that succeeded."""
        instance = self.recorded("server-instance")
        return instance["id"], instance["outputs"]["accessIpV4"]

    def ssh(self, command: str, text: str = "", *, check: bool = True, address: str = "") -> str:
        """What a command prints on the server, as root."""
        done = subprocess.run(
            ["ssh", "-F", f".toybox/{self.stack}/ssh/config", address or self.server()[1], command],
            cwd=self.workspace.program,
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout

    def stop_server(self) -> None:
        """Stop it, as in the control panel; ConoHa attaches and detaches nothing while it runs."""
        compute = cloud().compute
        server = compute.get_server(self.server()[0])
        compute.stop_server(server)
        compute.wait_for_server(server, "SHUTOFF", interval=0.3, wait=180)

    def delete_server(self) -> None:
        """Delete it in the control panel, without a word to Pulumi."""
        compute = cloud().compute
        server = compute.get_server(self.server()[0])
        compute.delete_server(server)
        compute.wait_for_delete(server, interval=0.3, wait=90)

    def wait_for_ssh(self) -> None:
        """Wait until the server lets us in again."""
        deadline = time.monotonic() + 60
        while "in" not in self.ssh("echo in", check=False):
            assert time.monotonic() < deadline, "no SSH within 60 s"
            time.sleep(0.5)

    def data_disk(self) -> str:
        """The path of the data disk on the server, as its mount unit has it."""
        return self.ssh("sed -n 's/^What=//p' /etc/systemd/system/srv-toybox.mount").strip()

    def manage(self, command: str) -> str:
        """What `manage.py` prints in the web container."""
        return self.ssh(f"docker exec web python manage.py {command}")

    def fingerprint(self) -> dict[str, Any]:
        """Row counts and a hash over all rows and media files."""
        return dict(json.loads(self.manage("fingerprint")))

    def settle(self) -> None:
        """Wait until the site's content changes no more: the seed's thumbnails are made after it has ended."""
        last: dict[str, Any] = {}
        for _ in range(60):
            now = self.fingerprint()
            if now == last:
                return
            last = now
            time.sleep(1)
        raise AssertionError("the site does not come to rest")

    # the site

    def site(self) -> deploy.Site:
        """Address, URL and certificate authority."""
        return deploy.site(self.workspace, self.stack)

    def browser(self) -> "Browser":
        """A new visitor of the site."""
        return Browser(self.site())


@contextmanager
def new_stack(workspace: Workspace, name: str) -> Iterator[Toybox]:
    """A stack that has nothing yet, with staging's settings and a domain of its own; its settings and its state go
    afterwards, and what it made is the caller's to delete."""
    committed = workspace.program / f"Pulumi.{name}.yaml"
    settings = (workspace.program / "Pulumi.staging.yaml").read_text()
    committed.write_text(settings.replace("staging.toybox", f"{name}.toybox"))
    toybox = Toybox(workspace, name)
    try:
        toybox.initialise()
        yield toybox
    finally:
        toybox.pulumi("stack", "rm", "--force", "--yes", "--preserve-config")
        committed.unlink()
        workspace.settings_file(name).unlink(missing_ok=True)


class Browser(requests.Session):
    """A visitor who resolves the site's name to the lab's server and trusts its certificate authority."""

    def __init__(self, site: deploy.Site) -> None:
        super().__init__()
        self.site = site
        self.verify = str(site.certificate_authority)
        self.trust_env = False

    def request(self, method: str, url: str, *args: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        """As usual, with paths completed by the site's URL."""
        if url.startswith("/"):
            url = self.site.url.rstrip("/") + url
        options.setdefault("timeout", 60)
        with resolving(self.site.host, self.site.address):
            return super().request(method, url, *args, **options)


@contextmanager
def resolving(host: str, address: str) -> Iterator[None]:
    """Let `host` resolve to `address` in this process."""
    original = socket.getaddrinfo

    def lookup(name: Any, *arguments: Any, **options: Any) -> Any:
        return original(address if name == host else name, *arguments, **options)

    with mock.patch("socket.getaddrinfo", lookup):
        yield
