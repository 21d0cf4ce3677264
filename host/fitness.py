"""Judge the facts that `host/look.py` found: is this host fit to run TOYBOX?

On 2026-01-22 a flushed packet filter, a file system that had turned read-only and a second Docker daemon caused the
loss of all data. Each of these makes a host unfit, and an update stops before it deletes or makes anything there.

Usage on the server: `look.py | fitness.py`. With `--before-mending` it reports only the faults that a host bundle does
not mend; with `--codes`, a word for each fault. It needs only the standard library, Python 3.8 and later.
"""

import json
import re
import sys
from typing import Any, Dict, Iterator, List, NamedTuple, Set, Tuple  # noqa: UP035 - Python 3.8 on older images

MOUNT_POINT = "/srv/toybox"
DATA_ROOT = "/var/lib/docker"
METADATA = "169.254.0.0/16"
RUNBOOK = "docs/runbook.md"

KEEPER_UID = 10002
KEEPER_GATE = "/usr/local/lib/toybox/keeper_gate.py"
KEEPER_KEYS = "/etc/ssh/toybox_keeper_authorized_keys"
KEEPER_FORWARD = "10.213.77.2:5432"
KEEPER_SERVICE = "/etc/systemd/system/toybox-keeper-files@.service"
KEEPER_CGROUP = re.compile(r":/system\.slice/(system-[^/]*\.slice/)?toybox-keeper-files@[^/]+\.service$")
KEEPER_ACCOUNT = {"uid": KEEPER_UID, "home": "/", "shell": KEEPER_GATE, "groups": ["keeper"], "has_password": False}
KEEPER_SSHD = {
    "allowusers": ["keeper", "root"],
    "authorizedkeysfile": [KEEPER_KEYS],
    "authorizedkeyscommand": ["none"],
    "authenticationmethods": ["publickey"],
    "allowtcpforwarding": ["local"],
    "permitopen": [KEEPER_FORWARD],
    "permitlisten": ["none"],
    "allowstreamlocalforwarding": ["no"],
    "allowagentforwarding": ["no"],
    "x11forwarding": ["no"],
    "permittunnel": ["no"],
    "permittty": ["no"],
    "permituserrc": ["no"],
    "forcecommand": [KEEPER_GATE],
}
"""The login of the keeper, where it is declared: exactly this, and nothing wider."""

Facts = Dict[str, Any]  # noqa: UP006
Rule = Tuple[str, List[str]]  # noqa: UP006


class Fault(NamedTuple):
    """A reason why a host is unfit.

    Attributes:
        code: the fault's name for programs.
        text: the thing, the problem and the reason.
        way_out: the next command or the section of the runbook.
        mended: whether `pulumi up` mends it. People must decide on the others: data may be at stake.
    """

    code: str
    text: str
    way_out: str
    mended: bool


def faults(facts: Facts) -> List[Fault]:  # noqa: UP006
    """Return all faults of the host, the gravest first; empty if it is fit."""
    return [
        *of_the_daemons(facts),
        *of_the_data_disk(facts),
        *of_strangers(facts),
        *of_the_packet_filter(facts),
        *of_the_units(facts),
        *of_our_files(facts),
        *of_the_keeper(facts),
        *of_the_look(facts),
    ]


def section(title: str) -> str:
    """Return a reference to the runbook's section, as a way out."""
    return f'{RUNBOOK}, "{title}"'


MEND = "pulumi up"


# Docker daemons


def described(daemon: Facts) -> str:
    """Return a daemon's description on one line."""
    return "process {pid}, {program} ({unit}), data root {data_root}".format(**daemon)


