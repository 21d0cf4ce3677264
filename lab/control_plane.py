"""The OpenStack services: their virtual environment, their configuration, and starting them."""

import hashlib
import json
import os
import shutil
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab import credentials, database, engine, paths, processes, registry
from lab.steps import run

SOURCES = paths.CHECKOUT / "lab" / "openstack"
REQUIREMENTS = SOURCES / "requirements.txt"
SETTINGS = paths.CONFIG / "serve.json"
SERVER_IMAGE = paths.LAB_DIR / "server-image"
"""Names the container image of servers; the nova driver reads it for each new one."""


@dataclass(frozen=True)
class Service:
    """One OpenStack project, served by one process on this machine's loopback address."""

    name: str
    port: int
    catalog: tuple[tuple[str, str, str], ...]
    """Entries of the catalog: type, name, path."""


SERVICES = (
    Service("keystone", 5000, (("identity", "keystone", "/v3"),)),
    Service("placement", 8778, (("placement", "placement", ""),)),
    Service("glance", 9292, (("image", "glance", ""),)),
    Service("neutron", 9696, (("network", "neutron", ""),)),
    Service(
        "cinder",
        8776,
        (("block-storage", "cinder", "/v3/$(project_id)s"), ("volumev3", "cinderv3", "/v3/$(project_id)s")),
    ),
    Service("nova", 8774, (("compute", "nova", "/v2.1"),)),
)


RULES = "conoha-rules"
RULES_PORT = urlsplit(credentials.CONOHA_URL).port or 0
"""The proxy that keeps ConoHa's rules, before all of the services."""


def digest(*files: Path) -> str:
    """A short name for the contents of files."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:12]


def environment_folder() -> Path:
    """OpenStack's virtual environment, in the cache."""
    return paths.CACHE / f"openstack-{digest(REQUIREMENTS)}"


def ensure_environment() -> str:
    """Install OpenStack from PyPI, at the versions and hashes of requirements.txt, unless it is in the cache."""
    folder = environment_folder()
    ready = folder / "ready"
    if ready.exists():
        return "in the cache"
    log = paths.LOG / "openstack-install.log"
    shutil.rmtree(folder, ignore_errors=True)
    python = next(
        (path for path in ("/usr/bin/python3", shutil.which("python3")) if path and Path(path).exists()), "python3"
    )
    run(python, "-m", "venv", folder, log=log)
    # a module is compiled when it is first used: most never are
    run(folder / "bin" / "pip", "install", "--no-deps", "--no-compile", "--require-hashes", "-r", REQUIREMENTS, log=log)
    ready.touch()
    return "installed"


def catalog() -> list[tuple[str, str, str]]:
    """Type, name and address of every API."""
    return [(kind, name, f"http://127.0.0.1:{one.port}{path}") for one in SERVICES for kind, name, path in one.catalog]


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill in a configuration file; KeyError names a value that is not known."""
    return string.Template(template).substitute(values)


def write_configuration(accounts: Mapping[str, Any]) -> None:
    """Write every service's configuration, and the settings of serve.py."""
    values = {
        "state": str(paths.LAB_DIR),
        "venv": str(environment_folder()),
        "socket": str(database.SOCKET),
        "auth_url": credentials.KEYSTONE_URL,
        "region": accounts["region"],
        "service_password": accounts["services"]["password"],
        "network": engine.NETWORK,
        "label": engine.LABEL,
        "registry": registry.ADDRESS,
        "authority": str(registry.AUTHORITY),
    }
    for template in (SOURCES / "conf").glob("*.conf"):
        credentials.write_private(paths.CONFIG / template.name, render(template.read_text(), values))
    settings = {
        "state": str(paths.LAB_DIR),
        "config": str(paths.CONFIG),
        "region": accounts["region"],
        "admin_password": accounts["administrator"]["password"],
        "service_password": accounts["services"]["password"],
        "ports": {one.name: one.port for one in SERVICES},
        "conoha_port": RULES_PORT,
        "catalog": catalog(),
        "domain": accounts["domain"],
        "tenants": list(accounts["projects"].values()),
    }
    credentials.write_private(SETTINGS, json.dumps(settings, indent=2) + "\n")


def command(action: str, name: str) -> list[str | Path]:
    """serve.py's command line."""
    return [environment_folder() / "bin" / "python", SOURCES / "serve.py", action, name, SETTINGS]


def process_environment() -> dict[str, str]:
    """What the services' processes get of this one's environment, so that nothing of the caller's changes them."""
    folder = environment_folder()
    return {
        "PATH": f"{folder}/bin:{os.environ['PATH']}",
        "HOME": str(folder / "home"),  # stevedore caches entry points below it
        "LANG": "C.UTF-8",
        "PYTHONWARNINGS": "ignore",
        "PYTHONPYCACHEPREFIX": str(folder / "pycache"),
        # one arena for each thread would hold on to much memory
        "MALLOC_ARENA_MAX": "2",
    }


def make_tables(name: str) -> None:
    """Make a project's tables in the database that runs."""
    run(*command("schema", name), log=processes.log_path(name), env=process_environment())


def template() -> Path:
    """Where the cache has a database with all tables made: by these versions, this code and this configuration."""
    files = [REQUIREMENTS, SOURCES / "serve.py", *sorted((SOURCES / "conf").glob("*.conf"))]
    return paths.LAB_CACHE / f"database-{digest(*files)}"


def ensure_database() -> str:
    """Start the database with the tables of all services."""
    return database.ensure_database(template(), [lambda name=one.name: make_tables(name) for one in reversed(SERVICES)])  # type: ignore[misc]


def ensure_service(service: Service) -> str:
    """Start a service and wait until it accepts connections."""
    if processes.alive(service.name):
        return "running"
    processes.start(service.name, command("run", service.name), process_environment())
    processes.wait_until(service.name, lambda: registry.listens("127.0.0.1", service.port), seconds=180)
    return f"http://127.0.0.1:{service.port}"


def ensure_rules() -> str:
    """Start the proxy that keeps ConoHa's rules, in OpenStack's environment: it has a web server."""
    if not processes.alive(RULES):
        python = environment_folder() / "bin" / "python"
        environment = process_environment() | {"PYTHONPATH": str(paths.CHECKOUT)}
        processes.start(RULES, [python, "-m", "lab.conoha_rules", SETTINGS], environment)
        processes.wait_until(RULES, lambda: registry.listens("127.0.0.1", RULES_PORT), seconds=60)
    return credentials.CONOHA_URL
