"""Each fault of the incident makes a host unfit. `facts.json` is what `host/look.py` found on a healthy server."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.host import bundle
from host import fitness, look
from inventory import volumes
from tests.documentation import CHECKOUT

Facts = dict[str, Any]
HEALTHY: Facts = json.loads(Path(__file__).with_name("facts.json").read_text())

SNAP = {
    "pid": 9,
    "program": "/snap/docker/2932/bin/dockerd",
    "unit": "snap.docker.dockerd.service",
    "socket": None,
    "unanswered": "",
    "data_root": "/var/snap/docker/common/var-lib-docker",
}


def container(facts: Facts, name: str) -> Facts:
    found: Facts = next(each for each in facts["containers"] if each["name"] == name)
    return found


def stranger(facts: Facts, **changes: object) -> None:
    """A second container with the database's mounts, started by hand."""
    other = copy.deepcopy(container(facts, "postgres"))
    facts["containers"].append(other | {"id": "f00d", "name": "eager_turing", "labels": {}} | changes)


def bind(source: str) -> list[Facts]:
    return [{"type": "bind", "volume": None, "source": source, "target": "/x", "writable": True}]


def flush(facts: Facts, table: str) -> None:
    """`iptables -F`: the chains stay, and no rule is in them."""
    facts["packet_filter"][table] = [line for line in facts["packet_filter"][table] if not line.startswith("-A")]


def without_rule(facts: Facts, table: str, rule: str) -> None:
    before = facts["packet_filter"][table]
    facts["packet_filter"][table] = [line for line in before if rule not in line]
    assert len(facts["packet_filter"][table]) < len(before)


def untold(facts: Facts, name: str) -> None:
    facts[name] = None
    facts["untold"][name] = "Input/output error"


FAULTS: dict[str, tuple[str, Callable[[Facts], object]]] = {
    "a second daemon": ("daemons", lambda f: f["daemons"].append(SNAP)),
    "no daemon": ("daemon", lambda f: f["daemons"].clear()),
    "a daemon that hangs": ("daemon", lambda f: f["daemons"][0].update(socket=None, unanswered="timed out")),
    "another data root": ("data-root", lambda f: f["daemons"][0].update(data_root="/var/lib/docker-2")),
    "a snap Docker that does not run": ("snap", lambda f: f.update(snap_docker=["/var/snap/docker"])),
    "no data disk": ("disk-unmounted", lambda f: f.update(data_disk={"mounted": False})),
    "a data disk that turned read-only": ("disk-read-only", lambda f: f["data_disk"]["options"].append("ro")),
    "a data disk that takes no write": (
        "disk-read-only",
        lambda f: f["data_disk"].update(write_error="Read-only file system"),
    ),
    "a data disk with errors": ("disk-errors", lambda f: f["data_disk"].update(file_system_errors=2)),
    "a second database on the volume": ("stranger", lambda f: stranger(f)),
    "a second database that is stopped": ("stranger", lambda f: stranger(f, state="exited")),
    "one on the path": ("stranger", lambda f: stranger(f, mounts=bind("/srv/toybox/postgres"))),
    "one on the whole disk": ("stranger", lambda f: stranger(f, mounts=bind("/srv/toybox"))),
    "one on the host's root": ("stranger", lambda f: stranger(f, mounts=bind("/"))),
    "one on the device": ("stranger", lambda f: stranger(f, mounts=[], devices=["/dev/vdb"])),
    "ours under another name": ("stranger", lambda f: stranger(f, labels={"toybox.name": "postgres"})),
    "one that another runtime started": (
        "stranger",
        lambda f: f["users_of_the_data_disk"].append(
            {"pid": 7, "container": None, "command": "postgres", "cgroup": ""}
        ),
    ),
    "iptables -F": ("packet-filter", lambda f: flush(f, "filter")),
    "iptables -t nat -F": ("packet-filter", lambda f: flush(f, "nat")),
    "iptables -t raw -F": ("packet-filter", lambda f: flush(f, "raw")),
    "no way out": ("packet-filter", lambda f: without_rule(f, "nat", "-s 172.19.0.0/16 ! -o")),
    "a published port that leads nowhere": (
        "packet-filter",
        lambda f: without_rule(f, "nat", "--to-destination 172.19"),
    ),
    "an internal network that is open": ("packet-filter", lambda f: without_rule(f, "filter", "! -s 172.18.0.0/16")),
    "Docker's chains, and none leads there": (
        "packet-filter",
        lambda f: without_rule(f, "filter", "-A FORWARD -j DOCKER"),
    ),
    "a file that was changed": ("files", lambda f: f["files"].update({"/etc/docker/daemon.json": {"sha256": "0"}})),
    "a file that is gone": ("files", lambda f: f["files"].update({"/etc/docker/daemon.json": None})),
    "no manifest": ("files", lambda f: f.update(manifest=None)),
    "a secret that is gone": ("secrets", lambda f: f["files"].update({"/etc/toybox/secrets/redis_password": None})),
    "no secrets": ("secrets", lambda f: f.update(secrets_manifest=None)),
    "Docker, disabled": ("boot", lambda f: f["units"]["docker.service"].update(UnitFileState="disabled")),
}

