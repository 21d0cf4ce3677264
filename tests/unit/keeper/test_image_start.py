"""TOYBOX's image is started on what was restored as production starts it, and reaches nothing else."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper import image_start, inside
from keeper.image import Image
from keeper.places import Places
from keeper.refusal import Refusal
from keeper.scratch import Scratch

TOLD: dict[str, Any] = {
    "image": f"registry.example:5000/toybox:1@sha256:{'4' * 64}",
    "command": ["gunicorn", "toybox.wsgi:application"],
    "environment": {
        "TOYBOX_MAIL": "on",
        "POSTGRES_HOST": "postgres",
        "POSTGRES_USER": "toybox_ab12",
        "REDIS_HOST": "redis",
        "REDIS_CACHE_HOST": "cache",
        "REDIS_PASSWORD_FILE": "/run/secrets/redis_password",
    },
    "secrets": {"redis_password": "/run/secrets/redis_password", "postgres_password": "/run/secrets/postgres_password"},
    "temporary": {"/tmp": 128},
    "sharedMemory": 64,
    "volumes": {"/srv/media": "media", "/srv/static": "static"},
    "health": {"command": ["python", "-c", "probe"], "start": 90, "timeout": 10},
}
"""What production's stack tells of its web process."""


@pytest.fixture
def web(tmp_path: Path) -> image_start.Web:
    (tmp_path / image_start.FILE).write_text(json.dumps(TOLD))
    return image_start.load(tmp_path)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path / "rootfs", ("tini", "--"), {"PATH": "/opt/venv/bin", "TOYBOX_MAIL": "maybe"}, "/app", 7, 8)


@pytest.fixture
def work(places: Places) -> Path:
    made = places.data / "restored" / ".drill"
    (made / "files" / "media").mkdir(parents=True)
    return made


def pairs(words: Sequence[str], option: str) -> dict[str, str]:
    """{target: source} of one of bwrap's options."""
    return {words[at + 2]: words[at + 1] for at, word in enumerate(words) if word == option}


@pytest.mark.parametrize("harm", [lambda told: told.pop("health"), lambda told: told.update(secrets=[])])
def test_a_file_that_does_not_say_how_the_web_process_starts_is_refused(
    tmp_path: Path, harm: Callable[[dict[str, Any]], None]
) -> None:
    told = json.loads(json.dumps(TOLD))
    harm(told)
    (tmp_path / image_start.FILE).write_text(json.dumps(told))
    with pytest.raises(Refusal, match="pulumi up --stack keeper"):
        image_start.load(tmp_path)


def test_a_keeper_without_the_file_knows_no_image(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="does not know TOYBOX's image"):
        image_start.load(tmp_path)


def test_the_image_sees_a_read_only_root_its_volumes_and_its_secrets_and_nothing_of_the_machine(
    web: image_start.Web, image: Image, work: Path
) -> None:
    words = image_start.container(web, image, work / "files", work / "boot")
    assert pairs(words, "--bind") == {"/": str(image.root), "/srv/media": str(work / "files/media")}
    assert words[words.index("--remount-ro") + 1] == "/"
    assert words.index("--remount-ro") > max(at for at, word in enumerate(words) if word in ("--bind", "--tmpfs"))
    assert pairs(words, "--ro-bind") == {
        "/proc": "/proc",
        "/etc/hosts": str(work / "boot/hosts"),
        "/run/secrets/redis_password": str(work / "boot/secrets/redis_password"),
        "/run/secrets/postgres_password": str(work / "boot/secrets/postgres_password"),
    }
    memory = [words[at + 1] for at, word in enumerate(words) if word == "--tmpfs"]
    assert memory == ["/dev/shm", "/tmp", "/srv/static"]
    assert {"--unshare-all", "--die-with-parent", "--clearenv"} <= set(words)
    assert words[words.index("--uid") + 1 :: 2][:2] == ["7", "8"]


def test_memory_that_is_written_to_is_bounded(web: image_start.Web, image: Image, work: Path) -> None:
    """The keeper has little of it, and its receiver of WAL needs some."""
    words = image_start.container(web, image, work / "files", work / "boot")
    for at, word in enumerate(words):
        if word == "--tmpfs":
            assert words[at - 2] == "--size"
            assert 0 < int(words[at - 1]) <= 128 << 20


def test_whoever_starts_the_image_has_no_network_and_nothing_of_what_is_kept(
    places: Places, image: Image, work: Path
) -> None:
    words = image_start.sandbox(places, image, work / "files", work / "boot", work / "socket")
    assert {"--unshare-net", "--unshare-user", "--die-with-parent"} <= set(words)
    assert "--share-net" not in words
    away = [words[at + 1] for at, word in enumerate(words) if word == "--tmpfs"]
    assert {str(places.data), str(places.etc), str(places.run)} <= set(away)
    assert set(pairs(words, "--bind")) == {
        "/proc",
        *(str(path) for path in (image.root, work / "files", work / "boot", work / "socket")),
    }


