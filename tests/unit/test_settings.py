"""Every wrong setting is refused before anything is created, all of them at once, with the reason and the way out."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hypothesis
import pulumi
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from syrupy.assertion import SnapshotAssertion

import settings
from components.containers import memory
from conoha import flavors, volumes
from ops.init import ed25519_key
from settings import SettingsError
from settings.reference import FILE, example_file, text

ROOT = Path(__file__).parent.parent.parent
ID = "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64"
DIGEST = "@sha256:" + "0123456789abcdef" * 4
KEYS = ed25519_key(), ed25519_key()
KEEPER = {
    "address": "11.22.33.55",
    "sshKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL1wq0mV8sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7bx",
    "databaseVerifier": f"SCRAM-SHA-256$4096:VE9ZQk9YIGtlZXBlcg==${'A' * 43}=:{'B' * 43}=",
}
examples = hypothesis.settings(max_examples=60, deadline=None)

SECRETS = {
    "openstackPassword": "canary-Openstack1",
    "sshPrivateKey": KEYS[0],
    "sshHostKey": KEYS[1],
    "postgresPassword": "canaryPostgres" * 3,
    "redisPassword": "canaryRedis" * 3,
    "djangoSecretKey": "canaryDjango" * 5,
    "accessPassword": "canaryAccess",
}
COMPLETE: dict[str, Any] = {
    "environment": "production",
    "openstack": {
        "authUrl": "https://identity.c3j1.conoha.io/v3",
        "tenantName": "gnct12345678",
        "userName": "gncu12345678",
    },
    "domain": "toybox.jp",
    "tls": {"issuer": "acme", "email": "operators@toybox.jp"},
    "access": "public",
    "operators": ["11.22.33.44/32"],
    "server": {
        "flavor": "g2l-t-c4m4",
        "image": "vmi-docker-26.1-ubuntu-22.04-amd64",
        "bootVolume": {"size": 100},
    },
    "dataVolume": {"size": 200, "origin": {"source": "blank"}},
    "snapshotPolicy": {"driver": "conoha", "schedule": "daily", "keep": 7},
    "images": {name: f"docker.io/toybox/{name}{DIGEST}" for name in ("postgres", "redis", "caddy", "django")},
    **SECRETS,
}


def with_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The complete settings, with values by dotted path; None takes one out."""
    values = copy.deepcopy(COMPLETE)
    for path, value in changes.items():
        *above, last = path.split(".")
        block = values
        for key in above:
            block = block.setdefault(key, {})
        if value is None:
            del block[last]
        else:
            block[last] = value
    return values


def parse(
    changes: Mapping[str, Any] | None = None,
    *,
    stack: str = "prod",
    encrypted: set[str] | None = None,
    siblings: Mapping[str, Mapping[str, object]] | None = None,
) -> settings.Settings:
    keys = set(SECRETS) if encrypted is None else encrypted
    return settings.parse(stack, with_changes(changes or {}), keys, siblings or {})