MENDED = {"boot", "daemon", "secrets", "data-root", "disk-unmounted", "packet-filter", "files"}
"""What the host bundle puts right. The rest waits for people: data may be at stake."""


@pytest.mark.parametrize("name", [*fitness.NEEDED, *fitness.OF_DOCKER])
def test_what_cannot_be_looked_at_is_not_taken_for_fit(name: str) -> None:
    facts = copy.deepcopy(HEALTHY)
    untold(facts, name)
    assert codes(facts) == ["look"]


def with_keeper(facts: Facts) -> Facts:
    """The host with a keeper that is declared, and its login as it was made."""
    for path in (fitness.KEEPER_KEYS, fitness.KEEPER_SERVICE):
        facts["manifest"][path] = facts["files"][path] = {"sha256": "1", "mode": 0o644}
    sshd = {name: list(values) for name, values in fitness.KEEPER_SSHD.items()}
    facts["keeper"] = {**fitness.KEEPER_ACCOUNT, "sshd": sshd}
    return facts


READER = {
    "pid": 7,
    "container": None,
    "command": "rsync --server --sender -a . media/",
    "cgroup": r"0::/system.slice/system-toybox\x2dkeeper\x2dfiles.slice/toybox-keeper-files@1-2-10002.service",
    "writable": False,
}

WIDER: dict[str, Callable[[Facts], object]] = {
    "another login is let in": lambda f: f["keeper"]["sshd"].update(allowusers=["root", "keeper", "bob"]),
    "it forwards anywhere": lambda f: f["keeper"]["sshd"].update(permitopen=["any"]),
    "it forwards to one port more": lambda f: f["keeper"]["sshd"]["permitopen"].append("127.0.0.1:22"),
    "it runs what it likes": lambda f: f["keeper"]["sshd"].update(forcecommand=["none"]),
    "it takes keys from its home": lambda f: f["keeper"]["sshd"].update(authorizedkeysfile=[".ssh/authorized_keys"]),
    "sshd says nothing of a setting": lambda f: f["keeper"]["sshd"].pop("allowstreamlocalforwarding"),
    "it is in Docker's group": lambda f: f["keeper"].update(groups=["docker", "keeper"]),
    "it has a shell": lambda f: f["keeper"].update({"shell": "/bin/bash"}),
    "it has a password": lambda f: f["keeper"].update(has_password=True),
    "it is root": lambda f: f["keeper"].update(uid=0),
    "it is gone": lambda f: f.update(keeper={}),
    "it stays after its files went": lambda f: f["manifest"].pop(fitness.KEEPER_KEYS),
}


def test_a_declared_keeper_leaves_the_host_fit_also_while_it_reads_files() -> None:
    facts = with_keeper(copy.deepcopy(HEALTHY))
    facts["users_of_the_data_disk"].append(READER)
    assert codes(facts) == []


@pytest.mark.parametrize("widen", WIDER.values(), ids=WIDER.keys())
def test_a_keepers_login_that_is_not_as_declared_makes_the_host_unfit(
    widen: Callable[[Facts], object],
) -> None:
    facts = with_keeper(copy.deepcopy(HEALTHY))
    widen(facts)
    found = fitness.faults(facts)
    assert [fault.code for fault in found] == ["keeper"]
    assert all(fault.mended for fault in found)


