"""TOYBOX on the lab: settings, secrets, `pulumi up`, and what a newcomer needs to look at it."""

import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from host.ssh import NoAnswerError, ask
from lab.cloud import connect
from lab.credentials import credentials, write_private
from lab.paths import LOG
from lab.stack import PEOPLE, Workspace, environment, initialise, pulumi, write_settings
from lab.steps import LabError
from ops.diagnostics import diagnostics

ADMIN = "admin"


@dataclass(frozen=True)
class Site:
    """A TOYBOX that runs on the lab, as `pulumi stack output` describes it."""

    stack: str
    address: str
    url: str
    certificate_authority: Path
    netrc: Path | None
    """Holds the access password, where the site asks for one."""

    @property
    def host(self) -> str:
        """The site's domain name."""
        return self.url.removeprefix("https://").strip("/")

    def curl(self, path: str = "") -> str:
        """A curl command that works as it stands: the name leads to the lab's server, and its CA is trusted."""
        login = f" --netrc-file {self.netrc}" if self.netrc else ""
        resolve = f"--resolve {self.host}:443:{self.address}"
        return f"curl --cacert {self.certificate_authority}{login} {resolve} {self.url}{path}"


def deploy(stack: str, workspace: Workspace = PEOPLE) -> Site:
    """Bring the stack up as declared and return its site. Prints each step with its time.

    Raises:
        LabError: a step failed; the message has Pulumi's diagnostics, the log and the next command.
    """
    with step("settings and secrets"):
        write_settings(workspace, stack)
        initialise(workspace, stack)
    revive(workspace, stack)
    print(f"  pulumi up, stack {stack}:", flush=True)
    update(workspace, stack)
    with step("certificate authority"):
        return site(workspace, stack)


