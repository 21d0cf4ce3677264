"""The lab's object storage: Swift with S3, as ConoHa's is. Started only where something is to be kept there.

ConoHa's facts: one address for all buckets (path style), HTTPS, keys from Keystone's OS-EC2 API, three of them at most,
and capacity that must be bought before anything is stored.
"""

import json
import shutil
from urllib.parse import quote

from lab import control_plane, credentials, engine, paths, processes, registry
from lab.locks import locked
from ops.state import keys

SERVICE = "object-storage"
PORT = 8443
ENDPOINT = f"https://{engine.GATEWAY}:{PORT}"
"""Its certificate is the registry's: both are this machine, as servers and keepers see it."""
REGION = "conoha"
INSIDE = {"account": 6202, "container": 6201, "object": 6200}
"""Ports of Swift's own servers, on the loopback address."""
FOLDER = paths.LAB_DIR / "object-storage"
FAULTS = FOLDER / "faults.json"
"""How requests for a bucket are to be answered wrongly (lab/openstack/object_storage.py, Faults)."""
CAPACITY = 100 * 10**9
"""Bytes that every account has bought."""
SOURCES = control_plane.SOURCES / "conf" / "swift"


def ensure_object_storage() -> str:
    """Start the object storage unless it runs.

    Raises:
        LabError: it does not start.
    """
    with locked(paths.RUN / f"{SERVICE}.lock"):
        if processes.alive(SERVICE):
            return "running"
        control_plane.ensure_environment()
        settings = write_configuration()
        python = control_plane.environment_folder() / "bin" / "python"
        script = control_plane.SOURCES / "object_storage.py"
        processes.start(SERVICE, [python, script, settings], control_plane.process_environment())
        processes.wait_until(SERVICE, lambda: registry.listens(engine.GATEWAY, PORT), seconds=60)
        return ENDPOINT


def write_configuration() -> str:
    """Write Swift's configuration and the settings of its process, and return the latter's path."""
    accounts = credentials.credentials()
    values = {
        "folder": str(FOLDER),
        "s3_region": REGION,
        "auth_url": credentials.KEYSTONE_URL,
        "region": accounts["region"],
        "service_password": accounts["services"]["password"],
    }
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    for template in SOURCES.glob("*.conf"):
        credentials.write_private(FOLDER / template.name, control_plane.render(template.read_text(), values))
    settings = {
        "folder": str(FOLDER),
        "faults": str(FAULTS),
        "ports": INSIDE,
        "address": engine.GATEWAY,
        "port": PORT,
        "certificate": str(registry.FOLDER / "server.crt"),
        "certificate_key": str(registry.FOLDER / "server.key"),
    }
    file = FOLDER / "settings.json"
    credentials.write_private(file, json.dumps(settings, indent=2) + "\n")
    return str(file)


def keys_of(project: str) -> keys.Keys:
    """Return the S3 keys of a project's user, made at the first call, and see to it that its account has bought
    capacity."""
    from lab import cloud  # OpenStack's SDK takes its time to load

    accounts = credentials.credentials()
    buy(project, CAPACITY)
    return keys.of_the_account(cloud.connect(accounts, accounts["projects"][project]))


def buy(project: str, size: int) -> None:
    """Let a project's account hold so many bytes."""
    from lab import cloud

    session = cloud.administrator(credentials.credentials()).session
    session.post(account_of(project), headers={"X-Account-Quota-Bytes": str(size)}, verify=str(registry.AUTHORITY))


def account_of(project: str) -> str:
    """Return the address of a project's account."""
    return f"{ENDPOINT}/v1/AUTH_{credentials.credentials()['projects'][project]['tenant_id']}"


def delete_buckets(project: str) -> None:
    """Delete a project's buckets with all that is in them. Where no object storage runs, nothing happens."""
    if not processes.alive(SERVICE):
        return
    from lab import cloud

    session, verify = cloud.administrator(credentials.credentials()).session, str(registry.AUTHORITY)
    account = account_of(project)

    def names(address: str) -> list[str]:
        told = session.get(f"{address}?format=json", verify=verify, raise_exc=False)
        return [str(each["name"]) for each in told.json()] if told.status_code == 200 else []

    for bucket in names(account):
        while objects := names(f"{account}/{quote(bucket)}"):  # it lists so many at a time
            for name in objects:
                session.delete(f"{account}/{quote(bucket)}/{quote(name)}", verify=verify)
        session.delete(f"{account}/{quote(bucket)}", verify=verify)


def remove() -> None:
    """Take it away with all that is stored there."""
    processes.stop(SERVICE, grace=5)
    shutil.rmtree(FOLDER, ignore_errors=True)