def refusal(changes: Mapping[str, Any] | None = None, **others: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(changes, **others)
    message = str(caught.value)
    assert "canary" not in message, "a secret is in the message"
    assert "{" not in message, "a placeholder was not filled in"
    for problem in caught.value.problems:
        assert problem.wrong
        assert problem.why
        assert problem.remedy
    return message


@pytest.mark.parametrize("to", ["latest", "2026-01-22T20:49:00+09:00", "2026-01-22T11:49:00.5Z"])
def test_a_second_of_the_keepers_is_an_origin(to: str) -> None:
    parsed = parse({"dataVolume.origin": {"source": "keeper", "to": to}})
    assert parsed.data_volume.origin == settings.Kept(source="keeper", to=to)


def test_complete_settings_are_taken_over_one_to_one() -> None:
    parsed = parse()
    assert parsed.stack == "prod"
    assert parsed.openstack.auth_url == "https://identity.c3j1.conoha.io/v3"
    assert parsed.operators == ("11.22.33.44/32",)
    assert parsed.server.boot_volume.size == 100
    assert parsed.data_volume.origin == settings.Blank(source="blank")
    assert parsed.secrets.ssh_host_key.get_secret_value() == KEYS[1]
    assert parse({"accessPassword": None}).secrets.access_password is None


def test_a_keeper_is_taken_over_and_none_is_there_without_the_block() -> None:
    assert parse().keeper is None
    keeper = parse({"keeper": KEEPER}).keeper
    assert keeper is not None
    assert (keeper.address, keeper.ssh_key, keeper.database_verifier) == tuple(KEEPER.values())


def test_settings_cannot_be_changed_once_read() -> None:
    parsed = parse()
    with pytest.raises(ValidationError, match="frozen"):
        parsed.domain = "other.jp"
    with pytest.raises(ValidationError, match="frozen"):
        parsed.server.flavor = "g2l-t-c2m1"


def test_no_secret_is_shown_by_repr() -> None:
    shown = repr(parse())
    assert "canary" not in shown
    assert "PRIVATE KEY" not in shown


REFUSED: dict[str, dict[str, Any]] = {
    "an unknown key names the nearest one": {"dataVolumes": {}},
    "an unknown key deep inside names the nearest one": {"server.flavour": "g2l-t-c4m4"},
    "an unknown key unlike any other lists the known ones": {"openstack.xyzzy": 1},
    "the names of model fields that are no settings are unknown": {"stack": "prod", "secrets": {}},
    "a missing block says what belongs in it": {"server": None},
    "a missing value shows an example": {"domain": None, "server.bootVolume.size": None, "operators": None},
    "missing secrets point to toybox init": dict.fromkeys(SECRETS),
    "a number where text belongs": {"domain": 7, "server.image": 3},
    "text where a number belongs": {"dataVolume.size": "200", "server.bootVolume.size": "big"},
    "a fraction where a whole number belongs": {"dataVolume.size": 200.5},
    "a truth value where text belongs": {"access": True, "openstack.tenantName": False},
    "a text where a block belongs": {"tls": "acme", "dataVolume.origin": "blank"},
    "a block where text belongs": {"domain": {"name": "toybox.jp"}},
    "a text where a list belongs": {"operators": "11.22.33.44/32"},
    "a number in a list of texts": {"operators": ["11.22.33.44/32", 5]},
    "a flavor that ConoHa does not sell names the nearest one": {"server.flavor": "g2l-t-c4m8"},
    "a prepaid flavor": {"server.flavor": "g2l-p-c4m4"},
    "a server image without Docker": {"server.image": "vmi-debian-13.5-amd64"},
    "what was a setting and is a constant": {
        "openstack.region": "c3j1",
        "openstack.domainName": "default",
        "server.bootVolume.type": "c3j1-ds02-boot",
        "dataVolume.type": 7,
    },
    "sizes that ConoHa does not sell": {"server.bootVolume.size": 40, "dataVolume.size": 100},
    "30 GB to boot from with a plan above 512 MB": {"server.bootVolume.size": 30},
    "100 GB to boot from with the 512 MB plan": {"server.flavor": "g2l-t-c1m512"},
    "a data volume smaller than the backup it is made from": {
        "dataVolume.origin": {"source": "backup", "id": ID, "size": 500}
    },
    "a clone of another size": {
        "dataVolume.size": 500,
        "dataVolume.origin": {"source": "volume", "id": ID, "size": 200},
    },
    "an origin larger than anything ConoHa sells": {
        "dataVolume.origin": {"source": "backup", "id": ID, "size": 20_000}
    },
    "a volume from a snapshot on ConoHa": {"dataVolume.origin": {"source": "snapshot", "id": ID, "size": 200}},
    "an origin of an unknown kind": {"dataVolume.origin": {"source": "image", "id": ID, "size": 200}},
    "an origin without its kind": {"dataVolume.origin": {"id": ID}},
    "an origin without id and size": {"dataVolume.origin": {"source": "backup"}},
    "an origin whose id is a name": {"dataVolume.origin": {"source": "backup", "id": "nightly", "size": 0}},
    "a blank volume with an id": {"dataVolume.origin": {"source": "blank", "id": ID}},
    "a keeper's second without an offset": {"dataVolume.origin": {"source": "keeper", "to": "2026-01-22T20:49:00"}},
    "a keeper's second in words": {"dataVolume.origin": {"source": "copy", "to": "yesterday"}},
    "a keeper without a second": {"dataVolume.origin": {"source": "keeper"}},
    "an unquoted off": {"snapshotPolicy": {"driver": "conoha", "schedule": False}},
    "an unquoted on": {"snapshotPolicy": {"driver": "conoha", "schedule": True, "keep": 7}},
    "an unknown schedule": {"snapshotPolicy.schedule": "weekly"},
    "an unknown driver": {"snapshotPolicy.driver": "cinder"},
    "daily restore points without a number": {"snapshotPolicy": {"driver": "conoha", "schedule": "daily"}},
    "no restore points to keep": {"snapshotPolicy.keep": 0},
    "more restore points than ConoHa keeps": {"snapshotPolicy.keep": 31},
    "more restore points than anybody keeps": {"snapshotPolicy.keep": 367},
    "a number of restore points in quotes": {"snapshotPolicy.keep": "7"},
    "ConoHa's snapshots as restore points": {"snapshotPolicy.driver": "openstack"},
    "automatic backup of the 512 MB plan": {"server.flavor": "g2l-t-c1m512", "server.bootVolume.size": 30},
    "port 22 for the whole world": {"operators": ["0.0.0.0/0", "::/0"]},
    "port 22 for half of the world": {"operators": ["0.0.0.0/1", "128.0.0.0/1"]},
    "an operator's network spelt otherwise than OpenStack does": {"operators": ["11.22.33.44", "10.0.0.1/8"]},
    "an operator's network that is none": {"operators": ["office", "11.22.33.256/32"]},
    "no operators": {"operators": []},
    "an operator named twice": {"operators": ["11.22.33.44/32", "11.22.33.44/32"]},
    "placeholders for operators on ConoHa": {"operators": ["192.0.2.1/32", "203.0.113.0/24", "2001:db8::/64"]},
    "an operator by IPv6, where nothing is open": {"operators": ["2400:8500::/64"]},
    "placeholders for the account": {"openstack.tenantName": "gnct00000000", "openstack.userName": "gncu00000000"},
    "tenant and user mixed up": {"openstack.tenantName": "gncu12345678", "openstack.userName": "gnct12345678"},
    "a password in plain text over the network": {"openstack.authUrl": "http://identity.example/v3"},
    "an address that is no Identity API": {"openstack.authUrl": "https://identity.c3j1.conoha.io"},
    "a domain with a scheme": {"domain": "https://toybox.jp"},
    "a domain in capitals": {"domain": "Toybox.jp"},
    "an address instead of a domain": {"domain": "11.22.33.44"},
    "acme for a reserved domain": {"domain": "toybox.example"},
    "acme for a reserved domain below com": {"domain": "toybox.example.com"},
    "acme without an email": {"tls": {"issuer": "acme"}},
    "an email that is none": {"tls.email": "operators"},
    "an unknown issuer": {"tls.issuer": "letsencrypt"},
    "an unknown kind of access": {"access": "Password"},
    "access by password without the password": {"access": "password", "accessPassword": None},
    "images without a digest": {"images.redis": "redis:7-bookworm", "images.django": "ghcr.io/toybox/toybox"},
    "images that are no references": {"images.caddy": "Caddy:2", "images.django": f"toybox@sha256:{'0' * 63}"},
    "another major version of PostgreSQL": {"images.postgres": f"docker.io/library/postgres:16-bookworm{DIGEST}"},
    "a keeper of staging": {"environment": "staging", "keeper": KEEPER},
    "a keeper without its key and its verifier": {"keeper": {"address": "11.22.33.55"}},
    "a keeper's network in place of its address": {"keeper": KEEPER | {"address": "11.22.33.0/24"}},
    "a placeholder for the keeper on ConoHa": {"keeper": KEEPER | {"address": "192.0.2.9"}},
    "a keeper whose key has options": {"keeper": KEEPER | {"sshKey": f'command="sh" {KEEPER["sshKey"]}'}},
    "a keeper whose key opens root": {"keeper": KEEPER, "authorizedKeys": [f"{KEEPER['sshKey']} somebody"]},
    "the keeper's password in place of its verifier": {"keeper": KEEPER | {"databaseVerifier": "canary" * 5}},
    "a verifier that is cut off": {"keeper": KEEPER | {"databaseVerifier": KEEPER["databaseVerifier"][:-1]}},
    "a verifier with too few iterations": {
        "keeper": KEEPER | {"databaseVerifier": KEEPER["databaseVerifier"].replace("4096", "1024")}
    },
    "short passwords": {
        "openstackPassword": "canary",
        "postgresPassword": "canary",
        "redisPassword": "canary",
        "djangoSecretKey": "canary",
        "accessPassword": "canary",
    },
    "an access password longer than bcrypt reads": {"accessPassword": "canary" * 13},
    "passwords with a line break or URL characters": {
        "openstackPassword": "canary-Openstack1\n",
        "postgresPassword": "canary/Postgres@" * 3,
    },
    "keys that are none": {"sshPrivateKey": "canary", "sshHostKey": KEYS[1].replace("\n", " ")},
    "host key and login key the same": {"sshHostKey": KEYS[0]},
    "a secret of another type": {"postgresPassword": {"canary": 1}},
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(name: str, snapshot: SnapshotAssertion) -> None:
    assert refusal(REFUSED[name]) == snapshot


def test_a_key_of_another_algorithm_is_refused() -> None:
    key = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    assert "toybox:sshHostKey is not an ed25519 key (its text is not shown)." in refusal({"sshHostKey": key.decode()})


def test_a_key_with_a_passphrase_is_refused() -> None:
    key = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"canary")
    )
    message = refusal({"sshHostKey": key.decode()})
    assert "toybox:sshHostKey is not an OpenSSH private key without a passphrase" in message