def test_every_process_ends_with_the_one_that_started_it(
    places: Places, web: image_start.Web, image: Image, work: Path
) -> None:
    plan = image_start.plan(places, web, image, work / "files", work / "boot", work / "socket")
    for words in (plan["web"], plan["health"], *(each["words"] for each in plan["services"])):
        assert words[0] == "bwrap"
        assert {"--die-with-parent", "--unshare-all", "--share-net"} <= set(words[: words.index("--")])


def test_the_web_process_is_that_of_production(places: Places, web: image_start.Web, image: Image, work: Path) -> None:
    plan = image_start.plan(places, web, image, work / "files", work / "boot", work / "socket")
    assert plan["web"][plan["web"].index("--chdir") :] == [
        *("--chdir", "/app", "--", "tini", "--", "gunicorn", "toybox.wsgi:application")
    ]
    assert plan["health"][-3:] == ["python", "-c", "probe"]
    assert plan["seconds"] == 90 + image_start.TIMEOUT


def test_no_mail_leaves_a_copy_of_real_peoples_accounts(web: image_start.Web, image: Image) -> None:
    given = image_start.variables(web, image)
    assert given["TOYBOX_MAIL"] == "off"
    assert given["PATH"] == "/opt/venv/bin"


def test_database_and_redis_are_found_under_the_names_that_production_gives_them(web: image_start.Web) -> None:
    other = replace(web, environment={**web.environment, "REDIS_CACHE_HOST": "redis"})
    assert image_start.hosts(web) == "127.0.0.1 localhost cache postgres redis\n"
    assert image_start.hosts(other) == "127.0.0.1 localhost postgres redis\n"


def test_secrets_are_new_in_each_drill_and_redis_asks_for_its_own(web: image_start.Web, tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        image_start.prepare(web, tmp_path / name)
        made += [(tmp_path / name / "secrets" / secret).read_text() for secret in web.secrets]
        assert f"requirepass {made[-2]}\n" in (tmp_path / name / "redis.conf").read_text()
    assert len(set(made)) == 4
    assert min(map(len, made)) >= 32


@pytest.mark.parametrize("login", ["a'; DROP", 'x"', "", "A\n\\! id"])
def test_a_login_from_the_source_ends_no_quotes(login: str) -> None:
    with pytest.raises(Refusal, match="not the name of a login"):
        image_start.login_sql(login)
    assert image_start.login_sql("toybox_ab12").startswith("\\set login 'toybox_ab12'\n")


# the runner


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def plan(**changes: Any) -> dict[str, Any]:
    return {"web": python("import time; time.sleep(60)"), "health": python(""), "timeout": 5, "seconds": 0.5, **changes}


def test_a_health_check_is_tried_until_it_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "PAUSE", 0.01)
    file = str(tmp_path / "tried")
    twice = f"from pathlib import Path; tried = Path({file!r}).exists(); Path({file!r}).touch(); exit(not tried)"
    assert inside.healthy(plan(health=python(twice), seconds=60)) == ""


def test_an_image_that_stays_ill_is_told_with_the_last_thing_that_its_check_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inside, "PAUSE", 0.01)
    why = inside.healthy(plan(health=python("print('no feed'); exit(1)")))
    assert why == "no health check passed within 0.5 s; the last one said: no feed"
    why = inside.healthy(plan(health=python("import time; time.sleep(60)"), timeout=0.2, seconds=0.1))
    assert why.endswith("the last one said: nothing, for 0.2 s")


def test_a_web_process_that_ends_is_not_waited_for() -> None:
    assert inside.healthy(
        plan(web=python("exit(3)"), health=python("import time; time.sleep(0.5); exit(1)"), seconds=60)
    ) == ("the web process ended with status 3")


def test_a_service_that_does_not_start_is_named() -> None:
    service = {"name": "Redis", "words": python("exit(1)"), "port": 1}
    assert inside.services({"services": [service]}) == "Redis does not listen on port 1"


class Database(Scratch):
    """A scratch server that notes what it is asked."""

    asked = ""

    def ask(self, name: str, statements: str, seconds: float = 0) -> Any:
        self.asked += f"{name}: {statements}"


@pytest.mark.parametrize(
    ("printed", "why"),
    [
        ('{"why": "the web process ended with status 3"}', "the web process ended with status 3"),
        ("", "the sandbox ended with status 1"),
        (None, "no end after"),
    ],
    ids=["ill", "no sandbox", "hangs"],
)
def test_whatever_keeps_the_image_from_its_health_fails_the_drill_with_the_images_last_words(
    places: Places,
    web: image_start.Web,
    image: Image,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    printed: str | None,
    why: str,
) -> None:
    def ran(words: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        options["stderr"].write("ImportError: no module named toybox\n")
        if printed is None:
            raise subprocess.TimeoutExpired(words, options["timeout"])
        return subprocess.CompletedProcess(words, 1, stdout=printed)

    monkeypatch.setattr("keeper.image_start.subprocess.run", ran)
    server = Database(places, work / "socket")
    with pytest.raises(Refusal) as refused:
        image_start.require_healthy(places, web, image, server, work / "files", work / "boot")
    assert why in str(refused.value)
    assert "ImportError: no module named toybox" in str(refused.value)
    assert TOLD["image"] in str(refused.value)
    assert "toybox: \\set login 'toybox_ab12'" in server.asked
