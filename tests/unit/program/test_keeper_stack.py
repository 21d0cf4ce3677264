"""The program of stack keeper: three steps on a machine that exists, and no secret in the plain."""

import base64
import io
import json
import tarfile
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

import pulumi
import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

from components.host.bundle import pack
from components.keeper.bundle import keeper_bundle
from settings import ssh_public_key
from settings.keeper import Copy
from tests.unit.program.conftest import Secrets, private_key
from tests.unit.program.recording import CHECKOUT, Run, Secret, revealed, run_program
from tests.unit.program.test_children import masked
from tests.unit.program.test_secrets import check_plain_inputs, seen_anywhere

PROD = "organization/toybox/prod"
HOST_KEY = ssh_public_key(private_key("prod's host key"))
WEB = {"image": f"registry.example/toybox@sha256:{'4' * 64}", "health": {"start": 90.0}}
"""Every number that Pulumi hands on is a float."""
OUTPUTS: dict[str, dict[str, Any]] = {
    PROD: {"address": "198.51.100.7", "sshHostKey": HOST_KEY, "web": WEB, "url": "https://toybox.example/"}
}
COPY = Copy(endpoint="https://s3.c3j1.conoha.io", bucket="toybox-keeper", region="conoha")
MACHINE = {"address": "198.51.100.9", "hostKey": ssh_public_key(private_key("the keeper's host key"))}
GOLDEN = Path(__file__).parent / "urns" / "keeper.txt"


PASSWORDS = ("databasePassword", "repositoryPassword", "copyAccessKey", "copySecretKey", "copyPassword")


@cache
def canaries() -> dict[str, str]:
    """The stack's secrets. An OpenSSH key is written with random bytes, so each is written once."""
    words = {name: f"canary{name}{sha256(name.encode()).hexdigest()}" for name in PASSWORDS}
    return {**words, **{name: private_key(name) for name in ("sshPrivateKey", "pullKey")}}


def configuration() -> tuple[dict[str, str], list[str]]:
    """What a language host hands to the program: the committed settings, the lab's machine, made-up secrets."""
    declared = yaml.safe_load((CHECKOUT / "Pulumi.keeper.yaml").read_text())["config"]
    declared["toybox:machine"] = MACHINE
    plain = {key: value if isinstance(value, str) else json.dumps(value) for key, value in declared.items()}
    secret = {f"toybox:{name}": value for name, value in canaries().items()}
    return {**plain, **secret}, list(secret)


AS_LEFT = {"applied": "left so", "differs": []}
"""What a machine says that the last update left well (components/keeper/look.py)."""