def test_a_key_stays_valid_without_its_last_line_break() -> None:
    """Pulumi drops the last line break of what it reads from standard input."""
    parse({"sshPrivateKey": KEYS[0].rstrip("\n")})


def test_all_problems_are_reported_together_in_the_order_of_the_settings(snapshot: SnapshotAssertion) -> None:
    """The rules between settings speak up too, although other settings are broken."""
    message = refusal(
        {
            "openstack.authUrls": "c3j1",
            "domain": "toybox.example",
            "operators": ["0.0.0.0/0"],
            "server.flavor": "g2l-t-c1m512",
            "server.image": 5,
            "dataVolume.origin": {"source": "backup", "id": "x", "size": 500},
            "images": None,
            "redisPassword": None,
            "zzz": 1,
        },
        encrypted=set(SECRETS) - {"djangoSecretKey"},
        siblings={"staging": {"domain": "toybox.example"}},
        stack="Prod",
    )
    assert message == snapshot


def test_two_stacks_never_share_a_domain(snapshot: SnapshotAssertion) -> None:
    siblings = {"staging": {"domain": "TOYBOX.jp"}, "demo": {"domain": "demo.toybox.jp"}, "empty": {}}
    assert refusal(siblings=siblings) == snapshot


def test_a_secret_in_plain_text_is_refused(snapshot: SnapshotAssertion) -> None:
    assert refusal(encrypted=set(SECRETS) - {"redisPassword"}) == snapshot