@pytest.mark.parametrize(
    "change",
    [
        {"writable": True},
        {"cgroup": "0::/system.slice/other.service"},
        {"cgroup": "0::/system.slice/docker-f00d.scope/toybox-keeper-files@1.service/x"},
        {"cgroup": "0::/user.slice/toybox-keeper-files@1.service"},
    ],
    ids=str,
)
def test_whatever_only_looks_like_the_keepers_reader_is_a_stranger(change: Facts) -> None:
    facts = with_keeper(copy.deepcopy(HEALTHY))
    facts["users_of_the_data_disk"].append(READER | change)
    assert codes(facts) == ["stranger"]


def test_the_keepers_reader_is_a_stranger_where_no_keeper_is_declared() -> None:
    facts = copy.deepcopy(HEALTHY)
    facts["users_of_the_data_disk"].append(READER)
    assert codes(facts) == ["stranger"]


def test_a_keepers_login_that_cannot_be_looked_at_is_not_taken_for_fit() -> None:
    facts = with_keeper(copy.deepcopy(HEALTHY))
    untold(facts, "keeper")
    assert codes(facts) == ["look"]


def codes(facts: Facts) -> list[str]:
    return [fault.code for fault in fitness.faults(facts)]


def test_a_healthy_host_is_fit() -> None:
    assert codes(HEALTHY) == []


@pytest.mark.parametrize(("code", "damage"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_the_incident_makes_the_host_unfit(code: str, damage: Callable[[Facts], object]) -> None:
    facts = copy.deepcopy(HEALTHY)
    damage(facts)
    found = fitness.faults(facts)
    assert {fault.code for fault in found} == {code}, fitness.render(found)
    assert {fault.mended for fault in found} == {code in MENDED}
    assert all(len(line) <= 200 for line in fitness.render(found).splitlines())


@pytest.mark.parametrize(
    "harmless",
    [
        lambda f: stranger(f, mounts=bind("/etc/toybox/secrets/x")),  # a container of somebody's, beside ours
        lambda f: stranger(f, name="web-2", labels={"toybox.name": "web-2"}),  # a new container of ours
        lambda f: f["data_disk"].update(write_error="No space left on device"),  # an update is part of the way out
        lambda f: container(f, "caddy").update(state="exited", ports=[]),
    ],
)
def test_what_an_update_may_meet_leaves_the_host_fit(harmless: Callable[[Facts], object]) -> None:
    facts = copy.deepcopy(HEALTHY)
    harmless(facts)
    assert codes(facts) == []


def test_several_faults_are_told_at_once() -> None:
    facts = copy.deepcopy(HEALTHY)
    facts["daemons"].append(SNAP)
    flush(facts, "nat")
    assert codes(facts) == ["daemons", "packet-filter"]
    assert "/var/snap/docker/common/var-lib-docker" in fitness.render(fitness.faults(facts))


def test_a_daemon_that_is_down_is_one_fault_and_not_five() -> None:
    facts = copy.deepcopy(HEALTHY)
    facts["daemons"].clear()
    for name in ("containers", "networks", "volumes"):
        untold(facts, name)
    assert codes(facts) == ["daemon"]


def test_each_section_of_the_runbook_that_is_a_way_out_is_there() -> None:
    runbook = (CHECKOUT / fitness.RUNBOOK).read_text()
    source = Path(fitness.__file__).read_text()
    titles = re.findall(r'section\("([^"]+)"\)', source)
    assert len(titles) > 3
    assert [title for title in titles if f"\n## {title}\n" not in runbook] == []


def test_look_fitness_and_bundle_speak_of_the_same_places() -> None:
    """The two run by themselves on the server and can import nothing."""
    assert look.MOUNT_POINT == fitness.MOUNT_POINT == volumes.MOUNT_POINT
    assert look.MANIFEST.startswith(f"{look.LIBRARY}/")
    assert bundle.mount_unit_name() in look.UNITS