def of_the_daemons(facts: Facts) -> Iterator[Fault]:
    """Check that exactly one Docker daemon runs, that it answers with the expected data root, and that no snap Docker
    is installed."""
    daemons = facts["daemons"] or []
    second = section("A second Docker daemon was found")
    if len(daemons) > 1:
        listed = "".join(f"\n    {described(daemon)}" for daemon in daemons)
        yield Fault(
            "daemons",
            f"{len(daemons)} Docker daemons run:{listed}\n"
            "  Containers and volumes of one are invisible to the other. Stop neither before you know which has data.",
            second,
            mended=False,
        )
    elif not daemons and facts["daemons"] is not None:
        state = (facts["units"] or {}).get("docker.service", {})
        shown = " ".join(state.get(name, "") for name in ("ActiveState", "SubState", "Result")).strip()
        yield Fault("daemon", f"no Docker daemon runs (docker.service: {shown or 'unknown'})", MEND, mended=True)
    elif daemons and daemons[0]["socket"] is None:
        reason = f"the Docker daemon does not answer: {described(daemons[0])}; {daemons[0]['unanswered']}"
        yield Fault("daemon", reason, MEND, mended=True)
    elif daemons and daemons[0]["data_root"] != DATA_ROOT:
        reason = f"Docker's data root is not {DATA_ROOT}: {described(daemons[0])}. It does not see TOYBOX's containers"
        yield Fault("data-root", reason, MEND, mended=True)
    if facts["snap_docker"]:
        yield Fault(
            "snap",
            f"a snap Docker is installed ({', '.join(facts['snap_docker'])}), with a data root of its own.\n"
            "  Never `snap remove docker`: it deletes the volumes there",
            second,
            mended=False,
        )


# the data disk


def of_the_data_disk(facts: Facts) -> Iterator[Fault]:
    """Check that the data disk is mounted, that it takes a write, and that its file system has counted no error."""
    disk = facts["data_disk"]
    if disk is None:
        return
    damaged = section("The data disk's file system is damaged")
    if not disk["mounted"]:
        yield Fault("disk-unmounted", f"the data disk is not mounted on {MOUNT_POINT}", MEND, mended=True)
        return
    # a full disk is no fault here: the way out of it includes an update
    if "ro" in disk["options"] or disk["write_error"] not in (None, "No space left on device"):
        reason = disk["write_error"] or "it is mounted read-only"
        yield Fault(
            "disk-read-only", f"the data disk takes no write: {reason} ({disk['source']})", damaged, mended=False
        )
    if disk["file_system_errors"]:
        reason = f"ext4 counts {disk['file_system_errors']} errors on the data disk ({disk['source']})"
        yield Fault("disk-errors", reason, damaged, mended=False)


# containers that are not ours


def ours(container: Facts) -> bool:
    """Return whether TOYBOX made a container: its label equals its name."""
    return bool(container["labels"].get("toybox.name") == container["name"])


def on_the_data_disk(path: str) -> bool:
    """Return whether a mount of `path` leads to the data disk: it lies on the disk, or the disk is mounted below it."""
    folder = path.rstrip("/") + "/"
    return folder.startswith(MOUNT_POINT + "/") or (MOUNT_POINT + "/").startswith(folder)


def mounts_the_data_disk(container: Facts, volumes: Facts, device: str) -> bool:
    """Return whether a container has the data disk, by a volume, a path or as a device. `device` is "" if it is not
    known."""
    sources = [volumes.get(mount["volume"]) or mount["source"] or "" for mount in container["mounts"]]
    return any(source and on_the_data_disk(source) for source in sources) or bool(
        device and device in container["devices"]
    )


def is_the_keepers(user: Facts, facts: Facts) -> bool:
    """Return whether a process is the unit that reads files for a declared keeper, and can only read."""
    declared = KEEPER_SERVICE in (facts["manifest"] or {})
    return declared and not user.get("writable", True) and KEEPER_CGROUP.search(user["cgroup"]) is not None


def of_strangers(facts: Facts) -> Iterator[Fault]:
    """Check that only TOYBOX's containers have the data disk, by Docker's list and by the kernel's."""
    containers = facts["containers"] or []
    device = (facts["data_disk"] or {}).get("source") or ""
    known = {container["id"] for container in containers}
    listed = [
        f"container {each['name']} ({each['state']}, image {each['image']}, id {each['id'][:12]})"
        for each in containers
        if not ours(each) and mounts_the_data_disk(each, facts["volumes"] or {}, device)
    ]
    listed += [
        f"process {user['pid']} of a container that Docker does not know ({user['command']})"
        for user in facts["users_of_the_data_disk"] or []
        if facts["containers"] is not None and user["container"] not in known and not is_the_keepers(user, facts)
    ]
    if listed:
        lines = "".join(f"\n    {line}" for line in listed)
        yield Fault(
            "stranger",
            f"the data disk is mounted by what TOYBOX did not make:{lines}\n"
            "  A second database on the same files destroys them.",
            section("A container that is not ours uses the data disk"),
            mended=False,
        )