def test_a_stack_name_that_cannot_be_in_a_servers_name_is_refused(snapshot: SnapshotAssertion) -> None:
    assert refusal(stack="prod.tokyo") == snapshot


@examples
@given(st.integers(min_value=-1, max_value=400))
def test_as_many_restore_points_are_kept_as_the_driver_can(keep: int) -> None:
    another = {"openstack.authUrl": "http://127.0.0.1:5000/v3", "operators": ["198.51.100.1/32"]}
    for driver, most, changes in (("conoha", 30, {}), ("openstack", 366, another)):
        requested = {**changes, "snapshotPolicy": {"driver": driver, "schedule": "daily", "keep": keep}}
        if 1 <= keep <= most:
            assert parse(requested).snapshot_policy.keep == keep
        else:
            assert "toybox:snapshotPolicy.keep" in refusal(requested)


def test_a_stack_may_go_without_restore_points() -> None:
    assert parse({"snapshotPolicy": {"driver": "conoha", "schedule": "off"}}).snapshot_policy.keep is None


def test_another_openstack_may_use_snapshots_and_documentation_addresses() -> None:
    parsed = parse(
        {
            "openstack.authUrl": "http://127.0.0.1:5000/v3",
            "operators": ["198.51.100.1/32"],
            "domain": "toybox.example",
            "tls": {"issuer": "internal"},
            "dataVolume.origin": {"source": "snapshot", "id": ID, "size": 200},
        }
    )
    assert isinstance(parsed.data_volume.origin, settings.RestorePoint)


@examples
@given(st.sampled_from(list(flavors.FLAVORS)), st.sampled_from(volumes.BOOT.sizes))
def test_a_boot_volume_is_taken_exactly_where_the_plan_takes_it(flavor: str, size: int) -> None:
    changes = {"server.flavor": flavor, "server.bootVolume.size": size}
    refused = f"is {size} GB, which {flavor} does not take."
    if flavor == "g2l-t-c1m512":
        assert (refused in refusal(changes)) == (size != 30)
    elif size == 30:
        assert refused in refusal(changes)
    else:
        assert parse(changes).server.boot_volume.size == size


