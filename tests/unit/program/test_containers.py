"""The containers: none can take data with it, none is killed without notice, and only Caddy is seen from outside."""

import re
from typing import Any

from components.containers.memory import memory_limit
from host.look import LIBRARY, SECRETS
from inventory.volumes import VOLUMES
from tests.unit.program.recording import CHECKOUT, Registered, Run

SECONDS_TO_STOP = {"postgres": 120, "redis": 30, "cache": 10, "web": 30, "worker": 30, "beat": 30, "caddy": 10}
"""The least that each gets between SIGTERM and SIGKILL."""

OFFICIAL_VOLUMES = {"postgres": {"/var/lib/postgresql/data"}, "redis": {"/data"}, "cache": {"/data"}}
"""VOLUME of docker.io/library/postgres:15-bookworm and redis:7-bookworm; caddy:2 has none."""

IMAGE_OF = {"cache": "redis"}
"""Containers that are not called as their image is."""


def containers(run: Run) -> dict[str, Registered]:
    """The containers by their name in Docker."""
    found = {container.inputs["name"]: container for container in run.of_type("docker:index/container:Container")}
    assert found.keys() == SECONDS_TO_STOP.keys()
    return found


def mounts(container: Registered, kind: str) -> dict[str, dict[str, Any]]:
    """The container's mounts of a kind, by target."""
    return {mount["target"]: mount for mount in container.inputs["mounts"] if mount["type"] == kind}


def test_every_container_gets_its_time_to_stop(run: Run) -> None:
    """Unset, the provider's stop timeout is 0: SIGKILL on every replacement (kreuzwerker
    resource_docker_container_funcs.go:1086). stop_timeout is the same for everybody else who stops it."""
    for name, container in containers(run).items():
        assert container.inputs["destroyGraceSeconds"] >= SECONDS_TO_STOP[name], name
        assert container.inputs["stopTimeout"] == container.inputs["destroyGraceSeconds"], name


def test_gunicorn_ends_its_requests_before_docker_ends_it(run: Run) -> None:
    web = containers(run)["web"].inputs
    command = web["command"]
    assert int(command[command.index("--graceful-timeout") + 1]) < web["destroyGraceSeconds"]


def test_no_container_takes_its_anonymous_volumes_with_it(run: Run) -> None:
    """The default is `rm -v`; with one wrong mount path that is the database (SonarSource/docker-sonarqube #887)."""
    for name, container in containers(run).items():
        assert container.inputs["removeVolumes"] is False, name


def test_mounts_are_where_the_images_declare_their_volumes(run: Run) -> None:
    """Mounted on the parent, the database lies in an anonymous volume and the named one stays empty
    (docker-library/docs #2505). The lab's stand-ins keep the official images' contract."""
    for name, container in containers(run).items():
        official = OFFICIAL_VOLUMES.get(name, set())
        assert official <= {*mounts(container, "volume"), *container.inputs["tmpfs"]}, name
        dockerfile = CHECKOUT / "lab" / "images" / IMAGE_OF.get(name, name) / "Dockerfile"
        if dockerfile.exists():
            assert set(re.findall(r"^VOLUME (\S+)$", dockerfile.read_text(), re.MULTILINE)) == official, name


def test_the_database_is_in_a_subdirectory_of_its_volume(run: Run) -> None:
    """initdb refuses a disk's lost+found (helm/charts #405), and an unmounted disk is seen as a missing directory."""
    postgres = containers(run)["postgres"]
    environment = dict(line.split("=", 1) for line in postgres.inputs["envs"])
    (target,) = mounts(postgres, "volume")
    assert environment["PGDATA"].startswith(f"{target}/")
    assert "--data-checksums" in " ".join(postgres.inputs["entrypoints"])


def test_mounts_are_named_volumes_of_the_one_list_and_read_only_secret_files(run: Run) -> None:
    """No source tree is mounted anywhere, nor Docker's socket; `mounts` is the only way in."""
    volumes = {volume.name for volume in VOLUMES}
    for name, container in containers(run).items():
        for mount in container.inputs["mounts"]:
            assert mount["type"] in ("volume", "bind"), name
        for mount in mounts(container, "volume").values():
            assert mount["source"] in volumes, name
        for target, mount in mounts(container, "bind").items():
            assert mount["readOnly"] is True, name
            assert mount["source"].startswith(f"{SECRETS}/"), name
            assert target.startswith("/run/secrets/"), name
        assert "volumes" not in container.inputs, name


