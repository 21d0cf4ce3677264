"""The scripts that run on the server, as far as they can be checked without one."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from components.containers.memory import LEAST
from components.django import release_command
from components.django.specs import beat_spec, environment, web_spec, worker_spec
from components.host import commands
from components.host.bundle import FILES, HOST_SCRIPTS, host_bundle
from components.host.host_secrets import versioned
from components.staging_scrub import INSTALL_AND_RUN
from conoha.flavors import FLAVORS, Flavor
from host.look import APPLIED, LIBRARY
from inventory.volumes import STATIC
from tests.unit.components.test_data_disk import disk

IMAGE = "ghcr.io/toybox/toybox@sha256:" + "feed" * 16
ENVIRONMENT = environment("toybox.example", IMAGE, database_login="toybox_1", sends_mail=True)
SCRIPTS = sorted(path for path in FILES.iterdir() if path.is_file())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse_and_stop_at_the_first_error(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    text = script.read_text()
    assert text.startswith("#!/bin/bash\n")
    assert "\nset -euo pipefail\n" in text


def test_every_script_is_sent_and_nothing_else() -> None:
    """A file that is not in the list would be missing on the server, in silence until it is needed."""
    assert {script.name for script in SCRIPTS} == {"apply", *HOST_SCRIPTS}
    sent = {name.rsplit("/", 1)[1] for name in host_bundle(disk(), []) if name.startswith(f"root{LIBRARY}/")}
    assert sent == {*HOST_SCRIPTS, "data_disk.py", "look.py", "fitness.py", "manifest.json"}


@pytest.mark.parametrize(
    "plan", [plan for plan in FLAVORS.values() if plan.memory >= LEAST], ids=lambda plan: plan.name
)
def test_the_releases_web_command_is_plain_words(plan: Flavor) -> None:
    """The script splits it at spaces: a word that needs quotes would arrive as several, or with its quotes."""
    command = web_spec(ENVIRONMENT, plan.vcpus, plan.memory).command
    assert shlex.join(command).split() == list(command)


def test_the_release_runs_what_web_will_run() -> None:
    """With the same environment, volumes and secrets, and static files writable for collectstatic."""
    web = web_spec(ENVIRONMENT, 4, 4096)
    files = {name: f"/etc/toybox/secrets/{versioned(name, 'value')}" for name in web.secrets}
    words = shlex.split(release_command(IMAGE, web, 4096, files))
    timeout, seconds, script, image, command, health, start, static, version, *options = words
    assert (timeout, script, image) == ("timeout", f"{LIBRARY}/release", IMAGE)
    assert (static, web.environment["STATIC_ROOT"]) == (STATIC.device, f"/srv/static/{version}")
    assert int(seconds) > int(start) == web.health.start
    assert tuple(command.split()) == web.command
    assert tuple(shlex.split(health)) == web.health.command
    options.remove("--read-only")
    pairs = list(zip(options[::2], options[1::2], strict=True))
    assert {value for option, value in pairs if option == "--env" and not value.startswith("PGOPTIONS=")} == {
        f"{name}={value}" for name, value in web.environment.items()
    }
    mounts = {value for option, value in pairs if option == "--mount"}
    assert f"type=volume,source={STATIC.name},target=/srv/static" in mounts
    assert len(mounts) == len(web.volumes) + len(web.secrets)
    assert all(mount.endswith(",readonly") for mount in mounts if mount.startswith("type=bind"))
    assert not {"--publish", "-p", "--privileged", "--volume", "-v"} & set(options)


def test_beat_and_worker_can_tell_that_they_hang() -> None:
    """A process that is there says nothing: beat by the age of its schedule, the worker by an answer over Redis."""
    worker, beat = worker_spec(ENVIRONMENT, 4, 4096), beat_spec(ENVIRONMENT, 4096)
    assert "inspect ping" in " ".join(worker.health.command)
    schedule = beat.command[beat.command.index("--schedule") + 1]
    assert schedule in " ".join(beat.health.command)


def test_nothing_on_the_server_needs_apt() -> None:
    """ConoHa's images hold dpkg's lock for more than ten minutes after the first boot (lab/server_image does, too)."""
    texts = [script.read_text() for script in SCRIPTS] + [commands.await_cloud_init(), INSTALL_AND_RUN]
    assert not [text for text in texts if re.search(r"\b(apt|apt-get|dpkg) +(-|install|update)", text)]


def test_an_update_that_is_killed_on_the_host_leaves_no_token_of_the_one_before() -> None:
    """Killed after the bundle and before the state was written, and run again with the settings of before, an update
    said "81 unchanged", and the keeper's login was gone: the host's own manifest agreed with its files."""
    apply = (FILES / "apply").read_text()
    assert apply.index("unfit=$(judge") < apply.index(f"rm -f {APPLIED}\n") < apply.index("\nremove_former_files\n")
    assert apply.index("\nremove_former_files\n") < apply.index("\ninstall_files\n")


def test_the_images_packet_filter_goes_before_docker_starts() -> None:
    """It lets in 22 alone and forwards nothing. To stop or flush it would take Docker's rules along."""
    apply = (FILES / "apply").read_text()
    assert apply.index("toybox/image-firewall") < apply.index("start docker.service")
    script = (FILES / "image-firewall").read_text()
    assert "flush" not in "".join(line for line in script.splitlines() if not line.startswith("#"))
    assert "stop" not in "".join(line for line in script.splitlines() if not line.startswith("#"))
