"""Check the way from a Docker volume to the process that writes it: mounts, mounts over them, the path at which a
program looks, and other writers. The rules compare old with new by the data, and not by the container's name or URN.

A container that loses its volume does not fail. Docker gives it an empty directory, or an anonymous volume if its image
declares one. The database makes itself again there, and the data stays where it was, unseen.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from inventory.volumes import MOUNT_POINT
from ops.guard import declared, docker_volumes
from ops.guard.command_words import DANGEROUS, shortened, sized
from ops.guard.finding import Finding, Rule
from ops.guard.preview import UNKNOWN, Change, Preview, State

UNMOUNT = Rule(
    "unmount",
    "A container no longer writes to its data at its present path. The mount is gone, moved, read-only or "
    "another volume's, or something lies over it. Or the program looks elsewhere (`PGDATA`, `data_directory` "
    "...), or does not flush. Or the container is gone.",
    "A database starts empty beside the old data, or loses writes that it has acknowledged.",
)
SHARE = Rule(
    "share",
    "One more container or server would write to data. Or a container would reach it past its mounts: by the "
    "server's disk, its devices, Docker's socket or privileges.",
    "A second writer destroys the first one's files, or a container can read and destroy all data.",
)
UPGRADE = Rule(
    "upgrade",
    "PostgreSQL or Redis of another major version or distribution runs on the same files.",
    "The database cannot read its files, or its indexes break in silence.",
)

HARMLESS = frozenset(
    {
        *(
            "capabilities",
            "cpuPeriod",
            "cpuQuota",
            "cpuSet",
            "cpuShares",
            "cpus",
            "destroyGraceSeconds",
            "dns",
            "domainname",
        ),
        *("envs", "healthcheck", "hostname", "hosts", "image", "init", "ipcMode", "labels", "logDriver", "logOpts"),
        *("memory", "memoryReservation", "memorySwap", "mounts", "mustRun", "name", "networkMode", "networksAdvanced"),
        *("ports", "publishAllPorts", "readOnly", "removeVolumes", "restart", "securityOpts", "shmSize", "stopSignal"),
        *("stopTimeout", "storageOpts", "sysctls", "tmpfs", "ulimits", "volumes", "wait", "waitTimeout"),
        *("command", "entrypoints", "containerReadRefreshTimeoutMilliseconds", "start", "maxRetryCount", "pidsLimit"),
    }
)
"""Inputs of a container that cannot separate a process from its data when they change, or that another rule here
checks."""
PLACES = frozenset({"PGDATA"})
"""Variables that name a program's data directory. They count even where they are not set now."""
DANGEROUS_OPTIONS = re.compile(
    r"data_directory|config_file|hba_file|archive_command|^-D$|--pgdata|^--dir$|fsync=off|full_page_writes=off"
    r"|synchronous_commit=off|zero_damaged_pages|ignore_checksum|^--single$|^flushall$"
)
"""Words of a command that lead a database to other files, or let it lose acknowledged writes."""
DANGEROUS_CAPABILITIES = re.compile(
    r"(CAP_)?(ALL|SYS_ADMIN|SYS_RAWIO|SYS_MODULE|SYS_PTRACE|DAC_READ_SEARCH|MAC_ADMIN)$"
)
PAST_PATHS = ("/", "/srv", "/dev", "/var", "/var/lib", "/var/lib/docker", "/var/run", "/run", "/proc", "/sys", "/etc")
"""Paths of the server from which all data can be reached: the disk's own, Docker's, its socket's."""


@dataclass(frozen=True)
class Mount:
    """A mount in a container, over the files of its image.

    Attributes:
        shown: the mounted volume or directory, in words.
        data: the directory of the data disk, or the Docker volume that is no pointer to one; empty if it is no data.
    """

    target: str
    shown: str
    data: str
    read_only: bool

    def covers(self, path: str) -> bool:
        """Return whether the mount hides the former contents of `path`, wholly or in part."""
        return self.target == UNKNOWN or _within(self.target, path)


def findings(preview: Preview) -> Iterator[Finding]:
    """Yield a finding for every break in the way, and for every new writer."""
    containers = _Containers(preview)
    yield from _unmounted(containers)
    if not preview.is_new:
        yield from _shared(containers)
    for change in containers.changes:
        yield from _past(change)
        yield from _redirected(containers, change)
        yield from _upgraded(preview, containers, change)