# the packet filter


def rules(lines: List[str]) -> List[Rule]:  # noqa: UP006
    """Return (chain, words) of each rule that iptables-save printed."""
    return [(words[1], words[2:]) for words in (line.split() for line in lines) if words and words[0] == "-A"]


def target(words: List[str]) -> str:  # noqa: UP006
    """Return the target of a rule: the word after -j or -g."""
    for option in ("-j", "-g"):
        if option in words:
            return words[words.index(option) + 1]
    return ""


def reached(all_rules: List[Rule], chain: str) -> List[List[str]]:  # noqa: UP006
    """Return the rules that a packet may meet from `chain` on. A rule in an unreferenced chain has no effect."""
    seen: Set[str] = set()  # noqa: UP006
    waiting, found = [chain], []
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for of, words in all_rules:
            if of == name:
                found.append(words)
                waiting.append(target(words))
    return found


def has(found: List[List[str]], *wanted: str) -> bool:  # noqa: UP006
    """Return whether a rule has all the `wanted` phrases, each as words in this order."""
    return any(all(f" {phrase} " in f" {' '.join(words)} " for phrase in wanted) for words in found)


def missing_rules(facts: Facts) -> Iterator[str]:
    """Return the effects that the rules no longer have, in words. Docker, and `close-metadata` which starts with it,
    write the rules at Docker's start and never check them again."""
    nat, filters = (rules(facts["packet_filter"][table]) for table in ("nat", "filter"))
    postrouting, prerouting = reached(nat, "POSTROUTING"), reached(nat, "PREROUTING")
    forward = reached(filters, "FORWARD")
    if not has(reached(rules(facts["packet_filter"]["raw"]), "PREROUTING"), f"-d {METADATA}", "-j DROP"):
        yield "containers reach the cloud's metadata service, which holds the host key"
    for network in facts["networks"]:
        name, bridge = network["name"], network["bridge"]
        for subnet in network["subnets"]:
            if ":" in subnet:
                continue  # another table, which Docker writes only if its settings say so
            if network["internal"]:
                if not (
                    has(forward, f"! -s {subnet}", f"-o {bridge}", "-j DROP")
                    and has(forward, f"! -d {subnet}", f"-i {bridge}", "-j DROP")
                ):
                    yield f"network {name} is no longer closed"
            elif network["masquerade"] and not (
                has(postrouting, f"-s {subnet}", "-j MASQUERADE") and has(forward, f"-i {bridge}", "-j ACCEPT")
            ):
                yield f"network {name} has lost its way out"
    for container in facts["containers"]:
        if container["state"] != "running":
            continue
        addresses = [address for address in container["networks"].values() if address]
        for published in container["ports"]:
            outside, inside = published.split("/")[0].split(":")
            if not any(
                has(prerouting, f"--dport {outside}", "-j DNAT", f"--to-destination {address}:{inside}")
                and has(forward, f"-d {address}/32", f"--dport {inside}", "-j ACCEPT")
                for address in addresses
            ):
                yield f"port {outside} no longer leads to container {container['name']}"


def of_the_packet_filter(facts: Facts) -> Iterator[Fault]:
    """Check that the rules exist and that packets reach them: `iptables -F` deletes them."""
    if not all(facts[name] is not None for name in ("packet_filter", "networks", "containers")):
        return
    missing = sorted(missing_rules(facts))
    if missing:
        lines = "".join(f"\n    {each}" for each in missing)
        text = f"Rules are gone from the packet filter:{lines}"
        yield Fault("packet-filter", text, MEND, mended=True)


# what starts at boot


def of_the_units(facts: Facts) -> Iterator[Fault]:
    """Check that Docker starts at the next boot. The data disk's mount starts with it, whether it is enabled or not."""
    state = (facts["units"] or {}).get("docker.service", {}).get("UnitFileState", "enabled")
    if state != "enabled":
        yield Fault(
            "boot", f"docker.service is {state or 'not there'}: no container starts at the next boot", MEND, mended=True
        )


