"""What must have happened before what."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from host.look import SECRETS
from tests.unit.program.conftest import configuration
from tests.unit.program.recording import RecordingMonitor, Run, run_program


def test_nothing_talks_to_docker_before_the_host_is_ready(run: Run) -> None:
    """pulumi-docker #139, #1293: the first `up` after `destroy` found no Docker yet, and the second worked."""
    provider = run.one("host-docker")
    assert {"host-reachable", "host-bundle", "host-ready", "server-instance", "data-volume"} <= run.before(provider)
    for resource in run.custom():
        if resource.type.startswith("docker:"):
            assert {"host-docker", "host-ready"} <= run.before(resource), resource.name


def test_the_host_is_converged_in_order(run: Run) -> None:
    assert "host-reachable" in run.before(run.one("host-bundle"))
    assert "host-bundle" in run.before(run.one("host-ready"))
    assert "host-ready" in run.before(run.one("secrets-installed"))


def test_secrets_and_volumes_are_there_before_a_container_that_mounts_them(run: Run) -> None:
    for container in run.of_type("docker:index/container:Container"):
        before = run.before(container)
        assert "secrets-installed" in before, container.name
        for mount in container.inputs["mounts"]:
            if mount["type"] == "volume":
                assert f"volumes-{mount['source']}" in before, container.name


def test_the_database_has_its_password_and_redis_answers_before_the_release(run: Run) -> None:
    """A data disk that came from another stack brings that stack's password."""
    assert {"postgres-healthy", "postgres-password", "redis-healthy"} <= run.before(run.one("django-release"))


def test_the_release_writes_to_volumes_and_networks_that_are_there(run: Run) -> None:
    """It runs over SSH and names them; nothing but an explicit dependency orders them."""
    needed = {"volumes-static", "volumes-media", "networks-backend", "secrets-installed", "django-image-pulled"}
    assert needed <= run.before(run.one("django-release"))


def test_the_release_succeeds_before_any_running_container_of_django_is_touched(run: Run) -> None:
    """A broken image or migration: the old site keeps serving (pitfalls E3, 26)."""
    for name in ("web", "worker", "beat"):
        assert "django-release" in run.before(run.one(f"django-{name}-container"))


def test_the_release_waits_for_nothing_that_it_guards(run: Run) -> None:
    assert not [name for name in run.before(run.one("django-release")) if name.startswith(("django-web", "caddy"))]


def test_web_is_healthy_before_caddy_is_touched(run: Run) -> None:
    assert "django-web-healthy" in run.before(run.one("caddy-container"))


def test_every_container_is_waited_for(run: Run) -> None:
    """A container that starts and is never healthy would otherwise pass for a success."""
    for container in run.of_type("docker:index/container:Container"):
        gate = run.one(container.name.replace("-container", "-healthy"))
        assert container.name in run.before(gate)
        assert f"await-healthy {container.inputs['name']} " in gate.inputs["create"]


def test_a_killed_update_leaves_nothing_in_the_way_of_the_next_one(run: Run) -> None:
    """Whatever is made under a name in Docker is looked for before. Providers hand no hooks down."""
    for resource in run.custom():
        hooks = list(resource.request.hooks.before_create)
        assert "host-awake" not in hooks or hooks == list(resource.request.hooks.before_update), resource.name
        match resource.type.split(":")[0]:
            case "docker":
                assert hooks == ["host-make-room"], resource.name
            case _ if resource.type == "openstack:networking/secGroupRule:SecGroupRule":
                assert hooks == ["equal-rules"], resource.name
            case _:
                assert hooks == (["host-awake"] if resource.name == "host-bundle" else []), resource.name


def test_the_cloud_is_looked_at_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is replaced is deleted before it is made: a look at its creation would come too late."""

    def found(_: object) -> None:
        raise pulumi.RunError("something is there")

    seen: list[str] = []
    register = RecordingMonitor.RegisterResource

    def registered(self: RecordingMonitor, request: Any) -> Any:
        seen.append(request.type)
        return register(self, request)

    monkeypatch.setattr(RecordingMonitor, "RegisterResource", registered)
    with pytest.raises(pulumi.RunError, match="something is there"):
        run_program("prod", *configuration("prod"), tmp_path, look=found)
    assert set(seen) <= {"pulumi:pulumi:Stack"}


def test_a_preview_does_not_look_for_leftovers(tmp_path: Path) -> None:
    """It makes nothing, and the look costs more than a second."""
    looked: list[object] = []
    run_program("prod", *configuration("prod"), tmp_path, preview=True, look=looked.append)
    assert not looked


def test_docker_things_carry_the_name_by_which_leftovers_are_known(run: Run) -> None:
    for resource in run.of_type("docker:index/container:Container", "docker:index/network:Network"):
        assert {"label": "toybox.name", "value": resource.inputs["name"]} in resource.inputs["labels"], resource.name


def test_nothing_is_tidied_away_before_everything_is_healthy(run: Run) -> None:
    """The images and secrets of yesterday may still be needed until then."""
    healthy = {found.name for found in run.of_type("command:remote:Command") if found.name.endswith("-healthy")}
    assert len(healthy) == 7
    assert healthy <= run.before(run.one("tidy-done"))


def test_former_passwords_end_after_every_container_has_its_own(run: Run) -> None:
    """Until then the old containers need them: a release that fails would have taken the site down."""
    for name in ("former-passwords-postgres", "former-passwords-redis"):
        assert {"tidy-done", "django-web-healthy", "django-worker-healthy"} <= run.before(run.one(name))


def test_a_server_that_lets_nobody_in_is_explained_whoever_finds_out(run: Run) -> None:
    for command in run.of_type("command:remote:Command"):
        assert list(command.request.hooks.on_error) == ["host-unreachable"], command.name


def test_tidying_keeps_every_secret_that_a_container_mounts_and_every_image_in_use(run: Run) -> None:
    kept = run.one("tidy-done").inputs["create"].split()
    for container in run.of_type("docker:index/container:Container"):
        for mount in container.inputs["mounts"]:
            if mount["type"] == "bind" and not mount["source"].endswith(".d"):
                assert mount["source"].removeprefix(f"{SECRETS}/") in kept, container.name
    for image in run.of_type("docker:index/remoteImage:RemoteImage"):
        assert image.inputs["name"] in kept, image.name
