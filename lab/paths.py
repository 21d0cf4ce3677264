"""Where the lab keeps things: its state in one folder, and what it may keep after `down` in the user's cache."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

LAB_DIR = Path("/var/lib/toybox-lab")
"""All of the lab's state. `down` removes it. There is one lab on a machine, whichever checkout runs it."""

MADE_BY = LAB_DIR / "checkout"
"""The path of the checkout that made the lab."""
CREDENTIALS = LAB_DIR / "credentials.json"
IMAGES = LAB_DIR / "images.json"
LOG = LAB_DIR / "log"
RUN = LAB_DIR / "run"
CONFIG = LAB_DIR / "conf"
VOLUMES = LAB_DIR / "volumes"
SERVERS = LAB_DIR / "servers"
KEEPERS = LAB_DIR / "keepers"
PULUMI = LAB_DIR / "pulumi"

LOCK = Path("/run/toybox-lab.lock")
"""Held by `up` and `down`; outside LAB_DIR, which `down` removes."""

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "toybox"
LAB_CACHE = CACHE / "lab"
