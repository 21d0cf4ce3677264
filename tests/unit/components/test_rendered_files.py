"""Every file and command that the program renders, in full: a change of any of them is seen in review.

The scripts of the host bundle and Caddy's build context are files of this repository and need no snapshot.
"""

import hashlib
import json

import pytest
from syrupy.assertion import SnapshotAssertion

from components.caddy import build_arguments, caddy_spec
from components.containers.memory import LEAST
from components.django import release_command
from components.django.specs import beat_spec, environment, web_spec, worker_spec
from components.host import bundle as host
from components.host import commands
from components.host.host_secrets import versioned
from components.postgres import HAND_OVER, add_login_sql, end_former_logins_sql, login_role, postgres_spec
from components.redis import cache_spec, redis_spec
from components.server.user_data import render_user_data
from conoha import user_data
from conoha.flavors import FLAVORS, Flavor
from host.look import MANIFEST
from host.ssh_files import render_ssh_config
from settings import Tls
from tests.unit.components.test_data_disk import disk

PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n"
PROD = FLAVORS["g2l-t-c4m4"]
IMAGE = "ghcr.io/toybox/toybox@sha256:" + "feed" * 16
ENVIRONMENT = environment("toybox.example", IMAGE, database_login="toybox_1", sends_mail=True)
ROOMY = [plan for plan in FLAVORS.values() if plan.memory >= LEAST]
"""Those that TOYBOX fits in."""


def test_user_data(snapshot: SnapshotAssertion) -> None:
    text = render_user_data(host_private_key=PRIVATE, host_public_key="ssh-ed25519 AAAA")
    assert user_data.problem(text) is None
    assert text == snapshot


def test_ssh_config(snapshot: SnapshotAssertion) -> None:
    assert render_ssh_config(".toybox/prod/ssh", "toybox-prod") == snapshot


def test_host_bundle_files(snapshot: SnapshotAssertion) -> None:
    """With each file's mode; of the scripts only that they are there and are programs."""
    files = host.host_bundle(disk(), ["ssh-ed25519 AAAA"])

    def shown(name: str, file: host.BundleFile) -> str:
        if name.endswith(("/manifest.json", ".py")):
            return f"<{name.rsplit('/', 1)[1]}>"
        return "<script>" if file.text.startswith("#!") else file.text

    assert {name: f"{oct(file.mode)}\n{shown(name, file)}" for name, file in files.items()} == snapshot


def test_the_manifest_has_every_file_that_the_bundle_puts_on_the_server() -> None:
    """A file that it lacks could be deleted there, and no update would notice."""
    files = host.host_bundle(disk(), ["ssh-ed25519 AAAA"])
    manifest = json.loads(files[f"root{MANIFEST}"].text)["files"]
    installed = {name.removeprefix("root") for name in files if name.startswith("root/")}
    assert manifest.keys() == installed - {MANIFEST}
    assert manifest["/usr/local/lib/toybox/ready"]["mode"] == 0o755
    assert manifest["/etc/systemd/user/docker.service"]["sha256"] == hashlib.sha256(b"").hexdigest()


def test_mount_unit_names_the_disk_by_the_volumes_id() -> None:
    """Letters (/dev/vdb) are handed out at random, and virtio shows 20 characters of the id."""
    unit = host.render_mount_unit(disk().device)
    assert "What=/dev/disk/by-id/virtio-3f2c8a0e-9d41-4f6e-8\n" in unit


def test_remote_commands(snapshot: SnapshotAssertion) -> None:
    web = web_spec(ENVIRONMENT, PROD.vcpus, PROD.memory)
    secrets = {name: f"/etc/toybox/secrets/{versioned(name, 'value')}" for name in web.secrets}
    assert {
        "reachable": commands.await_cloud_init(),
        "bundle": commands.apply_bundle(),
        "ready": commands.check_host(),
        "await-healthy": commands.await_healthy("postgres", 120, 160),
        "hand-over": HAND_OVER,
        "release": release_command(IMAGE, web, PROD.memory, secrets),
    } == snapshot


@pytest.mark.parametrize("plan", ROOMY, ids=lambda plan: plan.name)
def test_commands_of_the_containers_tuned_to_memory(plan: Flavor, snapshot: SnapshotAssertion) -> None:
    assert {
        "postgres": " ".join(postgres_spec(plan.memory).command),
        "redis": " ".join(redis_spec(plan.memory).command),
        "cache": " ".join(cache_spec(plan.memory).command),
        "web": " ".join(web_spec(ENVIRONMENT, plan.vcpus, plan.memory).command),
        "worker": " ".join(worker_spec(ENVIRONMENT, plan.vcpus, plan.memory).command),
    } == snapshot


def test_specs(snapshot: SnapshotAssertion) -> None:
    """All of what each container is, apart from its image."""
    assert {
        spec.name: spec
        for spec in (
            postgres_spec(PROD.memory),
            redis_spec(PROD.memory),
            cache_spec(PROD.memory),
            web_spec(ENVIRONMENT, PROD.vcpus, PROD.memory),
            worker_spec(ENVIRONMENT, PROD.vcpus, PROD.memory),
            beat_spec(ENVIRONMENT, PROD.memory),
            caddy_spec("password", PROD.memory),
        )
    } == snapshot


def test_statements_about_logins(snapshot: SnapshotAssertion) -> None:
    assert {
        "add": add_login_sql("secret-word"),
        "end": end_former_logins_sql(login_role("secret-word")),
    } == snapshot


@pytest.mark.parametrize(
    ("tls", "argument"),
    [
        (Tls(issuer="internal"), "internal"),
        (Tls(issuer="acme", email="operators@toybox.example.jp"), "operators@toybox.example.jp"),
    ],
    ids=["internal", "acme"],
)
def test_caddy_is_told_who_signs_its_certificate(tls: Tls, argument: str) -> None:
    assert build_arguments(image="caddy:2", domain="toybox.example", tls=tls, access="public") == {
        "CADDY_IMAGE": "caddy:2",
        "DOMAIN": "toybox.example",
        "TLS": argument,
        "ACCESS": "public",
    }