def test_one_writer_for_each_volume_and_none_in_front(run: Run) -> None:
    """Caddy reads what users upload and what Django collects; only the release writes static files."""
    writers: dict[str, set[str]] = {}
    for name, container in containers(run).items():
        for mount in mounts(container, "volume").values():
            if not mount["readOnly"]:
                writers.setdefault(mount["source"], set()).add(name)
    assert writers == {
        "postgres": {"postgres"},
        "redis": {"redis"},
        "media": {"web", "worker"},
        "beat": {"beat"},
        "caddy-data": {"caddy"},
        "caddy-config": {"caddy"},
    }


def test_databases_hold_a_lock_on_their_files(run: Run) -> None:
    """With live-restore a container outlives a wiped /var/lib/docker; a second database on its files destroys them."""
    for name in ("postgres", "redis"):
        container = containers(run)[name]
        words = container.inputs["entrypoints"]
        *program, lock, shell, option, script, _ = words[words.index("flock") :]
        assert (program, shell, option) == (["flock", "--no-fork", "--nonblock"], "bash", "-c")
        assert script.rstrip().endswith('\nexec docker-entrypoint.sh "$@"')
        assert lock.rsplit("/", 1)[0] in mounts(container, "volume"), "the lock must be on the data disk"


def test_every_container_comes_back_and_reports_its_health(run: Run) -> None:
    for name, container in containers(run).items():
        assert container.inputs["restart"] == "unless-stopped", name
        assert container.inputs["mustRun"] is True, name
        check = container.inputs["healthcheck"]
        kind, *command = check["tests"]
        assert kind == "CMD", name
        assert command, name
        assert check["retries"] >= 2, name
        # await-healthy reads the words one a line, and drops empty ones
        assert all(word and "\n" not in word for word in command), name


def test_only_caddy_publishes_ports_and_only_80_and_443(run: Run) -> None:
    """Docker's published ports bypass ufw (moby #4737)."""
    published = {
        name: [(port["internal"], port["external"], port["protocol"]) for port in container.inputs.get("ports") or []]
        for name, container in containers(run).items()
    }
    assert published.pop("caddy") == [(80, 80, "tcp"), (443, 443, "tcp")]
    assert not any(published.values())
    for name, container in containers(run).items():
        assert not container.inputs.get("publishAllPorts"), name
        assert "networkMode" not in container.inputs, name
        assert not container.inputs.get("privileged"), name
        assert container.inputs["securityOpts"] == ["no-new-privileges:true"], name


def test_containers_keep_only_the_capabilities_that_they_need(run: Run) -> None:
    """Docker's fourteen let a broken-into process change other users' files, or listen to the network."""
    for name, container in containers(run).items():
        capabilities = container.inputs["capabilities"]
        assert capabilities["drops"] == ["ALL"], name
        assert capabilities.get("adds", []) == (["CAP_NET_BIND_SERVICE"] if name == "caddy" else []), name


def test_databases_are_not_root(run: Run) -> None:
    """Without capabilities root could not read its own files; the volumes belong to the images' user."""
    for name in ("postgres", "redis", "cache"):
        assert containers(run)[name].inputs["user"] == "999:999", name


def test_containers_write_to_their_volumes_and_to_memory_only(run: Run) -> None:
    for name, container in containers(run).items():
        assert container.inputs["readOnly"] is True, name
        for target, options in container.inputs["tmpfs"].items():
            assert "size=" in options, (name, target)
            assert {"noexec", "nosuid"} <= set(options.split(",")), (name, target)


def test_containers_have_limits_that_together_fit_the_server(run: Run) -> None:
    """Without swap on top, or one that runs full would make the whole server slow instead."""
    found = {name: container.inputs["memory"] for name, container in containers(run).items()}
    memory = {"prod": 4096, "staging": 2048}[run.stack]
    assert sum(found.values()) + memory_limit("release", memory) <= memory * 7 // 8
    for name, container in containers(run).items():
        assert container.inputs["memorySwap"] == found[name], name


def test_each_health_gate_limits_the_containers_processes(run: Run) -> None:
    """The provider has no option for it."""
    gates = {
        gate.inputs["create"].split("await-healthy ")[1].split()[0]: gate.inputs["create"]
        for gate in run.of_type("command:remote:Command")
        if gate.name.endswith("-healthy")
    }
    assert gates.keys() == containers(run).keys()
    for name, gate in gates.items():
        assert re.fullmatch(rf"timeout \d+ {LIBRARY}/await-healthy {name} \d+ [1-9]\d+", gate), gate


