"""Canary secrets: they may be seen inside of what the engine encrypts, and nowhere else."""

import base64
import binascii
import io
import re
import tarfile

from host.look import SECRETS
from tests.unit.program.conftest import Secrets
from tests.unit.program.recording import Run, Secret, revealed, texts

SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|KEY", re.IGNORECASE)


def readings(text: str) -> list[str]:
    """`text` as it stands and, if it can be, decoded from base64: an archive hides nothing from whoever holds it."""
    try:
        return [text, base64.b64decode(text, validate=True).decode("latin-1")]
    except (binascii.Error, ValueError):
        return [text]


def check_plain_inputs(run: Run, secrets: Secrets) -> None:
    """Fail if a resource shows a secret in an input that the engine does not encrypt."""
    for resource in run.resources.values():
        for text in texts(resource.inputs, secrets=False):
            for reading in readings(text):
                assert not secrets.seen_in(reading), f"{resource.name} shows {secrets.seen_in(reading)}"


def seen_anywhere(run: Run, secrets: Secrets) -> set[str]:
    """Return the names of the secrets that are in some input, encrypted or not."""
    return {
        name
        for resource in run.resources.values()
        for text in texts(resource.inputs, secrets=True)
        for reading in readings(text)
        for name in secrets.seen_in(reading)
    }


def test_no_secret_is_in_a_plain_input(run: Run, secrets: Secrets) -> None:
    check_plain_inputs(run, secrets)


def test_no_secret_is_in_an_output(run: Run, secrets: Secrets) -> None:
    for text in texts(run.exports, secrets=True):
        assert not secrets.seen_in(text)


def test_every_secret_reaches_what_needs_it(run: Run, secrets: Secrets) -> None:
    """The test above would pass if no secret went anywhere. The access password arrives as a hash."""
    assert seen_anywhere(run, secrets) == set(secrets.by_name) - {"accessPassword"}


def test_no_environment_variable_is_named_like_a_secret_unless_it_names_a_file(run: Run) -> None:
    """`docker inspect` shows them to everybody who may ask Docker."""
    for container in run.of_type("docker:index/container:Container"):
        for line in container.inputs["envs"]:
            assert not isinstance(line, Secret), container.name
            name, value = line.split("=", 1)
            if SECRET_NAME.search(name):
                assert name.endswith("_FILE"), f"{container.name}: {name}"
                assert value.startswith("/run/secrets/"), f"{container.name}: {name}"


def test_the_secrets_bundle_is_these_files_and_for_root_only(run: Run) -> None:
    """The one script that takes them in decides who may read them (components/host/files/install-secrets)."""
    packed = base64.b64decode(revealed(run.one("secrets-installed").inputs["stdin"]))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        modes = {member.name: member.mode for member in archive.getmembers()}
    names = ["django_secret_key", "postgres_password", "redis_password"]
    if run.stack == "staging":
        names.append("access")
    assert set(modes.values()) == {0o400}
    assert {name.rsplit("/", 1)[0] for name in modes.keys() - {"manifest.json"}} == {
        f"secrets/{name}.d" for name in names
    }


def test_every_secret_file_that_is_named_is_mounted_and_installed(run: Run) -> None:
    bundle = base64.b64decode(revealed(run.one("secrets-installed").inputs["stdin"])).decode("latin-1")
    for container in run.of_type("docker:index/container:Container"):
        mounted = {mount["target"]: mount["source"] for mount in container.inputs["mounts"] if mount["type"] == "bind"}
        named = {line.split("=", 1)[1] for line in container.inputs["envs"] if "=/run/secrets/" in line}
        assert named <= mounted.keys(), container.name
        for source in mounted.values():
            end = "/" if source.endswith(".d") else "\0"
            assert f"secrets/{source.removeprefix(f'{SECRETS}/')}{end}" in bundle, f"{container.name}: {source}"


def test_a_new_secret_replaces_the_application_and_not_the_databases(run: Run) -> None:
    """A file that is mounted by itself keeps showing the old content, so each value has a path of its own. A database
    that was replaced with the first step of a rotation would lock the old containers out."""
    for container in run.of_type("docker:index/container:Container"):
        sources = [mount["source"] for mount in container.inputs["mounts"] if mount["type"] == "bind"]
        name = container.inputs["name"]
        if name in ("postgres", "redis", "cache"):
            assert sources == ([] if name == "postgres" else [f"{SECRETS}/redis_password.d"])
        else:
            assert all(re.fullmatch(rf"{SECRETS}/\w+[.]d/[0-9a-f]{{12}}", source) for source in sources)
