"""What a visitor of production can do, and what nobody can."""

import contextlib
import io
import re
import resource
import socket
import time
from typing import Any

import requests
from PIL import Image

from tests.lab.toybox import Browser, Toybox

PASSWORD = "correct horse battery staple"


def token(page: requests.Response) -> str:
    """Django's CSRF token in a page's form."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found, page.text[:500]
    return found[1]


def submit(browser: Browser, path: str, fields: dict[str, str], **options: Any) -> requests.Response:
    """Fill the form at `path` and send it, as a browser would."""
    form = browser.get(path)
    assert form.status_code == 200, form.text[:500]
    data = {"csrfmiddlewaretoken": token(form), **fields}
    return browser.post(path, data=data, headers={"Referer": browser.site.url}, **options)


def picture() -> bytes:
    """A PNG of 1200 x 800 pixels."""
    content = io.BytesIO()
    Image.radial_gradient("L").resize((1200, 800)).convert("RGB").save(content, "PNG")
    return content.getvalue()


def test_a_user_signs_up_logs_in_and_sees_the_image_that_they_post(prod: Toybox) -> None:
    newcomer = prod.browser()
    name = f"newcomer{time.time_ns()}"
    submit(newcomer, "/accounts/signup/", {
        "username": name, "email": f"{name}@example.com", "password1": PASSWORD, "password2": PASSWORD,
    })  # fmt: skip

    browser = prod.browser()
    submit(browser, "/accounts/login/", {"username": name, "password": PASSWORD})
    sent = picture()
    post = submit(browser, "/posts/new/", {"body": "my first toy"}, files={"images": ("toy.png", sent, "image/png")})
    assert post.status_code == 200, post.text[:500]
    assert "my first toy" in post.text

    image = re.search(r'<a href="(/media/images/[^"]+)"', post.text)
    assert image, post.text
    seen = prod.browser().get(image[1])
    assert seen.status_code == 200
    assert seen.content == sent, "Caddy serves exactly the bytes that were uploaded"
    assert "sandbox" in seen.headers["Content-Security-Policy"]

    page = post.url
    deadline = time.monotonic() + 30
    while not (thumbnail := re.search(r'src="(/media/thumbnails/[^"]+)"', browser.get(page).text)):
        assert time.monotonic() < deadline, "the worker made no thumbnail within 30 s"
        time.sleep(0.5)
    made = Image.open(io.BytesIO(prod.browser().get(thumbnail[1]).content))
    assert max(made.size) == 320
    assert "my first toy" in prod.browser().get("/").text


def test_static_files_come_from_caddy_and_the_feed_has_ogp_tags(prod: Toybox) -> None:
    feed = prod.browser().get("/")
    assert 'property="og:title"' in feed.text
    style = re.search(r'href="(/static/[^"]+\.css)"', feed.text)
    assert style, feed.text[:500]
    answer = prod.browser().get(style[1])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/css")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"


def test_a_request_larger_than_any_upload_is_refused_by_caddy(prod: Toybox) -> None:
    """Django would take it, and what it takes lies in web's memory until it is saved."""
    browser = prod.browser()
    browser.get("/accounts/login/")

    def answer(size: int) -> int:
        data = {"csrfmiddlewaretoken": browser.cookies.get("csrftoken")}
        headers = {"Referer": browser.site.url}
        with contextlib.suppress(requests.ConnectionError):
            files = {"file": b"x" * size}
            return browser.post("/accounts/login/", data=data, files=files, headers=headers).status_code
        return 0  # Caddy may end the connection while the rest is still on its way

    assert answer(1_000_000) == 200
    # Caddy 2.6 says 502 for what it has begun to hand on
    assert answer(65_000_000) in (0, 413, 502)


def test_healthz_says_that_database_and_redis_answer(prod: Toybox) -> None:
    assert prod.browser().get("/healthz").status_code == 200


def test_http_leads_to_https_and_https_carries_the_usual_headers(prod: Toybox) -> None:
    browser = prod.browser()
    plain = browser.get(f"http://{browser.site.host}/", allow_redirects=False)
    assert plain.status_code in (301, 308)
    assert plain.headers["Location"] == f"https://{browser.site.host}/"
    headers = browser.get("/").headers
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in headers
    assert "X-Robots-Tag" not in headers, "production is to be found"


def test_the_admin_site_asks_for_a_login(prod: Toybox) -> None:
    answer = prod.browser().get("/admin/")
    assert "/admin/login/" in answer.url
    assert 'name="password"' in answer.text


def open_ports(address: str, seconds: float = 2) -> list[int]:
    """The TCP ports that let a connection in from here. What the packet filter drops never answers: they are knocked at
    by thousands, and given `seconds`."""
    found = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as restored:
        restored.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        at_once = min(hard - 200, 16384)
        for first in range(1, 65536, at_once):
            knocks = {port: socket.socket() for port in range(first, min(first + at_once, 65536))}
            for port, knock in knocks.items():
                knock.setblocking(False)
                knock.connect_ex((address, port))
            time.sleep(seconds)
            for port, knock in knocks.items():
                with knock, contextlib.suppress(OSError):
                    knock.getpeername()  # only a connection that stands has one
                    found.append(port)
    return found


def test_nothing_but_ssh_http_and_https_answers_from_outside(prod: Toybox) -> None:
    """Docker publishes around ufw (moby #4737), so the only proof is to knock from outside."""
    assert open_ports(prod.outputs()["address"]) == [22, 80, 443]


def test_nothing_but_ssh_and_caddy_listens_for_others(prod: Toybox) -> None:
    """The security group would hide what should not be there."""
    listening = prod.ssh("ss --no-header --listening --tcp --numeric").splitlines()
    addresses = [line.split()[3].rpartition(":") for line in listening]
    outside = {int(port) for address, _, port in addresses if not address.startswith(("127.", "[::1]"))}
    assert outside == {22, 80, 443}


def test_beat_runs_its_job_through_redis_and_the_worker(prod: Toybox) -> None:
    count = "from posts.models import Heartbeat; print(Heartbeat.objects.count())"
    deadline = time.monotonic() + 100
    while int(prod.manage(f"shell -c '{count}'").split()[-1]) == 0:
        assert time.monotonic() < deadline, "no trace of the periodic job"
        time.sleep(5)