def test_the_database_is_the_last_that_the_kernel_ends(run: Run) -> None:
    """Each but the database raises its own score, as its first deed and in its place, so that signals reach it."""
    for name, container in containers(run).items():
        words = [*(container.inputs.get("entrypoints") or []), *container.inputs["command"]]
        raised = re.fullmatch(r'echo ([1-9][0-9]*) >/proc/self/oom_score_adj && exec "\$@"', words[2])
        assert bool(raised) == (name != "postgres"), name
        if raised:
            assert words[:2] + words[3:4] == ["sh", "-c", "sh"], name


def test_logs_outlive_their_container(run: Run) -> None:
    """json-file is deleted with the container, and an update that replaces it takes the reason for it away."""
    for name, container in containers(run).items():
        assert container.inputs["logDriver"] == "journald", name


def test_caddy_waits_longer_for_web_than_web_takes_to_stop(run: Run) -> None:
    """And half a minute for the new one's start."""
    caddyfile = (CHECKOUT / "components/caddy/build/Caddyfile").read_text()
    (patience,) = re.findall(r"lb_try_duration (\d+)s", caddyfile)
    assert int(patience) >= containers(run)["web"].inputs["destroyGraceSeconds"] + 30


def test_an_upload_fits_where_django_keeps_it_until_it_is_saved(run: Run) -> None:
    caddyfile = (CHECKOUT / "components/caddy/build/Caddyfile").read_text()
    (largest,) = re.findall(r"max_size (\d+)MB", caddyfile)
    (room,) = re.findall(r"size=(\d+)m", containers(run)["web"].inputs["tmpfs"]["/tmp"])
    assert int(largest) <= int(room)


def test_beats_schedule_is_on_the_data_disk(run: Run) -> None:
    """Lost with the container, a daily job would never run where releases are more frequent."""
    beat = containers(run)["beat"]
    words = beat.inputs["command"]
    schedule = words[words.index("--schedule") + 1]
    assert schedule.rpartition("/")[0] in mounts(beat, "volume")


def test_each_images_static_files_have_a_place_of_their_own(run: Run) -> None:
    """Those of an image that fails its trial would otherwise reach visitors of the old one."""
    web = containers(run)["web"]
    environment = dict(line.split("=", 1) for line in web.inputs["envs"])
    digest = run.one("django-image-pulled").inputs["name"].rpartition("@sha256:")[2]
    assert environment["STATIC_ROOT"] == f"/srv/static/{digest[:12]}"
    assert "/srv/static" in mounts(web, "volume")
    caddyfile = (CHECKOUT / "components/caddy/build/Caddyfile").read_text()
    assert "root * /srv/static/current\n" in caddyfile, "the link that the release sets after the trial"


def test_networks_let_only_caddy_and_web_out(run: Run) -> None:
    internal = {network.inputs["name"]: network.inputs.get("internal", False) for network in networks(run)}
    assert internal == {"edge": False, "backend": True}
    joined = {
        name: {network["name"] for network in container.inputs["networksAdvanced"]}
        for name, container in containers(run).items()
    }
    assert joined == {
        "postgres": {"backend"},
        "redis": {"backend"},
        "cache": {"backend"},
        "worker": {"backend"},
        "beat": {"backend"},
        "web": {"backend", "edge"},
        "caddy": {"edge"},
    }


def networks(run: Run) -> list[Registered]:
    """Docker's networks."""
    return run.of_type("docker:index/network:Network")


def test_beat_runs_once(run: Run) -> None:
    """Two of them run every scheduled job twice; a worker with an embedded one (-B) would be the second."""
    commands = {name: container.inputs["command"] for name, container in containers(run).items()}
    assert [name for name, words in commands.items() if "beat" in words] == ["beat"]
    assert not {"-B", "--beat"} & {word for words in commands.values() for word in words}


def test_the_old_container_goes_before_the_new_one_comes(run: Run) -> None:
    """They share a name, and a database its files."""
    for name, container in containers(run).items():
        assert container.request.deleteBeforeReplace, name


def test_what_docker_cannot_change_in_a_container_makes_a_new_one(run: Run) -> None:
    """The plugin would say that it updated them, and do nothing: old mounts, old health check."""
    for name, container in containers(run).items():
        assert list(container.request.replaceOnChanges) == ["healthcheck", "mounts"], name


def test_containers_follow_the_image_that_was_pulled_or_built(run: Run) -> None:
    """By immutable id: a tag says nothing when it moves (pulumi-docker #293)."""
    images = {image.urn for image in run.of_type("docker:index/remoteImage:RemoteImage")}
    for name, container in containers(run).items():
        (image,) = container.request.propertyDependencies["image"].urns
        assert image in images, name
        assert container.inputs["image"].startswith("sha256:"), name
    for found in run.of_type("docker:index/remoteImage:RemoteImage"):
        assert found.inputs["keepLocally"] is True, found.name
