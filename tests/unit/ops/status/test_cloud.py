"""What the cloud has and what the state knows are held against each other: either alone can lie."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ops import OpsError
from ops.data.volume import aside
from ops.restore_points.model import RestorePoint, Volume
from ops.state.locks import Lock
from ops.status.cloud.kept import kept_lines
from ops.status.cloud.restore_point import points_of, restore_point_line
from ops.status.cloud.security_group import Rule, security_group_line, ssh_networks, wanted
from ops.status.cloud.server import ServerSeen, server_line
from ops.status.cloud.volume import data_of, volume_line
from ops.status.known import Known, known
from ops.status.line import Line
from ops.status.state import lock_lines, state_line
from tests.unit.ops.restore_points.cloud import NOW, point, volume
from tests.unit.ops.status.world import DAY, HOUR, KNOWN, NEW_SERVER, SERVER
from tests.unit.test_settings import KEEPER, parse

ASIDE = "toybox-prod-data-before-20261124T0100Z"

# the server


@pytest.mark.parametrize(
    ("server", "state", "verdict", "words", "command"),
    [
        (SERVER, KNOWN, "good", "ACTIVE, 198.51.100.7 (s)", ""),
        (SERVER, None, "good", "ACTIVE", ""),
        (
            ServerSeen("s", "SHUTOFF", "198.51.100.7"),
            KNOWN,
            "bad",
            "it is off",
            "toybox api POST compute /servers/s/action --stack prod os-start:=null",
        ),
        (
            ServerSeen("s", "PAUSED", "198.51.100.7"),
            KNOWN,
            "bad",
            "PAUSED",
            "toybox api POST compute /servers/s/action --stack prod reboot.type=HARD",
        ),
        (ServerSeen("s", "ERROR", "198.51.100.7"), KNOWN, "bad", "given it up", NEW_SERVER),
        (ServerSeen("s", "ACTIVE", None), KNOWN, "bad", "without an address", NEW_SERVER),
        (ServerSeen("s", "BUILD", None), KNOWN, "bad", "Look again", "toybox status --stack prod"),
        (
            ServerSeen("s", "ACTIVE", "198.51.100.7", "powering-off"),
            KNOWN,
            "bad",
            "powering-off",
            "toybox status --stack prod",
        ),
        (None, KNOWN, "bad", "it was deleted: the state has s, the cloud has none", NEW_SERVER),
        (None, Known(), "bad", "there is none yet", "pulumi up --stack prod"),
        (
            ServerSeen("t", "ACTIVE", "198.51.100.9"),
            KNOWN,
            "bad",
            "the state knows another",
            "toybox adopt --stack prod",
        ),
    ],
)
def test_the_server_runs_or_is_red_with_the_command_that_helps(
    server: ServerSeen | None, state: Known | None, verdict: str, words: str, command: str
) -> None:
    """A plain `pulumi up` does nothing about a server that the state believes to be there."""
    line = server_line(server, state, "prod")
    assert (line.verdict, line.command) == (verdict, command)
    assert words in line.text


# the data volume

RENAME = "toybox api PUT volume /volumes/v --stack prod volume.name=toybox-prod-data"


@pytest.mark.parametrize(
    ("found", "server", "verdict", "words", "command"),
    [
        (volume(), SERVER, "good", "toybox-prod-data, 200 GB, in-use (v)", ""),
        (volume(server=None, word="available"), SERVER, "bad", "attached to no server", NEW_SERVER),
        (volume(server=None, word="available"), None, "bad", "attached to no server", NEW_SERVER),
        (volume(server="o"), SERVER, "bad", "another server, o", "toybox api GET compute /servers/o --stack prod"),
        (volume(word="error"), SERVER, "bad", "error", "toybox api GET volume /volumes/v --stack prod"),
        (volume(name=ASIDE), SERVER, "bad", "in use under the name of a kept one", RENAME),
        (volume(name="prod's own disk"), SERVER, "good", "prod's own disk", ""),
    ],
)
def test_the_data_volume_is_the_one_that_the_state_knows_whatever_its_name(
    found: Volume, server: ServerSeen | None, verdict: str, words: str, command: str
) -> None:
    settings = parse()
    data = data_of(settings, "prod", KNOWN, [volume("other", server=None), found])
    line = volume_line(data, server, KNOWN, settings, "prod", None)
    assert (line.verdict, line.command) == (verdict, command)
    assert words in line.text


@pytest.mark.parametrize(
    ("points", "command"),
    [
        ([point(5 * HOUR, source="backup", name="toybox-prod-data")], "toybox restore volume --from a --stack prod"),
        ([], "toybox restore-points list --all --stack prod"),
    ],
)
def test_a_deleted_data_volume_is_told_with_the_restore_point_that_has_it(
    points: list[RestorePoint], command: str
) -> None:
    """It said that there was none, while `toybox restore-points list` showed one."""
    settings = parse()
    data = data_of(settings, "prod", KNOWN, [])
    ours = points_of("prod", data, [], points)
    assert ours == points
    line = volume_line(data, None, KNOWN, settings, "prod", ours[0] if ours else None)
    assert "it was deleted: the state has v, the cloud does not" in line.text
    assert line.command == command
    told = restore_point_line(settings, "prod", data, ours, NOW)
    assert told.verdict == ("good" if points else "bad")


def put_aside(purpose: str, *, under_way: bool = True, server: str | None = None) -> Volume:
    """A volume that a command has put aside, with its record."""
    record = aside.Record(NOW - HOUR, purpose, under_way)
    found = volume(name=ASIDE, server=server, word="in-use" if server else "available")
    return replace(found, description=aside.written("prod", record))


GO_ON = [
    ("restore 7b59c87d", "toybox restore volume --from 7b59c87d --stack prod"),
    ("restore keeper:latest", "toybox restore database --to latest --stack prod"),
    (
        "restore copy:2026-01-22T20:49:00+09:00",
        "toybox restore database --to 2026-01-22T20:49:00+09:00 --stack prod --from copy",
    ),
    ("adopt 8c99ddaf", "toybox adopt 8c99ddaf --stack prod"),
    ("adopt v", "toybox adopt v --stack prod"),
]


@pytest.mark.parametrize(("purpose", "command"), GO_ON)
@pytest.mark.parametrize("in_state", [True, False], ids=["renamed", "renamed and out of the state"])
def test_what_stopped_half_way_is_told_with_the_command_that_goes_on(
    purpose: str, command: str, in_state: bool
) -> None:
    """The volume was renamed, or also taken out of the state. It was "not in the cloud", and "there is no restore
    point"."""
    kept = put_aside(purpose, server="s" if in_state else None)
    state = KNOWN if in_state else Known("s", "198.51.100.7", None)
    data = data_of(parse(), "prod", state, [kept])
    line = volume_line(data, SERVER, state, parse(), "prod", None)
    assert (line.verdict, line.command) == ("bad", command)
    assert f"put aside 2026-11-24 02:00 UTC to {purpose}, which has not come to its end" in line.text
    assert "not in the cloud" not in line.text
    ours = points_of("prod", data, [kept], [point(HOUR, source="backup")])
    assert restore_point_line(parse(), "prod", data, ours, NOW).verdict == "good"


