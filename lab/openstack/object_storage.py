"""Swift in the foreground, all its parts (proxy with S3, account, container and object server) in this one process.

    object_storage.py SETTINGS

SETTINGS is the JSON file that lab/object_storage.py writes. Runs in OpenStack's virtual environment, as serve.py does.
One device, one replica, no memcached. Requests for a bucket that stands in the file of faults are answered as it says.
"""

import json
import logging
import os
import socket
import sys
import time
from typing import Any

from swift.common import utils

with open(sys.argv[1]) as settings_file:
    SETTINGS: dict[str, Any] = json.load(settings_file)
FOLDER: str = SETTINGS["folder"]
SERVERS = ("account", "container", "object")
now = time.monotonic
S3_ERROR = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>the lab answers so</Message></Error>"


class Cache:
    """What Swift asks of memcached, for the one process that there is."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[Any, float]] = {}

    def get(self, key: str, raise_on_error: bool = False) -> Any:
        value, until = self.known.get(key, (None, 0.0))
        return value if until > now() else None

    def set(self, key: str, value: Any, time: float = 0, **_: Any) -> None:
        self.known[key] = (json.loads(json.dumps(value)), now() + (time or 1e9))

    def delete(self, key: str, server_key: Any = None) -> None:
        self.known.pop(key, None)

    def incr(self, key: str, delta: int = 1, time: float = 0) -> int:
        self.set(key, (self.get(key) or 0) + delta, time)
        return int(self.get(key))


class Faults:
    """Passes requests on with a cache, but for those for a bucket that the file of faults names.

    The file is {bucket: [method, answer]}. The method "*" is every one. The answer is "403", "500", or "nothing": the
    connection ends.
    """

    def __init__(self, application: Any) -> None:
        self.application = application
        self.cache = Cache()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        environ["swift.cache"] = self.cache
        bucket = environ["PATH_INFO"].lstrip("/").split("/")[0]
        method, answer = self.faults().get(bucket, ("", ""))
        if method not in ("*", environ["REQUEST_METHOD"]):
            return self.application(environ, start_response)
        if answer == "nothing":
            environ["eventlet.input"].get_socket().shutdown(socket.SHUT_RDWR)
        code = {"403": "AccessDenied"}.get(answer, "InternalError")
        status = "403 Forbidden" if answer == "403" else "500 Internal Server Error"
        start_response(status, [("Content-Type", "application/xml"), ("Connection", "close")])
        return [S3_ERROR.format(code).encode()]

    def faults(self) -> dict[str, tuple[str, str]]:
        """Return what the file says; nothing where there is none."""
        try:
            with open(SETTINGS["faults"]) as file:
                return dict(json.load(file))
        except (OSError, ValueError):
            return {}


def make_rings() -> None:
    """Make the rings, each of one device, where there are none."""
    from swift.common.ring.builder import RingBuilder

    os.makedirs(f"{FOLDER}/devices/d1", exist_ok=True)
    for kind in SERVERS:
        ring = f"{FOLDER}/{kind}.ring.gz"
        if not os.path.exists(ring):
            builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
            port = SETTINGS["ports"][kind]
            builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d1", "weight": 1})
            builder.rebalance()
            builder.get_ring().save(f"{ring}.new")
            os.rename(f"{ring}.new", ring)


def keep_counting(updater: Any) -> None:
    """Tell accounts every second how much their containers hold: a quota counts what the account knows."""
    import eventlet

    while True:
        eventlet.sleep(1)
        updater.run_once()


def main() -> None:
    utils.monkey_patch()
    import eventlet
    from eventlet import wsgi
    from swift.common.wsgi import loadapp
    from swift.container.updater import ContainerUpdater

    utils.set_swift_dir(FOLDER)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    make_rings()
    quiet = logging.getLogger("requests-of-no-interest")
    quiet.setLevel(logging.CRITICAL)
    for kind in SERVERS:
        listener = eventlet.listen(("127.0.0.1", SETTINGS["ports"][kind]))
        application = loadapp(f"{FOLDER}/{kind}-server.conf")
        eventlet.spawn(wsgi.server, listener, application, quiet, log_output=False)
    conf = utils.readconf(f"{FOLDER}/container-server.conf", "container-updater")
    eventlet.spawn(keep_counting, ContainerUpdater(conf))
    plain = eventlet.listen((SETTINGS["address"], SETTINGS["port"]))
    secure = eventlet.wrap_ssl(
        plain, certfile=SETTINGS["certificate"], keyfile=SETTINGS["certificate_key"], server_side=True
    )
    wsgi.server(secure, Faults(loadapp(f"{FOLDER}/proxy-server.conf")), quiet, log_output=False)


if __name__ == "__main__":
    main()