def notes(preview: Preview) -> Iterator[str]:
    """Yield a note for each change beside the way: other commands, other inputs, containers that leave."""
    containers = _Containers(preview)
    for change in containers.changes:
        old, new = change.before, change.new
        if old and containers.goes(change) and not containers.written(old, containers.before):
            yield f"The container {_name(old)} would be removed."
        if not old or not new:
            continue
        kept = {(mount.data, mount.target) for mount in mounts(new, containers.after)}
        for mount in mounts(old, containers.before):
            if mount.data and mount.read_only and (mount.data, mount.target) not in kept:
                yield f"The container {_name(new)} would no longer read {mount.shown} at {mount.target}."
        if containers.written(old, containers.before):
            # The new flavor changes sizes.
            gone, added = (set(map(sized, one - other)) for one, other in _pairs(old, new))
            gone, added = gone - added, added - gone
            if gone or added:
                words = [*(f"- {word}" for word in sorted(gone)), *(f"+ {word}" for word in sorted(added))]
                yield f"The container {_name(new)} would run another command: {', '.join(map(shortened, words))}."
            other = sorted(set(change.changed_inputs()) - HARMLESS) if change.old else []
            if other:
                yield f"The container {_name(new)}, which writes data, would have another {', '.join(other)}."


class _Containers:
    """All containers of a preview, with the directories that Docker volumes point to before and afterwards."""

    def __init__(self, preview: Preview) -> None:
        self.whole = not preview.errors
        self.server_goes = any(change.removed for change in preview.of_type(declared.SERVER))
        self.changes = list(preview.of_type(declared.CONTAINER))
        volumes = list(preview.of_type(declared.DOCKER_VOLUME))
        stopped = {finding.urn for finding in docker_volumes.findings(preview)}
        self.stopped = {
            f"the volume {state.inputs.get('name')}"
            for change in volumes
            if change.urn in stopped
            for state in (change.before, change.new)
            if state
        }
        """Docker volumes that have findings of their own. Their target is not reported again for each mount."""
        self.before = _devices(change.before for change in volumes)
        self.after = _devices(change.new for change in volumes)

    def written(self, container: State, devices: Mapping[str, str]) -> list[Mount]:
        """Return the data that a container may write to."""
        return [mount for mount in mounts(container, devices) if mount.data and not mount.read_only]

    def successor(self, change: Change) -> State | None:
        """Return a container's successor: under its URN, or another with its name in Docker."""
        if change.new or not change.before:
            return change.new
        name = change.before.inputs.get("name")
        same = [each.new for each in self.changes if each.new and each.new.inputs.get("name") == name]
        return same[0] if same else None

    def goes(self, change: Change) -> bool:
        """Return whether a container would not be there afterwards, though its server would. A container that a refresh
        did not find, and that the program does not declare, has no step of its own."""
        gone = change.removed or (not change.ops and self.whole)
        return gone and self.successor(change) is None and not self.server_goes

    def heirs(self) -> list[State]:
        """Return the containers that are made under a new URN: one of them may replace a removed one."""
        return [change.new for change in self.changes if change.new and not change.before]

    def has(self, container: State, wanted: Mount) -> bool:
        """Return whether a later container writes to the same data at the same path, with no mount over it."""
        there = mounts(container, self.after)
        same = [mount for mount in there if self._same_way(mount, wanted)]
        return bool(same) and not [mount for mount in there if mount not in same and mount.covers(wanted.target)]

    def _same_way(self, mount: Mount, wanted: Mount) -> bool:
        same_data = mount.data == wanted.data or (mount.shown == wanted.shown and wanted.shown in self.stopped)
        return same_data and (mount.target, mount.read_only) == (wanted.target, wanted.read_only)


def mounts(container: State, devices: Mapping[str, str]) -> list[Mount]:
    """Return all mounts of a container: `mounts`, the older `volumes`, `tmpfs`, and files that are put into it."""
    found = []
    for each in _dicts(container.inputs.get("mounts")):
        kind, source = str(each.get("type")), str(each.get("source") or "")
        found.append(_mount(str(each.get("target")), kind, source, each.get("readOnly") is True, devices))
    for each in _dicts(container.inputs.get("volumes")):
        name, path = each.get("volumeName"), each.get("hostPath")
        kind, source = ("bind", str(path)) if path else ("volume", str(name or ""))
        found.append(_mount(str(each.get("containerPath")), kind, source, each.get("readOnly") is True, devices))
    for target in container.inputs.get("tmpfs") or ():
        found.append(_mount(str(target), "tmpfs", "", False, devices))
    for each in _dicts(container.inputs.get("uploads")):
        found.append(Mount(_path(str(each.get("file"))), "a file of the program", "", False))
    return found