def test_a_command_that_did_not_come_to_its_end_is_red_even_if_all_is_in_place() -> None:
    """The volume that took the kept one's place may hold anything: the command looks at its end."""
    kept = replace(put_aside("restore 7b59c87d"), id="former")
    data = data_of(parse(), "prod", KNOWN, [volume(), kept])
    assert volume_line(data, SERVER, KNOWN, parse(), "prod", None).verdict == "good"
    (line,) = kept_lines(data, "prod")
    assert (line.verdict, line.command) == ("bad", "toybox restore volume --from 7b59c87d --stack prod")


def test_kept_volumes_are_counted() -> None:
    kept = replace(put_aside("restore 7b59c87d", under_way=False), id="former")
    assert [line.verdict for line in kept_lines(data_of(parse(), "prod", KNOWN, [volume(), kept]), "prod")] == ["off"]
    assert kept_lines(data_of(parse(), "prod", KNOWN, [volume()]), "prod") == []


def test_a_kept_volume_without_a_successor_leads_back() -> None:
    state = Known("s", "198.51.100.7", None)
    data = data_of(parse(), "prod", state, [volume(name=ASIDE, server=None, word="available")])
    line = volume_line(data, SERVER, state, parse(), "prod", None)
    assert line.command == "toybox adopt v --stack prod"


