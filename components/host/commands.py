"""Every command that an update runs on the server, as a text: a pure function for each.

The components decide when a command runs, and again. The guard compares its text with the one that ran before.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from host.look import APPLIED, LIBRARY, SECRETS

MARGIN = 60
"""Seconds for SSH and Docker, beside the time that a container may take to stop."""

CLOUD_INIT = """\
timeout 600 cloud-init status --wait >/dev/null || {
    echo "cloud-init did not end well on $(hostname):"; cloud-init status --long
    tail -n 25 /var/log/cloud-init-output.log
    echo "More on the server: /var/log/cloud-init.log"
} >&2
cloud-init status | grep -q 'status: done'"""


# the host


def await_cloud_init() -> str:
    """Wait for cloud-init. `status --wait` exits 0 when it is done; the last line is the verdict."""
    return CLOUD_INIT


def unpack_and_run(command: str, *, seconds: int) -> str:
    """Take a packed bundle on standard input, unpack it to `$bundle` and run `command`. The folder is on tmpfs and goes
    away in any case; the session cannot outlive `seconds`."""
    return (
        "umask 077; bundle=$(mktemp -d -p /run toybox.XXXXXX) && trap 'rm -rf \"$bundle\"' EXIT && "
        f'base64 -d | tar -xf - --no-same-owner -p -C "$bundle" && timeout {seconds} bash {command}'
    )


def apply_bundle() -> str:
    """Put the host bundle's files in place, and start what they declare."""
    return unpack_and_run('"$bundle/apply" "$bundle"', seconds=600)


def check_host() -> str:
    """Check that the host is fit to run TOYBOX."""
    return f"timeout 120 {LIBRARY}/ready"


def note_applied(token: str) -> str:
    """Note that an update has mended the host (components/host/condition.py)."""
    return f"install -d {APPLIED.rsplit('/', 1)[0]} && echo '{token}' > {APPLIED}"


def install_secrets() -> str:
    """Write the secret files."""
    return unpack_and_run(f'{LIBRARY}/install-secrets "$bundle" {SECRETS}', seconds=60)


# containers


def make_room(kind: str, inputs: Mapping[str, Any]) -> str:
    """Remove what a killed update left under the name of the resource of type `kind` that is about to be made from
    `inputs`. Return "" if it needs none: for a volume Docker answers with the one that is there, which points to the
    same directory."""
    match kind:
        case "docker:index/container:Container":
            seconds = int(inputs["destroyGraceSeconds"])
            words = ["container", inputs["name"], str(seconds)]
        case "docker:index/network:Network":
            seconds = 0
            words = ["network", inputs["name"]]
        case _:
            return ""
    return f"timeout {seconds + MARGIN} {LIBRARY}/make-room {shlex.join(words)}"


def await_healthy(container: str, seconds: int, processes: int) -> str:
    """Limit the container's processes and wait for its health. The script enforces its seconds itself; timeout(1) ends
    it if the Docker daemon does not answer."""
    return f"timeout {seconds + 120} {LIBRARY}/await-healthy {container} {seconds} {processes}"


def await_all_healthy(waits: Mapping[str, str]) -> str:
    """Wait until each container is healthy, with the command that `waits` has for it. For a container that Docker found
    healthy at its last check it waits for nothing. One that is gone is named, with the way to make it again."""
    there = "health=$(timeout 60 docker container inspect --format '{{{{.State.Health.Status}}}}' {container})"
    gone = "The update has ended, and Docker shows no container {container}. Make it again: pulumi up --refresh"
    return "\n".join(
        f"{there.format(container=container)} || {{ echo '{gone.format(container=container)}' >&2; exit 1; }}\n"
        f'[ "$health" = healthy ] || {wait} || exit 1'
        for container, wait in waits.items()
    )


def prune(secrets: Sequence[str], images: Sequence[str]) -> str:
    """Keep these secret files, and these images with the one before each, and remove the others. The command names
    both, and so runs again with every release."""
    return f"timeout 300 {LIBRARY}/tidy {SECRETS} {shlex.join([*secrets, '--', *images])}"


# services


def run_sql(container: str, user: str, database: str) -> str:
    """Run the statements on standard input, as a role that needs no password in the container."""
    return f"timeout 60 docker exec -i {container} psql -X -q -U {user} -d {database}"


def run_sql_once(container: str, user: str, other: str, database: str) -> str:
    """Run the statements on standard input as `other`, if `user` cannot log in."""
    asked = f"psql -X -q -U {user} -d {database} -c SELECT >/dev/null 2>&1"
    return f"timeout 300 docker exec -i {container} sh -c '{asked} || exec psql -X -q -U {other} -d {database}'"


def end_keeper_role(run: str, statements: str) -> str:
    """End the keeper's role with statements for `run`, and print what they took away. A database that does not answer
    has its own gate; here it is told, and ends nothing."""
    told = "echo 'Nobody could look whether the database lets a keeper in.'"
    return f"{run.replace(' psql ', ' psql -At ')} <<'END' 2>&1 || {told}\n{statements}END"


def run_in(container: str, script: str) -> str:
    """Run a bash script in a container."""
    return f"timeout 60 docker exec {container} bash -c {shlex.quote(script)}"


def count_data() -> str:
    """Run the census on standard input."""
    return "timeout 1800 python3 -"


def scrub(seconds: int) -> str:
    """Scrub staging's data with the bundle on standard input."""
    return unpack_and_run('"$bundle/run" "$bundle"', seconds=seconds)


def release(image: str, *words: str) -> str:
    """Migrate, collect static files and try the new web process, in that order, against the real database."""
    return f"timeout 1800 {LIBRARY}/release {shlex.join([image, *words])}"


def end_former_release() -> str:
    """End a release of another update that still runs."""
    return f"timeout 60 {LIBRARY}/release --end"
