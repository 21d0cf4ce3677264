"""A keeper's settings are checked as a site's are: all problems at once, each with its reason and its way out."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from syrupy.assertion import SnapshotAssertion

import settings
from ops.init import ed25519_key
from settings import SettingsError
from settings import keeper as keeper_settings
from settings.reference import KEEPER_FILE, example_file, keeper_text
from tests.unit.test_settings import PLAIN, committed_settings

ROOT = Path(__file__).parent.parent.parent
KEYS = ed25519_key(), ed25519_key()
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJkQ0Y7yQ9sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7a"
SECRETS = {
    "sshPrivateKey": KEYS[0],
    "pullKey": KEYS[1],
    "databasePassword": "canaryDatabase" * 3,
    "repositoryPassword": "canaryRepository" * 3,
    "copyAccessKey": "canaryAccess" * 3,
    "copySecretKey": "canarySecret" * 3,
    "copyPassword": "canaryCopy" * 3,
}
COMPLETE: dict[str, Any] = {
    "environment": "keeper",
    "machine": {"address": "203.0.113.9", "hostKey": HOST_KEY},
    "keeps": "prod",
    "copy": {"endpoint": "https://s3.c3j1.conoha.io", "bucket": "toybox-keeper", "region": "conoha"},
    **SECRETS,
}
SIBLINGS = {"prod": {"environment": "production"}, "staging": {"environment": "staging"}}


def parse(
    changes: Mapping[str, Any] | None = None,
    *,
    encrypted: set[str] | None = None,
    siblings: Mapping[str, Mapping[str, object]] = SIBLINGS,
) -> keeper_settings.KeeperSettings:
    values = copy.deepcopy(COMPLETE)
    for path, value in (changes or {}).items():
        *above, last = path.split(".")
        block = values[above[0]] if above else values
        if value is None:
            del block[last]
        else:
            block[last] = value
    return keeper_settings.parse("keeper", values, set(SECRETS) if encrypted is None else encrypted, siblings)


def refusal(changes: Mapping[str, Any] | None = None, **others: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(changes, **others)
    message = str(caught.value)
    assert "canary" not in message, "a secret is in the message"
    assert "PRIVATE KEY" not in message
    assert "{" not in message, "a placeholder was not filled in"
    return message


def test_complete_settings_are_taken_over_one_to_one() -> None:
    parsed = parse()
    assert (parsed.stack, parsed.keeps) == ("keeper", "prod")
    assert (parsed.machine.address, parsed.machine.host_key) == ("203.0.113.9", HOST_KEY)
    assert parsed.secrets.pull_key.get_secret_value() == KEYS[1]
    assert "canary" not in repr(parsed)


def test_without_a_copy_its_secrets_are_not_needed() -> None:
    parsed = parse(dict.fromkeys(["copy", "copyAccessKey", "copySecretKey", "copyPassword"]))
    assert parsed.copy_to is None


REFUSED: dict[str, dict[str, Any]] = {
    "a site's setting is unknown": {"domain": "toybox.jp", "machine.flavor": "g2l-t-c4m4"},
    "everything that is missing, at once": dict.fromkeys(["machine", "keeps", *SECRETS]),
    "another environment": {"environment": "production"},
    "the placeholder": {"machine.address": "192.0.2.9"},
    "a name for an address": {"machine.address": "keeper.toybox.jp"},
    "a network for an address": {"machine.address": "203.0.113.9/32"},
    "an address of IPv6": {"machine.address": "2001:db8::9"},
    "a host key with its comment": {"machine.hostKey": f"{HOST_KEY} root@keeper"},
    "a host key of another kind": {"machine.hostKey": "ssh-rsa AAAA"},
    "a staging": {"keeps": "staging"},
    "a stack that is not there": {"keeps": "shop"},
    "itself": {"keeps": "keeper"},
    "a name that is none": {"keeps": "Prod."},
    "one key for both machines": {"pullKey": KEYS[0]},
    "weak passwords": {"databasePassword": "canary", "repositoryPassword": "canary:" * 8},
    "a copy over http": {"copy.endpoint": "http://s3.c3j1.conoha.io"},
    "a bucket within the endpoint": {"copy.endpoint": "https://s3.c3j1.conoha.io/toybox"},
    "a bucket that is none": {"copy.bucket": "TOYBOX_keeper", "copy.region": "Tokyo 1"},
    "a copy without its secrets": dict.fromkeys(["copyAccessKey", "copySecretKey", "copyPassword"]),
    "one password for both repositories": {"copyPassword": "canaryRepository" * 3},
    "keys of a copy that are none": {"copyAccessKey": "canary key", "copySecretKey": "canary\n", "copyPassword": "x"},
    "keys that are none": {"sshPrivateKey": "canary", "pullKey": "canary"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(name: str, snapshot: SnapshotAssertion) -> None:
    assert refusal(REFUSED[name]) == snapshot


def test_a_secret_in_plain_text_is_refused() -> None:
    message = refusal(encrypted=set(SECRETS) - {"repositoryPassword"})
    assert "toybox:repositoryPassword stands in plain text" in message


@given(PLAIN, PLAIN)
def test_any_values_end_in_settings_or_in_a_list_of_problems(machine: object, keeps: object) -> None:
    with pytest.raises(SettingsError) as caught:
        keeper_settings.parse("keeper", {**COMPLETE, "machine": machine, "keeps": keeps}, set(SECRETS), SIBLINGS)
    assert all(each.path and each.wrong and each.why and each.remedy for each in caught.value.problems)


def test_the_committed_stack_lacks_only_what_the_operator_must_fill_in() -> None:
    values = committed_settings("keeper") | SECRETS
    with pytest.raises(SettingsError) as caught:
        keeper_settings.parse("keeper", values, set(SECRETS), settings.sibling_settings(ROOT, "keeper"))
    assert [each.path for each in caught.value.problems] == ["toybox:machine.address", "toybox:machine.hostKey"]


def test_the_committed_stack_is_valid_once_filled_in() -> None:
    values = committed_settings("keeper") | SECRETS | {"machine": COMPLETE["machine"]}
    parsed = keeper_settings.parse("keeper", values, set(SECRETS), settings.sibling_settings(ROOT, "keeper"))
    assert parsed.keeps == "prod"


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_the_keepers_file_disturbs_no_other_stack(stack: str) -> None:
    """It lies beside theirs, and their settings are compared with it."""
    with_keeper = settings.sibling_settings(ROOT, stack)
    assert with_keeper.pop("keeper")["environment"] == "keeper"
    given = committed_settings(stack)
    found = []
    for siblings in (with_keeper, with_keeper | {"keeper": committed_settings("keeper")}):
        with pytest.raises(SettingsError) as caught:
            settings.parse(stack, given, set(), siblings)
        found.append(str(caught.value))
    assert found[0] == found[1]


def test_a_site_that_calls_itself_a_keeper_is_told_what_a_keeper_is() -> None:
    """Its program would not run: with the environment of a keeper in prod's file, nothing of prod is touched."""
    with pytest.raises(SettingsError) as caught:
        keeper_settings.parse("prod", committed_settings("prod") | {"environment": "keeper"}, set(), {})
    assert "toybox:domain is not a setting of TOYBOX" in str(caught.value)


def test_the_reference_is_current() -> None:
    assert KEEPER_FILE.read_text() == keeper_text(), "run: python -m settings.reference"


def test_the_references_example_is_valid() -> None:
    config = yaml.safe_load(example_file(keeper_settings.DECLARED))["config"]
    values = {key.removeprefix("toybox:"): value for key, value in config.items()} | SECRETS
    assert keeper_settings.parse("keeper", values, set(SECRETS), SIBLINGS).keeps == "prod"


def test_every_setting_is_explained() -> None:
    for path, setting in {**keeper_settings.DECLARED, **keeper_settings.SECRETS}.items():
        assert setting.description, path
        assert setting.inner or setting.choices or setting.allowed, path
        assert setting.inner or setting.example is not None or setting.kind == "secret", path