def test_a_lock_is_told_and_hinders_nothing() -> None:
    (line,) = lock_lines([Lock("root", "runner", 4711, "2026-11-24T03:10:00")], "prod")
    assert (line.verdict, line.command) == ("unknown", "pulumi cancel --yes --stack prod")
    assert "root@runner, process 4711, since 2026-11-24T03:10:00" in line.text


def test_staging_without_its_volume_is_made_anew_from_prod() -> None:
    settings = parse({"environment": "staging", "access": "password"})
    data = data_of(settings, "staging", KNOWN, [])
    assert volume_line(data, None, KNOWN, settings, "staging", None).command == "toybox refresh --stack staging"


def test_several_volumes_of_the_name_are_told_apart_by_the_state_alone() -> None:
    two = [volume("v", server=None), volume("w", server=None)]
    assert data_of(parse(), "prod", KNOWN, two).id == "v"
    with pytest.raises(OpsError, match="2 volumes are called toybox-prod-data"):
        data_of(parse(), "prod", None, two)


# the state


@pytest.mark.parametrize(
    ("state", "server", "volumes", "verdict", "words", "command"),
    [
        (KNOWN, SERVER, [volume()], "good", "it knows server s and data volume v", ""),
        (None, SERVER, [volume()], "bad", "cannot be read: 503", "pulumi stack export --stack prod"),
        (
            Known(),
            SERVER,
            [volume()],
            "bad",
            "it is lost: it knows nothing of server s and",
            "toybox adopt --stack prod",
        ),
        (Known(), None, [volume(server=None)], "bad", "nothing of data volume v", "toybox adopt --stack prod"),
        (Known(), None, [], "bad", "no server and no data volume yet", "pulumi up --stack prod"),
    ],
)
def test_a_lost_state_is_told_from_a_stack_that_was_never_made(
    state: Known | None, server: ServerSeen | None, volumes: list[Volume], verdict: str, words: str, command: str
) -> None:
    data = data_of(parse(), "prod", state, volumes)
    line = state_line(state, "503", server, data, "prod")
    assert (line.verdict, line.command) == (verdict, command)
    assert words in line.text


def test_the_volume_of_a_lost_state_is_adopted() -> None:
    data = data_of(parse(), "prod", Known(), [volume()])
    line = volume_line(data, SERVER, Known(), parse(), "prod", None)
    assert (line.verdict, line.command) == ("bad", "toybox adopt v --stack prod")


def test_what_a_state_knows_is_read_from_an_export() -> None:
    def resource(urn: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"urn": f"urn:pulumi:prod::toybox::{urn}", "type": kind, "outputs": {}} | more

    container = "docker:index/container:Container"
    resources = [
        resource("server-instance", "openstack:compute/instance:Instance", id="old", delete=True),
        resource("server-instance", "i", id="s", outputs={"accessIpV4": "198.51.100.7"}),
        resource("data-volume", "v", id="v"),
        resource("django-web-container", container, id="1", outputs={"name": "web"}),
        resource("postgres-container", container, id="2", outputs={"name": "postgres"}),
        resource("x-container", container, outputs={}),
    ]
    found = known(json.dumps({"deployment": {"resources": resources}}))
    assert found == Known("s", "198.51.100.7", "v", ("postgres", "web"))
    assert known('{"version": 3}') == Known()


# restore points


