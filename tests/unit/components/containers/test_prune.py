"""What the last step of an update keeps."""

import shlex

from components.host.commands import prune
from host.look import LIBRARY, SECRETS


def test_secrets_and_images_are_told_apart() -> None:
    words = shlex.split(prune(["access", "redis_conf"], ["postgres:15@sha256:1", "toybox-caddy:2"]))
    assert words[:1] == ["timeout"]
    assert words[2:] == [
        *(f"{LIBRARY}/tidy", SECRETS),
        *("access", "redis_conf", "--"),
        *("postgres:15@sha256:1", "toybox-caddy:2"),
    ]