@pytest.mark.parametrize("plan", flavors.FLAVORS.values(), ids=lambda plan: plan.name)
def test_a_plan_is_taken_exactly_where_the_containers_fit(plan: flavors.Flavor) -> None:
    """Their limits together are less than its memory: components/containers/memory.py."""
    changes = {"server.flavor": plan.name, "server.bootVolume.size": plan.boot_sizes[0]}
    if plan.memory >= memory.LEAST:
        assert parse(changes).server.flavor == plan.name
    else:
        assert "too small for TOYBOX" in refusal(changes)


@examples
@given(st.integers(min_value=-1, max_value=20_000))
def test_a_data_volume_has_a_size_that_is_on_sale(size: int) -> None:
    if size in (200, 500, 1000, 5000, 10000):
        assert parse({"dataVolume.size": size}).data_volume.size == size
    else:
        assert "toybox:dataVolume.size" in refusal({"dataVolume.size": size})


@examples
@given(
    st.sampled_from(["backup", "volume"]),
    st.sampled_from(volumes.DATA.sizes),
    st.integers(min_value=1, max_value=12_000),
)
def test_a_data_volume_never_is_smaller_than_its_origin(source: str, size: int, origin: int) -> None:
    changes = {"dataVolume.size": size, "dataVolume.origin": {"source": source, "id": ID, "size": origin}}
    if size < origin or (source == "volume" and size != origin):
        assert "toybox:dataVolume.size" in refusal(changes)
    else:
        assert parse(changes).data_volume.size == size


TEXT = st.text('ab0.:/@-_[]{}" \n\u00e9', max_size=8)
"""A small alphabet: Hypothesis takes seconds to prepare that of all Unicode."""

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@examples
@given(st.dictionaries(st.sampled_from([*COMPLETE, "other"]), PLAIN, max_size=6))
def test_any_values_end_in_settings_or_in_a_list_of_problems(values: dict[str, Any]) -> None:
    """Whatever a file holds, no operator sees a traceback."""
    with pytest.raises(SettingsError) as caught:
        settings.parse("prod", values, set(SECRETS), {})
    assert all(each.path and each.wrong and each.why and each.remedy for each in caught.value.problems)


@examples
@given(st.sampled_from([path for path in settings.DECLARED if len(path) > 1 or path == ("domain",)]), PLAIN)
def test_any_value_anywhere_ends_in_settings_or_in_a_list_of_problems(path: tuple[str, ...], value: object) -> None:
    changes = {".".join(path): value}
    if value is None or path[:2] == ("dataVolume", "origin"):
        return
    try:
        parse(changes)
    except SettingsError as error:
        assert str(error)  # noqa: PT017 - either outcome is right, and this one must have a text.


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_the_committed_stacks_lack_only_what_the_operator_must_fill_in(stack: str) -> None:
    committed = committed_settings(stack)
    secrets = {**SECRETS} if stack == "staging" else {**SECRETS, "accessPassword": None}
    given = committed | {key: value for key, value in secrets.items() if value}
    with pytest.raises(SettingsError) as caught:
        settings.parse(stack, given, set(SECRETS), settings.sibling_settings(ROOT, stack))
    assert [each.path for each in caught.value.problems] == [
        "toybox:openstack.tenantName",
        "toybox:openstack.userName",
        "toybox:domain",
        "toybox:operators[0]",
        "toybox:images.django",
    ]


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_the_committed_stacks_are_valid_once_filled_in(stack: str) -> None:
    values = committed_settings(stack) | SECRETS
    values["openstack"] |= {"tenantName": "gnct12345678", "userName": "gncu12345678"}
    values["domain"] = f"{stack}.toybox.jp"
    values["operators"] = ["11.22.33.44/32"]
    values["images"] |= {"django": f"ghcr.io/toybox/toybox{DIGEST}"}
    parsed = settings.parse(stack, values, set(SECRETS), settings.sibling_settings(ROOT, stack))
    assert parsed.server.flavor == {"prod": "g2l-t-c4m4", "staging": "g2l-t-c3m2"}[stack]
    assert parsed.access == {"prod": "public", "staging": "password"}[stack]


