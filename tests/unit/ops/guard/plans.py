"""The guard's corpus: plans that lose data or open a door, and plans that do not, each a recording with edits.

The guard is measured by it: it stops all of LOSES by what is named here, and nothing of HARMLESS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from host.look import LIBRARY
from ops.guard import declared
from ops.guard.preview import UNKNOWN
from tests.unit.ops.guard.edits import (
    add_mount,
    altered,
    another_role,
    command,
    forget,
    inputs_of,
    make,
    mount,
    no_role_in_the_state,
    not_found_by_a_refresh,
    option,
    remove,
    renamed,
    replace,
    script,
    text,
    unknown_to_the_state,
    update,
    variable,
    words,
)
from tests.unit.ops.guard.recordings import SOME_DIGEST, SOME_ID, Edit, of_staging, plan, step

PGDATA = "/var/lib/postgresql/data"
POSTGRES, REDIS, WEB, WORKER, BEAT, CADDY = (
    *("postgres-container", "redis-container", "django-web-container", "django-worker-container"),
    *("django-beat-container", "caddy-container"),
)
VOLUME = "toybox:services:NamedVolumes$docker:index/volume:Volume"
SERVICE = "toybox:services:Service$docker:index/container:Container"


@dataclass(frozen=True)
class Plan:
    """A recording and its edits; for a plan that loses data also what the guard must name: (action, resource)."""

    recording: str
    edits: tuple[Edit, ...]
    named: tuple[tuple[str, str], ...] = ()

    def document(self) -> dict[str, Any]:
        """What the engine would print."""
        return plan(self.recording, *self.edits)


def loses(recording: str, *edits_: Edit, by: tuple[tuple[str, str], ...]) -> Plan:
    """A plan that loses data, and by what the guard must know it."""
    return Plan(recording, edits_, by)


def harmless(recording: str, *edits_: Edit) -> Plan:
    """A plan that loses nothing."""
    return Plan(recording, edits_)


def pointer(name: str, device: str | None = None) -> Edit:
    """A new Docker volume that points to a directory of the data disk."""
    options = {"type": "none", "o": "bind", "device": device or f"/srv/toybox/{name}"}
    return make(VOLUME, f"volumes-{name}", name=name, driver="local", driverOpts=options)


def container(name: str, /, *mounts: dict[str, Any], **inputs: Any) -> Edit:
    """A new container."""
    image = "registry.example/tool:1@sha256:" + "d" * 64
    return make(SERVICE, f"{name}-container", name=name, image=image, mounts=list(mounts), **inputs)


def volume_mount(source: str, target: str, *, read_only: bool = False) -> dict[str, Any]:
    """A mount of a Docker volume."""
    return {"type": "volume", "source": source, "target": target, "readOnly": read_only}


def bind(source: str, target: str = "/host", *, read_only: bool = False) -> dict[str, Any]:
    """A mount of a path of the server."""
    return {"type": "bind", "source": source, "target": target, "readOnly": read_only}


def line(added: str) -> Any:
    """A file with one more line at its end."""
    return lambda before: before + added + "\n"


def unprotected(name: str) -> Edit:
    """A resource that loses its protection."""
    return option(name, protect=False)


def not_protected_before(document: dict[str, Any]) -> None:
    """A data volume that somebody has already taken the protection from."""
    for each in document["steps"]:
        if each["urn"].endswith("::data-volume"):
            for side in ("oldState", "newState"):
                each.get(side, {}).pop("protect", None)


def leftover(document: dict[str, Any]) -> None:
    """An older data volume that an interrupted replacement left in the state, to be deleted."""
    volume = next(each for each in document["steps"] if each["urn"].endswith("::data-volume"))
    document["steps"].insert(0, {"op": "delete", "urn": volume["urn"], "oldState": volume["oldState"]})


def server_device(**changed: object) -> Edit:
    """The server with something else about its data volume."""
    return altered("server-instance", "replace", lambda inputs: inputs["blockDevices"][1].update(changed))


def kept(number: int | None, *, op: str = "update") -> Edit:
    """How many restore points the policy keeps."""

    def edit(document: dict[str, Any]) -> None:
        for each in document["steps"]:
            if each["urn"].split("::")[2] == declared.POLICY_COMPONENT:
                each["op"] = op
                each["newState"]["inputs"] = {} if number is None else {"kept": number}
            if each["urn"].split("::")[2] == declared.SUBSCRIPTION:
                each["op"] = op
                each["diffReasons"] = ["stdin"]

    return edit


def metadata(before: dict[str, str], after: dict[str, str] | None) -> Edit:
    """The data volume with another policy of `toybox restore-points run`."""

    def edit(document: dict[str, Any]) -> None:
        volume = next(each for each in document["steps"] if each["urn"].endswith("::data-volume"))
        volume["op"] = "update"
        volume["oldState"]["inputs"]["metadata"] = before
        if after is not None:
            volume["newState"]["inputs"]["metadata"] = after

    return edit


def swapped(inputs: dict[str, Any]) -> None:
    """Media where static files were, and the other way round."""
    for each in inputs["mounts"]:
        each["source"] = {"media": "static", "static": "media"}.get(each["source"], each["source"])


def larger_buffers(inputs: dict[str, Any]) -> None:
    """The database with another size of its shared buffers."""
    inputs["command"] = [
        "shared_buffers=999MB" if word.startswith("shared_buffers=") else word for word in inputs["command"]
    ]
    assert "shared_buffers=999MB" in inputs["command"]


def without_data(name: str) -> Edit:
    """A container that has never had a volume."""

    def edit(document: dict[str, Any]) -> None:
        for side in ("oldState", "newState"):
            inputs = step(document, name)[side]["inputs"]
            inputs["mounts"] = [each for each in inputs["mounts"] if each["type"] != "volume"]

    return edit


DATA, INSTANCE, BUNDLE = "data-volume", "server-instance", "host-bundle"
BOOT = "server-boot-volume"

LOSES: Mapping[str, Plan] = {
    # The data volume
    "the data volume is deleted": loses("no-change", not_protected_before, remove(DATA), by=(("delete", DATA),)),
    "the data volume is replaced, protected as it is": loses("protected-and-replaced", by=(("replace", DATA),)),
    "the data volume is replaced and unprotected": loses(
        "data-volume-replaced", by=(("replace", DATA), ("unprotect", DATA))
    ),
    "the data volume is no longer protected": loses("no-change", unprotected(DATA), by=(("unprotect", DATA),)),
    "prod's data volume has lost its protection before": loses(
        "no-change", not_protected_before, by=(("unprotect", DATA),)
    ),
    "the data volume is no longer retained": loses(
        "no-change", option(DATA, retainOnDelete=False), by=(("unretain", DATA),)
    ),
    "the data volume has another name in the program": loses(
        "no-change", not_protected_before, renamed(DATA, "data-disk"), by=(("delete", DATA), ("recreate", "data-disk"))
    ),
    "the state has lost the data volume": loses("no-change", unknown_to_the_state(DATA), by=(("recreate", DATA),)),
    "the cloud has lost the data volume": loses("data-volume-gone", by=(("recreate", DATA),)),
    "the state is lost": loses("state-lost", by=(("recreate", DATA),)),
    "the state of a stack without a role is lost": loses(
        "state-lost", of_staging, another_role(None), by=(("recreate", DATA),)
    ),
    "nothing speaks of a data volume any more": loses("no-change", forget(DATA), by=(("recreate", DATA),)),
    "a second data volume": loses(
        "no-change",
        make(declared.DATA_VOLUME, "data2-volume", size=200, name="toybox-prod-data2"),
        by=(("recreate", "data2-volume"),),
    ),
    "a second volume outside of the component": loses(
        "no-change", make(declared.VOLUME, "more", size=200, name="more"), by=(("recreate", "more"),)
    ),
    "a second data volume in a new staging": loses(
        "state-lost",
        of_staging,
        make(declared.DATA_VOLUME, "data2-volume", stack="staging", size=200),
        by=(("recreate", "data2-volume"),),
    ),
    "an older data volume is left to be deleted": loses("no-change", leftover, by=(("delete", DATA),)),
    "the data volume grows in place": loses("no-change", update(DATA, size=300), by=(("alter", DATA),)),
    "a volume is adopted": loses("data-volume-adopted", by=(("adopt", DATA),)),
    "a volume is adopted in staging": loses("data-volume-adopted", of_staging, by=(("adopt", DATA),)),
    "a boot volume is adopted": loses("no-change", unknown_to_the_state(BOOT, "import"), by=(("adopt", BOOT),)),
    "another volume is adopted beside the data volume": loses(
        "no-change",
        make(declared.DATA_VOLUME, "data2-volume", op="import", size=200),
        by=(("adopt", "data2-volume"),),
    ),
    "everything is destroyed": loses("destroyed", by=(("delete", DATA), ("delete", INSTANCE))),
    "staging's data volume is replaced": loses("data-volume-replaced", of_staging, by=(("replace", DATA),)),
    # The role
    "prod becomes staging": loses("no-change", another_role("staging"), by=(("role", "data"),)),
    "staging becomes prod": loses("no-change", of_staging, another_role("production"), by=(("role", "data"),)),
    "prod loses its role and an image its digest": loses(
        "no-change",
        another_role(None),
        replace("redis-image-pulled", name="docker.io/library/redis:7"),
        by=(("unpin", "redis-image-pulled"),),
    ),
    "a stack of unknown role becomes staging": loses(
        "no-change", of_staging, no_role_in_the_state, by=(("role", "data"),)
    ),
    # Restore points
    "the automatic backup is cancelled": loses(
        "no-change", kept(0, op="same"), remove("snapshots-subscription"), by=(("delete", "snapshots-subscription"),)
    ),
    "the automatic backup is subscribed again for the same server": loses(
        "no-change", replace("snapshots-subscription"), by=(("replace", "snapshots-subscription"),)
    ),
    "fewer restore points are kept": loses(
        "no-change",
        altered("snapshots", "update", lambda inputs: inputs.update(kept=10)),
        by=(("forget", "snapshots"),),
    ),
    "nobody knows how many restore points are kept": loses("no-change", kept(None), by=(("forget", "snapshots"),)),
    "fewer snapshots are kept": loses(
        "no-change",
        metadata({"toybox-schedule": "daily", "toybox-keep": "7"}, {"toybox-schedule": "daily", "toybox-keep": "1"}),
        by=(("forget", DATA),),
    ),
    "no snapshots are taken any more": loses(
        "no-change", metadata({"toybox-schedule": "daily", "toybox-keep": "7"}, None), by=(("forget", DATA),)
    ),
    "prod's server is replaced with all that hangs on it": loses("flavor", by=(("replace", INSTANCE),)),
    "prod's boot volume is replaced, and its server": loses(
        "flavor", replace(BOOT, size=500), by=(("replace", INSTANCE),)
    ),
    "prod's server is deleted": loses("no-change", remove(INSTANCE), by=(("delete", INSTANCE),)),
    # The server
    "the new server has another volume": loses(
        "flavor", of_staging, server_device(uuid=SOME_ID), by=(("detach", INSTANCE),)
    ),
    "the new server's volume is not known": loses(
        "flavor", of_staging, server_device(uuid=UNKNOWN), by=(("detach", INSTANCE),)
    ),
    "the new server has no second volume": loses(
        "flavor",
        of_staging,
        altered(INSTANCE, "replace", lambda inputs: inputs["blockDevices"].pop()),
        by=(("detach", INSTANCE),),
    ),
    "the server loses its volume where it stands": loses(
        "no-change",
        altered(INSTANCE, "update", lambda inputs: inputs["blockDevices"].pop()),
        by=(("detach", INSTANCE),),
    ),
    "the server takes the volume along when it goes": loses(
        "no-change", server_device(deleteOnTermination=True), by=(("detach", INSTANCE),)
    ),
    "a second server": loses(
        "no-change",
        make(
            "toybox:server:Server$openstack:compute/instance:Instance",
            "second",
            blockDevices=[{"bootIndex": -1, "sourceType": "volume", "uuid": "00000000-0000-4000-8000-000000000001"}],
        ),
        by=(("share", "second"),),
    ),
    "another program at the server's first boot": loses(
        "flavor", of_staging, replace(INSTANCE, userData="[secret]"), by=(("run", INSTANCE),)
    ),
    "another account": loses("no-change", update("openstack", tenantName="gnct87654321"), by=(("move", "openstack"),)),
    "another Docker than the server's": loses(
        "no-change", update("host-docker", host="ssh://root@203.0.113.9"), by=(("move", "host-docker"),)
    ),
    "a Docker that is not known, on the same server": loses(
        "no-change", update("host-docker", host=UNKNOWN), by=(("move", "host-docker"),)
    ),
    "a container of another provider": loses(
        "no-change",
        option(POSTGRES, provider="urn:pulumi:prod::toybox::pulumi:providers:docker::elsewhere"),
        by=(("move", POSTGRES),),
    ),
    # Docker volumes
    "a Docker volume is replaced for a label": loses(
        "no-change",
        replace("volumes-media", labels=[{"label": "a", "value": "b"}]),
        by=(("replace", "volumes-media"),),
    ),
    "a Docker volume inside Docker's own folder": loses(
        "no-change",
        unknown_to_the_state("volumes-media"),
        altered("volumes-media", "create", lambda inputs: inputs.pop("driverOpts")),
        by=(("recreate", "volumes-media"),),
    ),
    "a Docker volume beside the data disk": loses(
        "no-change",
        replace("volumes-media", driverOpts={"type": "none", "o": "bind", "device": "/srv/media"}),
        by=(("recreate", "volumes-media"),),
    ),
    "a Docker volume that points to another directory, in the same change as a new flavor": loses(
        "flavor",
        of_staging,
        replace("volumes-media", driverOpts={"type": "none", "o": "bind", "device": "/srv/toybox/other"}),
        by=(("replace", "volumes-media"),),
    ),
    "a Docker volume leaves the program": loses(
        "no-change", remove("volumes-caddy-config"), by=(("delete", "volumes-caddy-config"),)
    ),
    # Mounts
    "the database container is removed": loses("no-change", remove(POSTGRES), by=(("unmount", POSTGRES),)),
    "the worker, which writes uploads, is removed": loses("no-change", remove(WORKER), by=(("unmount", WORKER),)),
    "a renamed database container on the volume's parent path": loses(
        "no-change",
        renamed(
            POSTGRES,
            "database-container",
            name="database",
            mounts=[volume_mount("postgres", "/var/lib/postgresql")],
        ),
        by=(("unmount", POSTGRES),),
    ),
    "a renamed database container with another volume": loses(
        "no-change",
        pointer("database"),
        renamed(POSTGRES, "database-container", name="database", mounts=[volume_mount("database", PGDATA)]),
        by=(("unmount", POSTGRES),),
    ),
    "the database on its volume's parent path": loses(
        "no-change", mount(POSTGRES, PGDATA, target="/var/lib/postgresql"), by=(("unmount", POSTGRES),)
    ),
    "the database without its volume": loses("no-change", mount(POSTGRES, PGDATA), by=(("unmount", POSTGRES),)),
    "another volume under the database": loses(
        "no-change", mount(POSTGRES, PGDATA, source="redis"), by=(("unmount", POSTGRES),)
    ),
    "another volume under a mount, in the same change as a new flavor": loses(
        "flavor", of_staging, mount(POSTGRES, PGDATA, source="redis"), by=(("unmount", POSTGRES),)
    ),
    "media and static change places, in the same change as a new flavor": loses(
        "flavor",
        of_staging,
        altered(WEB, "replace", swapped),
        by=(("unmount", WEB),),
    ),
    "a mount of a volume that is not known yet": loses(
        "no-change", mount(POSTGRES, PGDATA, source=UNKNOWN), by=(("unmount", POSTGRES),)
    ),
    "mounts that are not known yet": loses(
        "flavor", of_staging, replace(POSTGRES, mounts=UNKNOWN), by=(("unmount", POSTGRES),)
    ),
    "the database's volume read-only": loses(
        "no-change", mount(POSTGRES, PGDATA, readOnly=True), by=(("unmount", POSTGRES),)
    ),
    "a tmpfs over the database's directory": loses(
        "no-change", replace(POSTGRES, tmpfs={PGDATA: "size=1g"}), by=(("unmount", POSTGRES),)
    ),
    "a tmpfs below the database's mount": loses(
        "no-change", add_mount(POSTGRES, type="tmpfs", target=f"{PGDATA}/pgdata"), by=(("unmount", POSTGRES),)
    ),
    "a tmpfs by a path with dots over the uploads": loses(
        "no-change", replace(WEB, tmpfs={"/srv/../srv/media/": ""}), by=(("unmount", WEB),)
    ),
    "an older kind of volume over the database's directory": loses(
        "no-change",
        replace(POSTGRES, volumes=[{"containerPath": PGDATA, "volumeName": "scratch"}]),
        by=(("unmount", POSTGRES),),
    ),
    "a file of the program in the database's directory": loses(
        "no-change",
        replace(POSTGRES, uploads=[{"file": f"{PGDATA}/pgdata/postgresql.conf", "content": "fsync=off"}]),
        by=(("unmount", POSTGRES),),
    ),
    # Where a program looks
    "another PGDATA": loses("no-change", variable(POSTGRES, "PGDATA", f"{PGDATA}/new"), by=(("unmount", POSTGRES),)),
    "no PGDATA": loses("no-change", variable(POSTGRES, "PGDATA", None), by=(("unmount", POSTGRES),)),
    "uploads outside of the volume": loses(
        "no-change", variable(WEB, "MEDIA_ROOT", "/tmp/media"), by=(("unmount", WEB),)
    ),
    "another data directory by the database's command": loses(
        "no-change", words(POSTGRES, "-c", "data_directory=/tmp/data"), by=(("unmount", POSTGRES),)
    ),
    "a database that flushes nothing": loses(
        "no-change", words(POSTGRES, "-c", "fsync=off"), by=(("unmount", POSTGRES),)
    ),
    "a database without its lock": loses(
        "no-change",
        replace(POSTGRES, entrypoints=["docker-entrypoint.sh"]),
        by=(("unmount", POSTGRES),),
    ),
    "Redis in another directory": loses(
        "no-change", words(REDIS, "/tmp/r", without=("/data",)), by=(("unmount", REDIS),)
    ),
    "a health check that deletes": loses(
        "no-change",
        replace(POSTGRES, healthcheck={"tests": ["CMD-SHELL", f"rm -rf {PGDATA}/pgdata"]}),
        by=(("unmount", POSTGRES),),
    ),
    "another major version of PostgreSQL": loses(
        "release",
        replace("postgres-image-pulled", name="docker.io/library/postgres:16-bookworm@sha256:" + SOME_DIGEST),
        replace(POSTGRES, image=UNKNOWN),
        by=(("upgrade", POSTGRES),),
    ),
    "another distribution under PostgreSQL": loses(
        "no-change",
        replace("postgres-image-pulled", name="docker.io/library/postgres:15-alpine@sha256:" + SOME_DIGEST),
        replace(POSTGRES, image=UNKNOWN),
        by=(("upgrade", POSTGRES),),
    ),
    # Who else gets at the data
    "a second PostgreSQL on the same volume": loses(
        "no-change", container("reports", volume_mount("postgres", PGDATA)), by=(("share", "reports-container"),)
    ),
    "a second database by another name of the same directory": loses(
        "no-change",
        pointer("copy", "/srv/toybox/postgres"),
        container("reports", volume_mount("copy", PGDATA)),
        by=(("share", "reports-container"),),
    ),
    "a container on a directory inside another's": loses(
        "no-change", container("reports", bind("/srv/toybox/postgres/pgdata")), by=(("share", "reports-container"),)
    ),
    "Caddy may write what it only read": loses(
        "no-change", mount(CADDY, "/srv/media", readOnly=False), by=(("share", CADDY),)
    ),
    "a container with the server's whole disk": loses(
        "no-change", container("tool", bind("/", read_only=True)), by=(("share", "tool-container"),)
    ),
    "a container with Docker's socket": loses(
        "no-change", add_mount(WEB, **bind("/var/run/docker.sock")), by=(("share", WEB),)
    ),
    "a privileged container": loses("no-change", replace(BEAT, privileged=True), by=(("share", BEAT),)),
    "a container with the data disk as a device": loses(
        "no-change", container("tool", devices=[{"hostPath": "/dev/vdb"}]), by=(("share", "tool-container"),)
    ),
    "a container that takes its volumes along": loses(
        "no-change", replace(POSTGRES, removeVolumes=True), by=(("share", POSTGRES),)
    ),
    # What runs on the server
    "mkfs in the data disk's script": loses(
        "no-change", script("data-disk", line('mkfs.ext4 -F "$2"')), by=(("run", BUNDLE),)
    ),
    "mkfs in the data disk's script, in the same change as a new flavor": loses(
        "flavor", of_staging, script("data-disk", line('mkfs.ext4 -F "$2"')), by=(("run", BUNDLE),)
    ),
    "one check less in the data disk's script": loses(
        "no-change",
        script("data-disk", lambda before: "\n".join(before.splitlines()[:-3])),
        by=(("run", BUNDLE),),
    ),
    "rm -rf in another script": loses(
        "no-change", script("tidy", line("rm -rf /srv/toybox/media/old")), by=(("run", BUNDLE),)
    ),
    "the incident's own command in a script, in the same change as a release": loses(
        "release", script("release", line("rm -rf /var/lib/docker/containers/*")), by=(("run", BUNDLE),)
    ),
    "another disk in the mount unit": loses(
        "no-change",
        script("srv-toybox.mount", lambda before: before.replace("What=/dev/disk/by-id/virtio-", "What=/dev/vdb #")),
        by=(("run", BUNDLE),),
    ),
    "Docker starts without the data disk": loses(
        "no-change",
        script("docker.service.d/10-toybox.conf", lambda before: before.replace("RequiresMountsFor=/srv/toybox\n", "")),
        by=(("run", BUNDLE),),
    ),
    "another data root": loses(
        "no-change",
        script("daemon.json", lambda before: before.replace("/var/lib/docker", "/mnt/docker")),
        by=(("run", BUNDLE),),
    ),
    "a directory less on the data disk": loses(
        "no-change", script("directories", lambda before: before.replace("/media", "/uploads")), by=(("run", BUNDLE),)
    ),
    "a timer that deletes": loses(
        "no-change",
        script("root/etc/systemd/system/clean.service", line("ExecStart=/usr/bin/find /srv/toybox/media -delete")),
        by=(("run", BUNDLE),),
    ),
    "one more key that lets in as root": loses(
        "no-change", script("authorized_keys", line("ssh-ed25519 BBBB")), by=(("run", BUNDLE),)
    ),
    "a unit that starts something": loses(
        "no-change",
        script("root/etc/systemd/system/x.service", line("ExecStart=/usr/bin/python3 /opt/x")),
        by=(("run", BUNDLE),),
    ),
    "rm -rf in a command on the host": loses(
        "no-change",
        text("tidy-done", lambda before: before + "; rm -rf /srv/toybox/postgres"),
        by=(("run", "tidy-done"),),
    ),
    "a command behind a health check": loses(
        "no-change",
        text("postgres-healthy", lambda before: before + " && docker volume rm -f postgres"),
        by=(("run", "postgres-healthy"),),
    ),
    "a command in place of an argument": loses(
        "release",
        text("tidy-done", lambda before: before.replace("300", "$(mkfs.ext4 /dev/vdb)")),
        by=(("run", "tidy-done"),),
    ),
    "a command that looks harmless": loses(
        "no-change", text("host-reachable", line("python3 /tmp/x")), by=(("run", "host-reachable"),)
    ),
    "another script for a command": loses(
        "no-change",
        text("host-ready", lambda _: f"timeout 120 {LIBRARY}/data-disk prepare /dev/vdb x /srv/toybox"),
        by=(("run", "host-ready"),),
    ),
    "tidy is told another directory": loses(
        "no-change",
        text("tidy-done", lambda before: before.replace("/etc/toybox/secrets", "/srv/toybox/media")),
        by=(("run", "tidy-done"),),
    ),
    "the release gets the database's volume": loses(
        "no-change",
        text("django-release", lambda before: before + " --mount type=volume,source=postgres,target=/srv/static"),
        by=(("run", "django-release"),),
    ),
    "a new command on the host": loses("no-change", command("once", "mkfs.ext4 /dev/vdb"), by=(("run", "once"),)),
    "a new program on standard input": loses(
        "no-change", command("once", "bash -s", stdin="cd /srv && rm -rf *"), by=(("run", "once"),)
    ),
    "a new program by one of our scripts": loses(
        "no-change", command("once", f"{LIBRARY}/tidy /srv/toybox/media -- x"), by=(("run", "once"),)
    ),
    "a program that is not known yet": loses(
        "flavor", of_staging, text("host-reachable", lambda _: UNKNOWN), by=(("run", "host-reachable"),)
    ),
    "files that are not known yet": loses(
        "no-change", text(BUNDLE, lambda _: UNKNOWN, key="stdin"), by=(("run", BUNDLE),)
    ),
    "a program at the removal of a command": loses(
        "no-change",
        text("tidy-done", lambda _: "rm -rf /srv/toybox", key="delete"),
        by=(("run", "tidy-done"),),
    ),
    "another program on the operator's machine": loses(
        "no-change",
        text("snapshots-subscription", lambda _: "openstack volume delete toybox-prod-data"),
        by=(("run", "snapshots-subscription"),),
    ),
    "a kind of command that nobody knows": loses(
        "no-change",
        make("toybox:host:DockerHost$command:remote:CopyToRemote", "copy", remotePath="/srv/toybox"),
        by=(("run", "copy"),),
    ),
    "the scrub in prod": loses(
        "no-change",
        make(
            "toybox:services:StagingScrub$command:remote:Command",
            "scrub-done",
            create="timeout 1800 python3 -m components.staging_scrub.scrub",
        ),
        by=(("run", "scrub-done"),),
    ),
    "a kind of resource that nobody knows": loses(
        "no-change",
        make("openstack:objectstorage/container:Container", "bucket", forceDestroy=True),
        by=(("unknown", "bucket"),),
    ),
}

HARMLESS: Mapping[str, Plan] = {
    "nothing changes": harmless("no-change"),
    "nothing changes in staging": harmless("no-change", of_staging),
    "a release": harmless("release"),
    "a release in staging": harmless("release", of_staging),
    "a release after another release": harmless(
        "release",
        lambda document: inputs_of(document, "django-image-pulled").update(
            name="ghcr.io/toybox/django:v2.0.1@sha256:" + SOME_DIGEST
        ),
    ),
    "the first update of a staging": harmless("state-lost", of_staging),
    "another flavor in staging": harmless("flavor", of_staging),
    "another boot volume in staging": harmless("flavor", of_staging, replace(BOOT, size=500)),
    "staging's server is deleted": harmless("no-change", of_staging, remove(INSTANCE)),
    "another flavor where restore points are Cinder's": harmless(
        "flavor",
        lambda document: document["config"].update(
            {"toybox:snapshotPolicy": '{"driver": "openstack", "schedule": "daily", "keep": 7}'}
        ),
        forget("snapshots-subscription"),
    ),
    "an operator leaves": harmless("no-change", remove("server-ingress-ssh-198.51.100.1-32")),
    "a variable of the site": harmless("no-change", variable(WEB, "NEW", "value"), variable(WORKER, "NEW", "value")),
    "a variable of the database that is no place": harmless(
        "no-change", variable(POSTGRES, "POSTGRES_INITDB_ARGS", "--data-checksums")
    ),
    "another Caddyfile": harmless(
        "no-change",
        replace("caddy-image", name="toybox-caddy:0123456789abcdef", triggers={"context": "0123456789abcdef"}),
        replace(CADDY, image=UNKNOWN),
        update("caddy-healthy"),
    ),
    "limits for every container": harmless(
        "no-change",
        *(
            replace(
                each,
                memory=512,
                memorySwap=512,
                capabilities={"drops": ["ALL"], "adds": ["CHOWN", "SETUID", "SETGID"]},
                readOnly=True,
                tmpfs={"/tmp": "size=64m", "/run": ""},
                ulimits=[{"name": "nproc", "soft": 100, "hard": 100}],
                shmSize=256,
                logDriver="journald",
            )
            for each in (POSTGRES, REDIS, WEB, WORKER, BEAT, CADDY)
        ),
    ),
    "a tmpfs beside the database's directory": harmless(
        "no-change", replace(POSTGRES, tmpfs={"/var/run/postgresql": "", "/var/lib/postgresql/database": ""})
    ),
    "another size of the database's buffers": harmless("no-change", altered(POSTGRES, "replace", larger_buffers)),
    "more workers": harmless("no-change", words(WEB, "8", without=("4",))),
    "another health check": harmless(
        "no-change", replace(POSTGRES, healthcheck={"tests": ["CMD", "pg_isready"], "interval": "10s"})
    ),
    "a minor version of PostgreSQL": harmless(
        "no-change",
        lambda document: step(document, "postgres-image-pulled")["oldState"]["inputs"].update(
            name="docker.io/library/postgres:15.4-bookworm@sha256:" + "e" * 64
        ),
        replace("postgres-image-pulled", name="docker.io/library/postgres:15.9-bookworm@sha256:" + SOME_DIGEST),
        replace(POSTGRES, image=UNKNOWN),
    ),
    "a container, its URN renamed": harmless("no-change", renamed(POSTGRES, "database-container")),
    "a renamed database container on the same path": harmless(
        "no-change", renamed(POSTGRES, "database-container", name="database")
    ),
    "a Docker volume, its URN renamed": harmless("no-change", renamed("volumes-media", "volumes-uploads")),
    "a Docker volume that somebody removed": harmless(
        "no-change", not_found_by_a_refresh("volumes-caddy-config"), not_found_by_a_refresh(CADDY)
    ),
    "a beat with a volume of its own": harmless(
        "no-change", pointer("schedule"), add_mount(BEAT, **volume_mount("schedule", "/srv/schedule"))
    ),
    "a new container that reads uploads": harmless(
        "no-change", container("search", volume_mount("media", "/srv/media", read_only=True))
    ),
    "a container without data is removed": harmless("no-change", without_data(BEAT), remove(BEAT)),
    "Caddy no longer reads the uploads": harmless("no-change", mount(CADDY, "/srv/media")),
    "a secret is rotated": harmless(
        "no-change",
        update("secrets-installed", stdin="[secret]"),
        replace("postgres-password", triggers=["123456789abc"]),
        *(replace(each, labels=[{"label": "toybox.secrets", "value": "123456789abc"}]) for each in (POSTGRES, WEB)),
    ),
    "another script that waits": harmless("no-change", script("await-healthy", line("sleep 1"))),
    "a comment in a script": harmless("no-change", script("tidy", line("# rm -rf would be wrong here"))),
    "the host is checked again": harmless("no-change", replace("host-ready", triggers=["123456789abc"])),
    "a rule with another name": harmless("no-change", renamed("server-ingress-http-ipv4", "server-rule-http-ipv4")),
    "more restore points are kept": harmless("no-change", kept(20)),
    "the automatic backup is changed and keeps as many": harmless("no-change", kept(14)),
    "more snapshots are kept": harmless(
        "no-change",
        metadata({"toybox-schedule": "daily", "toybox-keep": "7"}, {"toybox-schedule": "daily", "toybox-keep": "9"}),
    ),
    "another description of the data volume": harmless("no-change", update(DATA, description="all user data")),
    "the update after an adoption: the state has what the cloud told of the volume": harmless(
        "no-change",
        lambda document: step(document, DATA)["oldState"]["inputs"].update(region="c3j1", volumeRetypePolicy="never"),
    ),
    "a network is replaced": harmless("no-change", replace("networks-edge", name="outside")),
    "prod's state, older than the role": harmless("no-change", no_role_in_the_state),
    "prod's state, older than the number of restore points": harmless(
        "no-change",
        lambda document: step(document, "snapshots")["oldState"].update(inputs={}),
        altered("snapshots", "update", lambda inputs: inputs.update(kept=14)),
    ),
}