def _mount(target: str, kind: str, source: str, read_only: bool, devices: Mapping[str, str]) -> Mount:
    if kind == "volume":
        if source == UNKNOWN:
            return Mount(_path(target), "a volume that is not known yet", UNKNOWN, read_only)
        shown = f"the volume {source}" if source else "a volume without a name"
        return Mount(_path(target), shown, devices.get(source, f"volume {source}"), read_only)
    if kind == "bind":
        path = _path(source)
        data = path if _within(path, MOUNT_POINT) else ""
        return Mount(_path(target), f"the server's {path}", data, read_only)
    return Mount(_path(target), f"a {kind}", "", read_only)


def _devices(states: "Iterator[State | None]") -> dict[str, str]:
    return {str(state.inputs.get("name")): docker_volumes.device(state) for state in states if state}


def _within(path: str, folder: str) -> bool:
    """Return whether `path` is `folder` or lies below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _path(text: str) -> str:
    """Return a path without `.`, `..`, double slashes or a slash at its end."""
    if not text.startswith("/"):
        return text
    parts: list[str] = []
    for part in PurePosixPath(text).parts[1:]:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/" + "/".join(parts)


def _list(value: object) -> list[Any]:
    """Return a known list as it is, and an unknown one as a list of one unknown element."""
    return value if isinstance(value, list) else [UNKNOWN] if value == UNKNOWN else []


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [each for each in _list(value) if isinstance(each, dict)]


def _name(container: State) -> str:
    return str(container.inputs.get("name"))


# A break in the way


def _unmounted(containers: _Containers) -> Iterator[Finding]:
    """Yield a finding for a container that loses the data that it writes to, at the path where it has it now."""
    for change in containers.changes:
        old, new = change.before, containers.successor(change)
        for mount in containers.written(old, containers.before) if old else ():
            if new and not containers.has(new, mount):
                yield _lost(change, new, mount, _found_there(mount, new, containers.after))
            elif (
                old and containers.goes(change) and not any(containers.has(heir, mount) for heir in containers.heirs())
            ):
                yield _left(change, old, mount, containers)


def _found_there(lost: Mount, new: State, devices: Mapping[str, str]) -> str:
    there = [mount for mount in mounts(new, devices) if mount.covers(lost.target)]
    if any(mount.data == lost.data and mount.target == lost.target for mount in there) and len(there) == 1:
        return "It could only read it: a database does not start, and what users send is refused or lost."
    above = [mount.shown for mount in there if mount.data != lost.data or mount.target != lost.target]
    what = f"{above[-1]} there" if above else "nothing, or a volume without a name, there"
    return (
        f"It would find {what}: a database starts empty, and what users write from then on is somewhere else. "
        f"The data stays in {lost.shown.removeprefix('the volume ')}, unseen."
    )


def _lost(change: Change, new: State, mount: Mount, means: str) -> Finding:
    return Finding(
        UNMOUNT,
        change.urn,
        f"The container {_name(new)} would no longer write to {mount.shown} at {mount.target}.",
        means,
        "Bring the mount back. To move data to another place: in one maintenance window, with an exception.",
    )


def _left(change: Change, old: State, mount: Mount, containers: _Containers) -> Finding:
    elsewhere = [
        f"The container {_name(heir)} would have it at {other.target}: where its program looks, it finds nothing, or "
        "a volume without a name, and a database starts empty there."
        for heir in containers.heirs()
        for other in containers.written(heir, containers.after)
        if other.data == mount.data
    ]
    return Finding(
        UNMOUNT,
        change.urn,
        f"The container {_name(old)}, which writes to {mount.shown} at {mount.target}, would be removed.",
        f"{elsewhere[0] if elsewhere else 'No other takes its place at this path, and its part of the site is down.'} "
        f"The data stays in {mount.data}.",
        "Bring the container back. One with another name must have the same volume at the same path; for good, archive "
        "the directory and say so in an exception.",
    )


# Who else gets on it


def _shared(containers: _Containers) -> Iterator[Finding]:
    """Yield a finding for a container that would newly write to data, unless it replaces another one."""
    known = {data for data in containers.before.values() if data}
    for change in containers.changes:
        if not change.new:
            continue
        had = [mount.data for mount in containers.written(change.before, containers.before)] if change.before else []
        for mount in containers.written(change.new, containers.after):
            owners = _owners(containers, mount)
            inherits = change.before is None and any(_has_gone(owner, containers) for owner in owners)
            if mount.shown in containers.stopped:
                continue
            new_data = not owners and mount.data not in known and not _reaches(mount.data, known)
            if not any(_overlap(mount.data, data) for data in had) and not inherits and not new_data:
                yield _sharing(change, change.new, mount, [_name(o.before) for o in owners if o.before])


def _owners(containers: _Containers, mount: Mount) -> list[Change]:
    return [
        change
        for change in containers.changes
        if change.before
        and any(_overlap(mount.data, each.data) for each in containers.written(change.before, containers.before))
    ]


def _has_gone(owner: Change, containers: _Containers) -> bool:
    return containers.successor(owner) is None or (owner.new is None and owner.removed)


def _overlap(one: str, other: str) -> bool:
    return UNKNOWN in (one, other) or _within(one, other) or _within(other, one)


def _reaches(data: str, known: set[str]) -> bool:
    return any(_overlap(data, each) for each in known)


def _sharing(change: Change, new: State, mount: Mount, owners: list[str]) -> Finding:
    now = f"which {' and '.join(sorted(owners))} writes to now" if owners else "which no container writes to now"
    return Finding(
        SHARE,
        change.urn,
        f"The container {_name(new)} would write to {mount.shown} ({mount.data}), {now}.",
        "Two programs that do not know of each other destroy each other's files; a second PostgreSQL does so at once.",
        "Give it a volume of its own, or mount this one read-only. If both are made to share it, say so in an "
        "exception.",
    )


def _past(change: Change) -> Iterator[Finding]:
    """Yield a finding for a container that would reach data outside its volumes: by the server's disk, devices,
    processes or Docker."""
    if not change.new:
        return
    had = set(_ways_past(change.before)) if change.before else set()
    for way in _ways_past(change.new):
        if way not in had:
            yield Finding(
                SHARE,
                change.urn,
                f"The container {_name(change.new)} would get {way}.",
                "What runs in it reaches the data disk past every mount, and can read, change or destroy all data.",
                "Take it out. What needs the server itself belongs into the host bundle.",
            )


def _ways_past(container: State) -> Iterator[str]:
    inputs = container.inputs
    if inputs.get("privileged") is True:
        yield "all of the server's privileges"
    if inputs.get("removeVolumes") is True or inputs.get("rm") is True:
        yield "its volumes without a name deleted when it goes"
    for key in ("pidMode", "usernsMode", "cgroupnsMode"):
        if inputs.get(key) == "host":
            yield f"the server's own {key}"
    for each in _dicts(inputs.get("devices")):
        yield f"the device {each.get('hostPath')}"
    for each in _dicts(inputs.get("volumes")):
        if each.get("fromContainer"):
            yield f"the volumes of {each.get('fromContainer')}"
    capabilities = inputs.get("capabilities")
    for name in capabilities.get("adds") or () if isinstance(capabilities, dict) else ():
        if DANGEROUS_CAPABILITIES.match(str(name)):
            yield f"the capability {name}"
    binds = [str(each.get("source")) for each in _dicts(inputs.get("mounts")) if each.get("type") == "bind"]
    binds += [str(each.get("hostPath")) for each in _dicts(inputs.get("volumes")) if each.get("hostPath")]
    for path in map(_path, binds):
        if (
            path == UNKNOWN
            or path in PAST_PATHS
            or path.startswith(("/dev/", "/var/lib/docker/"))
            or "docker.sock" in path
        ):
            yield f"the server's {'path that is not known yet' if path == UNKNOWN else path}"


# Where the program looks


def _redirected(containers: _Containers, change: Change) -> Iterator[Finding]:
    """Yield a finding for a container that writes data and would get a command or variable that names other files or
    gives up durability."""
    old, new = change.before, change.new
    if not old or not new:
        return
    targets = [mount.target for mount in containers.written(old, containers.before)]
    if not targets:
        return
    before, after = _environment(old), _environment(new)
    for name in sorted({*before, *after}):
        names_data = any(_within(_path(before.get(name, "")), target) for target in targets)
        if (names_data or name in PLACES) and before.get(name) != after.get(name):
            yield _elsewhere(
                change, new, f"would have {name}={after.get(name, '')!r} instead of {before.get(name, '')!r}"
            )
    gone, added = (one - other for one, other in _pairs(old, new))
    lost = [word for word in gone if any(target in word for target in targets)]
    led = [
        word
        for word in added
        if DANGEROUS.search(word)
        or DANGEROUS_OPTIONS.search(word)
        or re.search(r"(^|=)/(?!dev/shm|tmp/|run/secrets/)", word)
    ]
    if lost or led or _is_not_known(new):
        words = [shortened(word) for word in (*(f"- {each}" for each in lost), *(f"+ {each}" for each in led))]
        yield _elsewhere(change, new, f"would run another command ({', '.join(words) or 'unknown'})")
    checks = [word for word in _checks(new) if word not in _checks(old) and DANGEROUS.search(word)]
    if checks:
        yield _elsewhere(change, new, f"would run {', '.join(map(shortened, checks))} as its health check")


def _is_not_known(container: State) -> bool:
    """Return whether the container's command is not known before the update, so that it could be any."""
    return any(UNKNOWN in _list(container.inputs.get(key)) for key in ("command", "entrypoints"))


