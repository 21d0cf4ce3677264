"""`python -m lab.conoha_rules SETTINGS`: serve, in OpenStack's virtual environment.

SETTINGS is the JSON file that lab/control_plane.py writes for the services.
"""

import json
import logging
import sys
from pathlib import Path

import waitress

from lab.conoha_rules import PREFIXES, book_path
from lab.conoha_rules.book import Book
from lab.conoha_rules.cloud import Administrator, Services
from lab.conoha_rules.proxy import Proxy


def main() -> None:
    """Serve until stopped."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    settings = json.loads(Path(sys.argv[1]).read_text())
    ports = settings["ports"]
    services = Services({prefix: f"http://127.0.0.1:{ports[name]}" for prefix, name in PREFIXES.items()})
    book = Book(book_path(Path(settings["state"])))
    administrator = Administrator(services, settings["admin_password"])
    administrator.give_back(book)
    port = int(sys.argv[2]) if sys.argv[2:] else settings["conoha_port"]
    proxy = Proxy(f"http://127.0.0.1:{port}", services, book, administrator)
    # no request waits long for another: a restore is the longest
    waitress.serve(proxy, host="127.0.0.1", port=port, threads=16, connection_limit=1000, max_request_body_size=1 << 40)


if __name__ == "__main__":
    main()