def committed_settings(stack: str) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("toybox:"): value for key, value in config.items() if key.startswith("toybox:")}


def test_the_reference_is_current() -> None:
    assert FILE.read_text() == text(), "run: python -m settings.reference"


def test_the_references_example_lacks_only_real_addresses() -> None:
    config = yaml.safe_load(example_file())["config"]
    values = {key.removeprefix("toybox:"): value for key, value in config.items()} | SECRETS
    with pytest.raises(SettingsError) as caught:
        settings.parse("prod", values, set(SECRETS), {})
    assert [each.path for each in caught.value.problems] == ["toybox:operators[0]", "toybox:keeper.address"]


def test_every_setting_is_explained() -> None:
    for path, setting in {**settings.DECLARED, **settings.SECRETS}.items():
        assert setting.description, path
        if setting.kind == "block":
            assert setting.inner, path
        else:
            assert setting.choices or setting.allowed, path
            assert setting.example is not None or setting.kind == "secret", path


def as_pulumi_passes_them(values: Mapping[str, Any]) -> dict[str, str]:
    """What a language host gets: text, with lists and blocks as JSON."""
    return {
        f"toybox:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in values.items()
    } | {"pulumi:disable-default-providers": '["*"]'}


@examples
@given(TEXT)
def test_a_secret_that_looks_like_json_stays_text(password: str) -> None:
    assert settings.from_pulumi({"toybox:redisPassword": password}) == {"redisPassword": password}


def test_values_come_back_as_they_were_written() -> None:
    assert settings.from_pulumi(as_pulumi_passes_them(COMPLETE)) == COMPLETE


def test_a_block_that_is_no_json_is_reported_as_text() -> None:
    assert settings.from_pulumi({"toybox:server": "{"}) == {"server": "{"}


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A running Pulumi program of the stack prod, without anything configured."""
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")
    for name in ("PULUMI_CONFIG", "PULUMI_CONFIG_SECRET_KEYS"):
        monkeypatch.delenv(name, raising=False)
    pulumi.runtime.set_all_config({}, [])
    return monkeypatch


def test_a_program_sees_its_settings_however_the_language_host_passes_them(program: pytest.MonkeyPatch) -> None:
    raw, secret = as_pulumi_passes_them(COMPLETE), [f"toybox:{key}" for key in SECRETS]
    pulumi.runtime.set_all_config(raw, secret)
    set_in_process = settings.load()
    pulumi.runtime.set_all_config({}, [])
    program.setenv("PULUMI_CONFIG", json.dumps(raw))
    program.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(secret))
    assert settings.load() == set_in_process == parse()


def test_a_program_sees_keys_that_nobody_asks_for(program: pytest.MonkeyPatch) -> None:
    raw = as_pulumi_passes_them(COMPLETE | {"flavor": "g2l-t-c4m4"})
    pulumi.runtime.set_all_config(raw, [f"toybox:{key}" for key in SECRETS])
    with pytest.raises(SettingsError, match="toybox:flavor is not a setting of TOYBOX"):
        settings.load()


def test_other_stacks_are_read_from_the_files_beside_the_program(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: toybox\n")
    (tmp_path / "Pulumi.prod.yaml").write_text("config:\n  toybox:domain: toybox.jp\n")
    (tmp_path / "Pulumi.staging.yaml").write_text("config:\n  toybox:domain: s.toybox.jp\n  aws:region: x\n")
    (tmp_path / "Pulumi.new.yaml").write_text("")
    assert settings.sibling_settings(tmp_path, "prod") == {"staging": {"domain": "s.toybox.jp"}, "new": {}}


@pytest.mark.parametrize("content", ["config: [", "config: text", "- 1", "config:\n  1: 2", "\xff"])
def test_a_broken_file_of_another_stack_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "Pulumi.staging.yaml").write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"(?s)Pulumi\.staging\.yaml cannot be read.*Way out: Mend the file"):
        settings.sibling_settings(tmp_path, "prod")


def test_the_public_half_belongs_to_the_private_key() -> None:
    public = settings.ssh_public_key(KEYS[0])
    assert public.startswith("ssh-ed25519 AAAA")
    assert len(public.split()) == 2
    assert public == settings.ssh_public_key(KEYS[0].rstrip("\n")) != settings.ssh_public_key(KEYS[1])