def _elsewhere(change: Change, new: State, what: str) -> Finding:
    return Finding(
        UNMOUNT,
        change.urn,
        f"The container {_name(new)} {what}.",
        "It writes data, and these words say where that lies, what guards it, or how it is written: a database may "
        "start empty beside the old one, or lose what it has acknowledged.",
        "Take the change back. To move data to another place: in one maintenance window, with an exception.",
    )


def _environment(container: State) -> dict[str, str]:
    found = {}
    for each in _list(container.inputs.get("envs")):
        name, _, value = str(each).partition("=")
        found[name] = value
    return found


def _pairs(old: State, new: State) -> "Iterator[tuple[Counter[str], Counter[str]]]":
    """Yield the words of both commands, in both orders."""
    before, after = _words(old), _words(new)
    yield before, after
    yield after, before


def _checks(container: State) -> list[str]:
    """Return the words of the health check. It runs beside the program, with the same data."""
    check = container.inputs.get("healthcheck")
    return [str(word) for word in _list(check.get("tests"))] if isinstance(check, dict) else []


def _words(container: State) -> "Counter[str]":
    """Return the words of entrypoint and command. Other rules check ids and images in them."""
    return Counter(str(word) for key in ("entrypoints", "command") for word in _list(container.inputs.get(key)))