@pytest.mark.parametrize(
    ("age", "volume_age", "verdict", "words"),
    [
        (HOUR, 90 * DAY, "good", "60 min old (a)"),
        (26 * HOUR, 90 * DAY, "good", "26 h old (a)"),
        (26 * HOUR + timedelta(minutes=1), 90 * DAY, "bad", "26 h old (a), and 26 h are the limit"),
        (9 * DAY, 90 * DAY, "bad", "9 days old (a), and 26 h are the limit"),
        (None, 90 * DAY, "bad", "there is none"),
        (None, HOUR, "unknown", "its first night is still to come"),
        (-9 * DAY, 90 * DAY, "bad", "there is none"),
    ],
)
def test_the_newest_restore_point_turns_red_past_26_hours(
    age: timedelta | None, volume_age: timedelta, verdict: str, words: str
) -> None:
    points = [] if age is None else [point(age, source="backup")]
    data = data_of(parse(), "prod", KNOWN, [volume(age=volume_age)])
    line = restore_point_line(parse(), "prod", data, points, NOW)
    assert line.verdict == verdict
    assert words in line.text
    if verdict == "bad":
        assert line.command == "pulumi up --stack prod --replace '**::snapshots-subscription'"


def test_a_policy_that_is_off_is_never_red() -> None:
    off = parse({"snapshotPolicy": {"driver": "conoha", "schedule": "off"}})
    data = data_of(off, "prod", KNOWN, [volume()])
    assert restore_point_line(off, "prod", data, [], NOW) == Line(
        "restore point", "off", "the policy is off; there is none"
    )


# the security group

OPERATOR = "203.0.113.7/32"


def declared_rules() -> list[Rule]:
    return [Rule(f"r{n}", "tcp", port, port, source) for n, (port, source) in enumerate(sorted(wanted([OPERATOR])))]


@pytest.mark.parametrize(
    ("rules", "verdict", "words", "command"),
    [
        (declared_rules(), "good", f"22 for {OPERATOR}", ""),
        (None, "bad", "toybox-prod is not there", "pulumi up --stack prod --refresh"),
        (
            [*declared_rules(), Rule("x", "tcp", 5432, 5432, "0.0.0.0/0")],
            "bad",
            "more than is declared: port 5432 (tcp) for 0.0.0.0/0",
            "toybox api DELETE network /security-group-rules/x --stack prod",
        ),
        (
            [*declared_rules(), Rule("x", "any protocol", None, None, "everybody")],
            "bad",
            "all ports (any protocol) for everybody",
            "toybox api DELETE network /security-group-rules/x --stack prod",
        ),
        (
            [each for each in declared_rules() if each.first != 22],
            "bad",
            f"keeps out what is declared: port 22 for {OPERATOR}",
            "pulumi up --stack prod --refresh --target '**::server-ingress-*'",
        ),
        (
            [*(each for each in declared_rules() if each.first != 22), Rule("x", "tcp", 22, 22, "203.0.113.9/32")],
            "bad",
            "keeps out what is declared",
            "pulumi up --stack prod --refresh --target '**::server-ingress-*'",
        ),
    ],
    ids=["declared", "gone", "opened", "wide open", "closed", "settings not applied yet"],
)
def test_the_security_group_lets_in_what_is_declared_and_nothing_else(
    rules: list[Rule] | None, verdict: str, words: str, command: str
) -> None:
    line = security_group_line(rules, [OPERATOR], "prod")
    assert (line.verdict, line.command) == (verdict, command)
    assert words in line.text


def test_the_keepers_rule_is_declared_and_no_door_left_open() -> None:
    web = [each for each in declared_rules() if each.first != 22]
    rule = Rule("k", "tcp", 22, 22, f"{KEEPER['address']}/32")
    with_keeper, without = (ssh_networks(parse(changes)) for changes in ({"keeper": KEEPER}, {}))
    ours = [*web, *(Rule(source, "tcp", 22, 22, source) for source in without)]
    for rules, networks, verdict in (
        ([*ours, rule], with_keeper, "good"),
        (ours, with_keeper, "bad"),
        ([*ours, rule], without, "bad"),
    ):
        assert security_group_line(rules, networks, "prod").verdict == verdict
