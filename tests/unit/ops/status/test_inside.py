"""What the server says of itself, in lines: nothing that is wrong there leaves all of them green."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from host.fitness import faults
from ops.status.inside.clock import clock_line
from ops.status.inside.containers import container_lines
from ops.status.inside.host import TOPICS, host_lines
from ops.status.inside.release import release_line
from ops.status.inside.space import space_lines
from ops.status.line import Line
from tests.unit.host.test_fitness import FAULTS, HEALTHY
from tests.unit.ops.restore_points.cloud import NOW

Facts = dict[str, Any]
ON_SERVER = "ssh -F .toybox/prod/ssh/config 198.51.100.7"
EXPECTED = ("caddy", "postgres", "web")
REFRESH = "pulumi up --stack prod --refresh"
LATER = datetime.fromtimestamp(HEALTHY["clock"], UTC) + timedelta(hours=1)
"""The containers of `facts.json` have run for a while."""


def lines_of(facts: Facts) -> list[Line]:
    """All lines of these facts."""
    source = (facts["data_disk"] or {}).get("source")
    return [
        *host_lines(facts, faults(facts), "prod", ON_SERVER),
        *space_lines(facts["space"], source, ON_SERVER),
        *container_lines(facts["containers"], EXPECTED, LATER, "prod", ON_SERVER),
    ]


def only(lines: list[Line], name: str) -> Line:
    (found,) = [line for line in lines if line.name == name]
    return found


def test_a_healthy_server_is_green() -> None:
    lines = lines_of(HEALTHY)
    assert {line.verdict for line in lines} == {"good"}, lines
    assert only(lines, "containers").text == "caddy, postgres, web: healthy"


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_the_host_is_red_with_a_command(fault: str) -> None:
    code, break_it = FAULTS[fault]
    facts = copy.deepcopy(HEALTHY)
    break_it(facts)
    red = [line for line in host_lines(facts, faults(facts), "prod", ON_SERVER) if line.verdict == "bad"]
    topic = next((topic for topic, codes in TOPICS.items() if code in codes), code)
    assert topic in {line.name for line in red}
    assert all(line.command.startswith(("pulumi up --stack prod", ON_SERVER)) for line in red)


# containers


def changed(name: str, **values: object) -> list[Facts]:
    facts = copy.deepcopy(HEALTHY)
    for each in facts["containers"]:
        if each["name"] == name:
            each.update(values)
    return list(facts["containers"])


def minutes_ago(minutes: int) -> str:
    return f"{LATER - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S.123456789Z}"


CONTAINERS: dict[str, tuple[list[Facts], str, str, str]] = {
    "stopped": (changed("web", state="exited", exit_code=0), "bad", "it is exited (exit code 0)", REFRESH),
    "killed": (changed("web", state="exited", exit_code=137, oom_killed=True), "bad", "out of memory", REFRESH),
    "not started": (changed("web", state="created", error="no such network"), "bad", "no such network", REFRESH),
    "gone": ([e for e in HEALTHY["containers"] if e["name"] != "web"], "bad", "no such container", REFRESH),
    "restarting": (
        changed("web", state="restarting", restarts=7, exit_code=1),
        *("bad", "crash loop: 7 restarts, exit code 1", f"{ON_SERVER} docker logs --tail 50 web"),
    ),
    "between two crashes": (
        changed("web", restarts=7, health="starting", started=minutes_ago(1)),
        *("bad", "it did not stay up: restarts: 7, the last one 60 s ago", f"{ON_SERVER} docker logs --tail 50 web"),
    ),
    "healthy between two crashes": (
        changed("web", restarts=7, started=minutes_ago(5)),
        *("bad", "restarts: 7, the last one 300 s ago", f"{ON_SERVER} docker logs --tail 50 web"),
    ),
    "healthy after one crash": (
        changed("web", restarts=1, started=minutes_ago(5)),
        *("unknown", "restarts: 1, the last one 300 s ago", f"{ON_SERVER} docker logs --tail 50 web"),
    ),
    "restarted once, long ago": (changed("web", restarts=1, started=minutes_ago(90)), "good", "", ""),
    "hanging": (changed("web", health="unhealthy"), "bad", "unhealthy", f"{ON_SERVER} docker restart web"),
    "paused": (changed("web", state="paused"), "bad", "it is paused", f"{ON_SERVER} docker unpause web"),
    "just started": (changed("web", health="starting", started=minutes_ago(1)), "unknown", "was not healthy yet", ""),
}


@pytest.mark.parametrize("case", CONTAINERS)
def test_a_container_that_does_not_run_or_stay_up_is_red(case: str) -> None:
    """worker, beat and Redis stopped were green: the site answers for a while without them."""
    containers, verdict, words, command = CONTAINERS[case]
    lines = container_lines(containers, EXPECTED, LATER, "prod", ON_SERVER)
    if verdict == "good":
        assert [line.name for line in lines] == ["containers"]
        return
    line = only(lines, "web")
    assert (line.verdict, line.command) == (verdict, command)
    assert words in line.text
    assert "web" not in only(lines, "containers").text


def test_containers_that_docker_does_not_tell_of_are_not_green() -> None:
    assert [line.verdict for line in container_lines(None, EXPECTED, LATER, "prod", ON_SERVER)] == ["unknown"]


# disk space

GIB = 1 << 30


def disk(device: int, *, free: int, available: int, inodes_free: int = 900) -> Facts:
    return {
        "device": device,
        "size": 200 * GIB,
        "free": free * GIB,
        "available": available * GIB,
        "inodes": 1000,
        "inodes_free": inodes_free,
    }


ROOMY = disk(1, free=100, available=90)


@pytest.mark.parametrize(
    ("space", "verdict", "words", "command"),
    [
        ({"/": ROOMY, "/srv/toybox": disk(2, free=100, available=90)}, "good", "45% of /srv/toybox left", ""),
        ({"/": ROOMY, "/srv/toybox": disk(2, free=20, available=10)}, "unknown", "5% of /srv/toybox left", ""),
        (
            {"/": ROOMY, "/srv/toybox": disk(2, free=10, available=0)},
            *("bad", "0% of /srv/toybox left. A twentieth is reserved", f"{ON_SERVER} tune2fs -m 0 /dev/vdb"),
        ),
        (
            {"/": ROOMY, "/srv/toybox": disk(2, free=0, available=0)},
            *("bad", "0% of /srv/toybox left", f'{ON_SERVER} "du -sh /srv/toybox/*"'),
        ),
        (
            {"/": ROOMY, "/srv/toybox": disk(2, free=100, available=90, inodes_free=1)},
            *("bad", "of the inodes of /srv/toybox", f'{ON_SERVER} "du --inodes -s /srv/toybox/*"'),
        ),
        (
            {"/": disk(1, free=1, available=1), "/var/lib/docker": disk(1, free=1, available=1)},
            *("bad", "0% of / left", f"{ON_SERVER} docker image prune --all --force"),
        ),
        (None, "unknown", "does not tell", ""),
    ],
    ids=["room", "nearly full", "full", "full, reserve and all", "no inodes", "root disk full", "not told"],
)
def test_a_full_disk_is_red(space: Facts | None, verdict: str, words: str, command: str) -> None:
    (line,) = space_lines(space, "/dev/vdb", ON_SERVER)
    assert (line.verdict, line.command) == (verdict, command)
    assert words in line.text


# clock and release


@pytest.mark.parametrize(
    ("off", "verdict", "words"),
    [(0, "good", ""), (59, "good", ""), (-90, "bad", "90 s behind"), (3600, "bad", "3600 s ahead of")],
)
def test_a_wrong_clock_is_red(off: int, verdict: str, words: str) -> None:
    line = clock_line((NOW + timedelta(seconds=off)).timestamp(), NOW, NOW, ON_SERVER)
    assert line.verdict == verdict
    assert words in line.text


@pytest.mark.parametrize(
    ("failed", "verdict", "words"),
    [("", "good", "0123456789ab, 60 min ago"), ("migrate", "bad", "failed 60 min ago at its step migrate")],
)
def test_a_release_that_failed_is_red(failed: str, verdict: str, words: str) -> None:
    ended = (NOW - timedelta(hours=1)).timestamp()
    image = f"198.51.100.1:5001/django@sha256:{'0123456789abcdef' * 4}"
    line = release_line({"ended": ended, "image": image, "failed": failed}, NOW, "prod")
    assert line.verdict == verdict
    assert words in line.text


def test_a_host_that_noted_no_release_yet_is_not_green() -> None:
    assert release_line(None, NOW, "prod").verdict == "off"


@pytest.mark.parametrize("name", ["daemons", "data_disk", "containers", "packet_filter", "space"])
def test_a_fact_that_could_not_be_found_out_is_not_green(name: str) -> None:
    facts = copy.deepcopy(HEALTHY)
    facts[name] = None
    facts["untold"][name] = "timed out"
    assert {"bad", "unknown"} & {line.verdict for line in lines_of(facts)}