# Another program on the same files


def _upgraded(preview: Preview, containers: _Containers, change: Change) -> Iterator[Finding]:
    """Yield a finding for a database of another kind, major version or distribution."""
    old, new = change.before, change.new
    if not old or not new:
        return
    data = {mount.shown.removeprefix("the volume ") for mount in containers.written(old, containers.before)}
    if not data & set(declared.DATABASES):
        return
    before, after = _reference(preview, old, new=False), _reference(preview, new, new=True)
    if before and after and _release(before) != _release(after):
        yield Finding(
            UPGRADE,
            change.urn,
            f"The container {_name(new)} would run {after.partition('@')[0]} instead of {before.partition('@')[0]}.",
            "Another major version does not read the files of this one, and another distribution sorts text in another "
            "order, which breaks indexes in silence.",
            "Upgrade with a dump and a restore, in one maintenance window, with an exception.",
        )


def _reference(preview: Preview, container: State, *, new: bool) -> str:
    """Return the reference of a container's image: its own, or that of the image resource that it comes from."""
    sources = container.property_dependencies.get("image") or ()
    for change in preview.of_type(declared.IMAGE):
        state = change.new if new else change.old
        if change.urn in sources and state and not state.inputs.get("build"):
            return str(state.inputs.get("name") or "")
    own = str(container.inputs.get("image") or "")
    return "" if own == UNKNOWN or own.startswith("sha256:") else own


def _release(reference: str) -> tuple[str, str]:
    """Return an image's repository, and its tag without minor versions: 15.4-bookworm is 15-bookworm."""
    name = reference.partition("@")[0]
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = name, ""
    return repository.rpartition("/")[2], re.sub(r"^(\d+)(\.\d+)*", r"\1", tag)