class step:  # noqa: N801 - reads as the statement it is
    """Shows what is being done and, when it is done, how long it took."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.began = time.monotonic()

    def __exit__(self, kind: object, *_: object) -> None:
        mark = "failed" if kind else "done"
        print(f"  {self.name:<40} {mark} {time.monotonic() - self.began:6.1f} s", flush=True)


def worth_showing(line: str) -> bool:
    """Whether a line of `pulumi up --non-interactive` says that something was finished or went wrong."""
    words = (" created", " updated", " replaced", " deleted", "error:", "Duration", "unchanged")
    return any(word in line for word in words) and " pulumi:pulumi:Stack " not in line


def revive(workspace: Workspace, stack: str) -> None:
    """Reset a server of the stack that runs by the cloud's status and does not answer. Its container was killed, or its
    packet filter blocks everybody. `pulumi up` leaves that to people, because on ConoHa the operator's own address may
    be the reason; the lab knows its address. An update starts a server that is off."""
    done = pulumi(workspace, stack, "stack", "output", "--json")
    outputs = json.loads(done.stdout) if done.returncode == 0 else {}
    config = f".toybox/{stack}/ssh/config"
    if not outputs.get("address") or not (workspace.program / config).exists():
        return
    try:
        ask(config, outputs["address"], workspace.program)
    except NoAnswerError as error:
        accounts = credentials()
        compute = connect(accounts, accounts["projects"][workspace.project]).compute
        server = compute.find_server(outputs["serverId"])
        if server is not None and server.status == "ACTIVE":
            with step("server, which is dead: reset"):
                compute.reboot_server(server, "HARD")
                compute.wait_for_server(server, "ACTIVE", interval=0.5, wait=120)
        else:
            print(f"  the server does not answer: {error}", flush=True)


def update(workspace: Workspace, stack: str) -> None:
    """`pulumi up`, with its progress on the terminal and all of its output in a log.

    Raises:
        LabError: with the diagnostics.
    """
    log = LOG / f"pulumi-{workspace.project}-{stack}.log"
    command = ["pulumi", "up", "--yes", "--skip-preview", "--suppress-outputs", "--non-interactive", "--color=never"]
    with log.open("w", encoding="utf-8") as copy:
        process = subprocess.Popen(
            command,
            cwd=workspace.program,
            env=os.environ | environment(workspace, stack),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in process.stdout or ():
            copy.write(line)
            if worth_showing(line):
                print(f"    {line.strip()}", flush=True)
    if process.wait():
        said = diagnostics(log.read_text().splitlines())
        again = f"make up STACK={stack}"
        mend = f"mend it, then: {again}   (it continues where this one stopped)"
        # an update that was killed leaves its lock behind; whether it still runs, only a person can tell
        unlock = f'if no other update runs: eval "$(make -s env STACK={stack})"; pulumi cancel --yes; {again}'
        raise LabError(
            f"`pulumi up` of {stack} failed:\n{said}", log=log, then=unlock if "currently locked" in said else mend
        )


def site(workspace: Workspace, stack: str) -> Site:
    """What the stack's outputs say, with the certificate authority that signed the site's certificate beside them.

    Raises:
        LabError: the stack has no server yet, or it does not answer.
    """
    done = pulumi(workspace, stack, "stack", "output", "--json")
    outputs = json.loads(done.stdout) if done.returncode == 0 else {}
    if not outputs.get("address"):
        raise LabError(f"stack {stack} has no server", then=f"make up STACK={stack}")
    authority = workspace.folder / f"{stack}-ca.crt"
    certificate = on_server(
        workspace, stack, outputs["address"], "cat /srv/toybox/caddy-data/caddy/pki/authorities/local/root.crt"
    )
    authority.write_text(certificate)
    found = Site(stack, outputs["address"], outputs["url"], authority, netrc=None)
    return replace(found, netrc=access_netrc(workspace, found))


def access_netrc(workspace: Workspace, site: Site) -> Path | None:
    """A netrc(5) file with the site's access password, if it has one: curl's way to keep it off the command line."""
    secret = pulumi(workspace, site.stack, "config", "get", "toybox:accessPassword")
    if secret.returncode:
        return None
    file = workspace.folder / f"{site.stack}-netrc"
    write_private(file, f"machine {site.host} login toybox password {secret.stdout.strip()}\n")
    return file


def on_server(workspace: Workspace, stack: str, address: str, command: str, text: str = "") -> str:
    """What a command prints on the stack's server; `text` is its standard input.

    Raises:
        LabError: it failed.
    """
    done = subprocess.run(
        ["ssh", "-F", f".toybox/{stack}/ssh/config", address, command],
        cwd=workspace.program,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LabError(f"`{command}` on {address} failed: {done.stderr.strip()}")
    return done.stdout


def admin_password(workspace: Workspace, site: Site) -> Path:
    """The file with the password of Django's admin user, who is made at the first call."""
    file = workspace.folder / f"{site.stack}-admin-password"
    if not file.exists():
        password = secrets.token_urlsafe(12)
        command = f"docker exec -i web python manage.py admin --username {ADMIN}"
        on_server(workspace, site.stack, site.address, command, password)
        write_private(file, password + "\n")
    return file


def next_steps(site: Site, password: Path) -> str:
    """What to print when all is well."""
    other = "staging" if site.stack == "prod" else "prod"
    on_the_server = f"ssh -F .toybox/{site.stack}/ssh/config {site.address}"
    return f"""
TOYBOX {site.stack} is up at {site.url} (server {site.address}, reached from this machine only).

  see it            {site.curl()}
  admin site        {site.url}admin/   user {ADMIN}, password in {password}
  fill it           {on_the_server} docker exec web python manage.py seed --users 50 --posts 500
  use Pulumi on it  eval "$(make -s env STACK={site.stack})"; pulumi preview
  the other stack   make up STACK={other}
  what keeps it     make up STACK=keeper
  its tests         make test
  take it away      make down
"""


def main(stack: str) -> None:
    """Deploy a stack and say what can be done with it."""
    deployed = deploy(stack)
    sys.stdout.write(next_steps(deployed, admin_password(PEOPLE, deployed)))