def run_keeper(
    folder: Path,
    others: Mapping[str, Mapping[str, Any]] = OUTPUTS,
    changes: Mapping[str, str] = MappingProxyType({}),
    told: Mapping[str, Any] | Exception = AS_LEFT,
    **options: Any,
) -> Run:
    config, encrypted = configuration()
    with mock.patch("components.keeper.condition.ask", side_effect=[told]):
        return run_program("keeper", {**config, **changes}, encrypted, folder, others=others, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_keeper(tmp_path_factory.mktemp("keeper"))


@pytest.fixture
def secrets() -> Secrets:
    return Secrets(canaries())


def test_children_are_exactly_those_of_the_golden_list(run: Run) -> None:
    assert sorted(run.resources) == GOLDEN.read_text().splitlines()


def test_inputs(run: Run, snapshot: SnapshotAssertion) -> None:
    assert {each.name: masked(each.inputs) for each in run.resources.values() if each.request.custom} == snapshot


def test_exports_are_what_operators_need_and_nothing_secret(run: Run, secrets: Secrets) -> None:
    assert run.exports == {"address": MACHINE["address"], "keeps": "prod"}


def test_the_first_preview_shows_every_child(run: Run, tmp_path: Path) -> None:
    assert set(run_keeper(tmp_path, preview=True).resources) == set(run.resources)


def test_each_step_waits_for_the_one_before_it(run: Run) -> None:
    assert "keeper-bundle" in run.before(run.one("keeper-secrets"))
    assert {"keeper-bundle", "keeper-secrets"} <= run.before(run.one("keeper-ready"))


def test_every_connection_is_pinned_to_the_machines_own_host_key(run: Run) -> None:
    for step in run.of_type("command:remote:Command"):
        connection = revealed(step.inputs["connection"])
        assert (connection["host"], connection["hostKey"]) == (MACHINE["address"], MACHINE["hostKey"])
        assert connection["user"] == "root"


def test_the_bundle_leads_to_the_kept_stacks_address_host_key_and_image(run: Run) -> None:
    expected = pack(keeper_bundle("prod", "198.51.100.7", HOST_KEY, WEB, COPY))
    assert run.one("keeper-bundle").inputs["stdin"] == expected


@pytest.mark.parametrize("output", ["address", "sshHostKey", "web"])
def test_a_kept_stack_without_its_outputs_is_named_with_the_way_out(output: str, tmp_path: Path) -> None:
    outputs = {key: value for key, value in OUTPUTS[PROD].items() if key != output}
    with pytest.raises(pulumi.RunError, match=rf"Stack prod has no output {output}(.|\n)*pulumi up --stack prod"):
        run_keeper(tmp_path, {PROD: outputs})


def test_a_keeper_of_a_stack_whose_state_is_lost_is_set_up_and_pulls_from_nowhere(tmp_path: Path) -> None:
    """Its machine is needed first: the copy is brought back to it."""
    run = run_keeper(tmp_path, {PROD: {}})
    assert run.one("keeper-bundle").inputs["stdin"] == pack(keeper_bundle("prod", "prod.invalid", "", {}, COPY))


def test_wrong_settings_end_the_program_before_anything_is_written(tmp_path: Path) -> None:
    config, encrypted = configuration()
    config["toybox:keeps"] = "staging"
    del config["toybox:pullKey"]
    with pytest.raises(pulumi.RunError) as refused:
        run_program("keeper", config, encrypted, tmp_path, others=OUTPUTS)
    assert "toybox:keeps" in str(refused.value)
    assert "toybox:pullKey" in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_no_secret_is_in_a_plain_input(run: Run, secrets: Secrets) -> None:
    check_plain_inputs(run, secrets)


def test_every_secret_reaches_what_needs_it(run: Run, secrets: Secrets) -> None:
    assert seen_anywhere(run, secrets) == set(canaries())


def test_the_secrets_step_says_nothing(run: Run) -> None:
    step = run.one("keeper-secrets")
    assert isinstance(step.inputs["stdin"], Secret)
    assert step.inputs["logging"] == "none"
    assert {"stdout", "stderr"} <= set(step.request.additionalSecretOutputs)
    packed = base64.b64decode(revealed(step.inputs["stdin"]))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        modes = {member.name: member.mode for member in archive.getmembers()}
    assert modes == dict.fromkeys(
        [
            "manifest.json",
            *("secrets/copy-credentials", "secrets/copy-password"),
            *("secrets/pgpass", "secrets/pull_key", "secrets/repository-password"),
        ],
        0o400,
    )


def test_another_secret_is_installed_and_tried(run: Run, tmp_path: Path) -> None:
    other = run_keeper(tmp_path, changes={"toybox:databasePassword": "canaryAnother" * 3})
    assert other.one("keeper-ready").inputs["triggers"] != run.one("keeper-ready").inputs["triggers"]
    assert other.one("keeper-bundle").inputs["stdin"] == run.one("keeper-bundle").inputs["stdin"]


STEPS = ("keeper-bundle", "keeper-secrets", "keeper-ready")


def tokens(run: Run) -> set[str]:
    return {run.one(name).inputs["triggers"][0] for name in STEPS}


def test_a_machine_as_it_was_left_changes_nothing(run: Run, tmp_path: Path) -> None:
    assert tokens(run) == {"left so"}
    assert [each.inputs["triggers"] for each in map(run_keeper(tmp_path).one, STEPS)] == [
        each.inputs["triggers"] for each in map(run.one, STEPS)
    ]


@pytest.mark.parametrize(
    "told",
    [
        AS_LEFT | {"differs": ["/etc/toybox-keeper/pgpass"]},
        {"applied": "", "differs": ["/usr/local/lib/toybox-keeper/manifest.json"]},
        ValueError("No route to host"),
    ],
    ids=["a file", "new", "silence"],
)
def test_a_machine_that_is_not_as_it_was_left_is_set_up_again(tmp_path: Path, told: Any) -> None:
    (token,) = tokens(run_keeper(tmp_path, told=told))
    assert token not in ("left so", "")


def test_the_token_is_noted_on_a_machine_that_was_found_ready(run: Run) -> None:
    hooks = run.one("keeper-ready").request.hooks
    assert list(hooks.after_create) == list(hooks.after_update) == ["keeper-condition-noted"]
    assert not run.one("keeper-bundle").request.hooks.after_create


def test_a_keeper_is_no_site_and_asks_no_cloud(run: Run) -> None:
    assert not [each for each in run.resources.values() if each.type.startswith(("openstack:", "docker:"))]
    assert not run.invokes
    assert (run.folder / ".toybox" / "keeper" / "ssh" / "config").exists(), "for operators' commands"
