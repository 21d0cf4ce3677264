"""`pulumi up` on a site that runs: what it leaves alone, and what it does when the new version is broken."""

import json

from lab.images.registry import Registry
from lab.paths import IMAGES
from lab.registry import ADDRESS, AUTHORITY
from lab.stack import initialise
from tests.lab.toybox import Toybox


def test_a_second_update_has_nothing_to_do(prod: Toybox) -> None:
    done = prod.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert done.returncode == 0, done.stdout


def test_after_a_refresh_there_is_nothing_to_do_either(prod: Toybox) -> None:
    done = prod.pulumi("preview", "--refresh", "--expect-no-changes")
    assert done.returncode == 0, done.stdout


def test_toybox_init_run_again_changes_nothing(prod: Toybox) -> None:
    file = prod.workspace.settings_file(prod.stack)
    before = file.read_text()
    initialise(prod.workspace, prod.stack)
    assert file.read_text() == before


def test_another_health_check_and_another_mount_reach_the_container(prod: Toybox) -> None:
    """The plugin alone says "updated" and changes neither."""
    name = "components/django/specs.py"
    text = (prod.workspace.program / name).read_text()
    before, worker = text.split("def worker_spec")
    assert "interval=60" in worker
    assert "(MEDIA, False)" in worker
    template = '{{.Config.Healthcheck.Interval}} {{range .Mounts}}{{if eq .Type "volume"}}{{.RW}}{{end}}{{end}}'
    inspect = f"docker inspect --format '{template}' worker"
    assert prod.ssh(inspect) == "1m0s true\n"
    worker = worker.replace("interval=60", "interval=40", 1).replace("(MEDIA, False)", "(MEDIA, True)", 1)
    with prod.changed_file(name, f"{before}def worker_spec{worker}"):
        prod.up()
        assert prod.ssh(inspect) == "40s false\n"
    prod.up()
    assert prod.ssh(inspect) == "1m0s true\n"


def test_a_caddyfile_that_does_not_validate_leaves_the_old_site_answering(prod: Toybox) -> None:
    name = "components/caddy/build/Caddyfile"
    text = (prod.workspace.program / name).read_text()
    with prod.changed_file(name, text.replace("encode gzip", "encode gzip nonsense {")):
        said = prod.failing_up()
    assert "caddy-image" in said
    assert prod.browser().get("/healthz").status_code == 200
    prod.up("--expect-no-changes")


def test_an_app_image_that_does_not_start_leaves_the_old_site_answering(prod: Toybox) -> None:
    """The release step starts the new image beside the old one before anything is replaced."""
    before = prod.ssh("docker inspect --format '{{.Id}}' web worker beat")
    style = prod.browser().get("/static/posts/site.css").text
    with prod.changed_settings(images__django=broken_image()):
        said = prod.failing_up()
    assert "django-release" in said
    assert "broken on purpose" in said, "the message carries the last lines of the log"
    assert prod.ssh("docker inspect --format '{{.Id}}' web worker beat") == before
    assert prod.browser().get("/healthz").status_code == 200
    assert prod.browser().get("/static/posts/site.css").text == style, "its static files are not shown"
    assert "toybox-release" not in prod.ssh("docker ps -a")
    prod.up()


def broken_image() -> str:
    """The reference of an image like TOYBOX's whose web process cannot start."""
    broken = {
        "app/toybox/wsgi.py": b"raise RuntimeError('broken on purpose')\n",
        "app/posts/static/posts/site.css": b"body { display: none }\n",
    }
    return changed_image("broken", broken)


def changed_image(new_tag: str, files: dict[str, bytes]) -> str:
    """The reference of an image like TOYBOX's with some files added or replaced."""
    name, tag = json.loads(IMAGES.read_text())["django"].removeprefix(f"{ADDRESS}/").split("@")[0].split(":")
    digest = Registry(ADDRESS, AUTHORITY).derive(name, tag, new_tag, files)
    return f"{ADDRESS}/{name}:{new_tag}@{digest}"