# TOYBOX's own files


def of_our_files(facts: Facts) -> Iterator[Fault]:
    """Check that every file that TOYBOX put on this host, secrets included, is present and unchanged."""
    for code, name, sent in (
        ("files", "host bundle", facts["manifest"]),
        ("secrets", "secrets", facts["secrets_manifest"]),
    ):
        if sent is None:
            yield Fault(code, f"the {name} never came to this host, or not to its end: no manifest", MEND, mended=True)
            continue
        now = facts["files"] or {}
        differing = sorted(path for path in sent if now.get(path) != sent[path])
        if differing:
            shown = ", ".join(f"{path}{'' if now.get(path) else ' (gone)'}" for path in differing[:4])
            more = f" and {len(differing) - 4} more" if len(differing) > 4 else ""
            yield Fault(code, f"files of the {name} differ from what was sent: {shown}{more}", MEND, mended=True)


# the login of the keeper


def expects_a_keeper(facts: Facts) -> bool:
    """Return whether the files of the keeper's login were sent to this host."""
    return KEEPER_KEYS in (facts["manifest"] or {})


def of_the_keeper(facts: Facts) -> Iterator[Fault]:
    """Yield a fault if the login of the keeper is not as declared, by sshd's own word, or there without a keeper."""
    login = facts.get("keeper")
    if login is None:
        return  # told below, where one is expected
    if not expects_a_keeper(facts):
        if login.get("uid") == KEEPER_UID:
            yield Fault("keeper", "the login keeper is there, and toybox:keeper is not set", MEND, mended=True)
        return
    if not login:
        yield Fault("keeper", "the login keeper is gone: nothing is pulled from this server", MEND, mended=True)
        return
    sshd = {name: sorted(" ".join(values).split()) for name, values in login["sshd"].items()}
    differing = [f"{name} is {login.get(name)}" for name, value in KEEPER_ACCOUNT.items() if login.get(name) != value]
    differing += [
        f"sshd's {name} is {' '.join(sshd.get(name, ['not set']))}"
        for name, value in KEEPER_SSHD.items()
        if sshd.get(name) != value
    ]
    if differing:
        text = f"the login keeper is another than was declared: {'; '.join(differing[:4])}"
        yield Fault("keeper", text, MEND, mended=True)


# the look itself

NEEDED = ("daemons", "snap_docker", "data_disk", "users_of_the_data_disk", "packet_filter", "units")
OF_DOCKER = ("containers", "networks", "volumes")


def of_the_look(facts: Facts) -> Iterator[Fault]:
    """Check that the look found every fact that is judged here. `of_the_daemons` reports a daemon that does not
    answer."""
    answers = len(facts["daemons"] or []) == 1 and facts["daemons"][0]["socket"] is not None
    needed = NEEDED + (OF_DOCKER if answers else ()) + (("keeper",) if expects_a_keeper(facts) else ())
    for name in needed:
        if facts.get(name) is None:
            reason = f"{name.replace('_', ' ')} could not be looked at: {facts['untold'].get(name)}"
            wiped = name in OF_DOCKER and section("Docker's folder was wiped")
            way_out = wiped or "on the server: python3 /usr/local/lib/toybox/look.py"
            yield Fault("look", reason, way_out, mended=False)


# what people and programs read


def render(found: List[Fault]) -> str:  # noqa: UP006
    """Return the faults as text, each with its way out."""
    return "\n".join(f"- {fault.text}\n  Way out: {fault.way_out}" for fault in found)


def main() -> None:
    """Judge the facts on standard input. Print the faults and exit with 1 if the host is unfit, or print only their
    codes."""
    # an update installs the secrets only after the host was found fit
    found = [fault for fault in faults(json.load(sys.stdin)) if fault.code != "secrets"]
    if "--codes" in sys.argv:
        print(*(fault.code for fault in found))
        return
    if "--before-mending" in sys.argv:
        found = [fault for fault in found if not fault.mended]
    if found:
        sys.exit(f"This server is not fit to run TOYBOX:\n{render(found)}")


if __name__ == "__main__":
    main()
