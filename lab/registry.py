"""The registry that the servers pull the lab's images from: Debian's docker-registry, with TLS from the lab's own
authority."""

import json
import shutil
import socket
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from lab import certificates, engine, paths, processes

SERVICE = "registry"
PORT = 5001
ADDRESS = f"{engine.GATEWAY}:{PORT}"
FOLDER = paths.LAB_DIR / "registry"
AUTHORITY = FOLDER / "ca.crt"
STORAGE = paths.LAB_CACHE / "registry"


def settings(folder: Path, storage: Path) -> dict[str, Any]:
    """The registry's configuration (docker-registry 2.8). It is YAML, of which JSON is a part."""
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": {
            "addr": ADDRESS,
            "tls": {"certificate": str(folder / "server.crt"), "key": str(folder / "server.key")},
        },
    }


def ensure_registry() -> str:
    """Start the registry unless it runs. What it stores is a cache and outlives the lab."""
    if processes.alive(SERVICE):
        return "running"
    if not AUTHORITY.exists():
        new = FOLDER.with_name("registry.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        certificates.write(new, IPv4Address(engine.GATEWAY))
        new.rename(FOLDER)
    STORAGE.mkdir(parents=True, exist_ok=True)
    config = FOLDER / "config.yml"
    config.write_text(json.dumps(settings(FOLDER, STORAGE), indent=2) + "\n")
    processes.start(SERVICE, ["docker-registry", "serve", config])
    processes.wait_until(SERVICE, lambda: listens(engine.GATEWAY, PORT), seconds=30)
    return f"https://{ADDRESS}"


def listens(address: str, port: int) -> bool:
    """Does anybody accept connections there?"""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True
