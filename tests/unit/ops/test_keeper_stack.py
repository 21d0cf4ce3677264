"""`toybox init` of a keeper: the secrets, and a block for production in which nothing is secret and nothing changes."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from ops import OpsError, cloud, host_key, keeper_stack, scram
from ops.init import COPY_KEYS, KEEPER_MAKERS, Stored, complete, ed25519_key, missing
from ops.pulumi_cli import PulumiStack
from settings import keeper as keeper_settings
from settings import keeper_rules, ssh_public_key
from settings.problems import SettingsError
from tests.unit.ops.test_init import FakeStack, nobody, silently

ALONE = {"toybox:environment": Stored("keeper", encrypted=False)}
KEEPER = {**ALONE, "toybox:copy": Stored("{}", encrypted=False)}
COPY = {"endpoint": "https://s3.example", "bucket": "toybox-keeper", "region": "conoha"}
EVERY_SECRET = [key for (key,) in keeper_settings.SECRETS]


def key_of(name: str) -> str:
    """What an operator types."""
    return f"{name}0123456789"


def test_everything_is_made_but_the_keys_of_the_copy_which_are_asked_for() -> None:
    stack = FakeStack(KEEPER)
    assert list(complete(stack, nobody, silently, key_of)) == EVERY_SECRET
    assert {*KEEPER_MAKERS, *COPY_KEYS} == set(EVERY_SECRET)
    assert stack.secrets["toybox:copySecretKey"] == "copySecretKey0123456789"
    assert complete(stack, nobody, silently) == ()


def test_a_keeper_without_a_copy_is_asked_for_nothing() -> None:
    stack = FakeStack(ALONE)
    assert set(complete(stack, nobody, silently)) == set(EVERY_SECRET) - set(keeper_rules.OF_THE_COPY)


@pytest.mark.parametrize("answer", ["", "short", "with a blank in it", "ends with a quote'"])
def test_an_answer_that_cannot_be_a_key_is_refused_and_nothing_is_stored(answer: str) -> None:
    stack = FakeStack(KEEPER)
    with pytest.raises(SettingsError) as caught:
        complete(stack, nobody, silently, lambda _: answer)
    assert not stack.secrets
    assert not answer or answer not in str(caught.value)


def test_a_keeper_gets_no_secret_of_a_site_and_a_site_none_of_a_keepers() -> None:
    assert missing(KEEPER) == tuple(EVERY_SECRET)
    assert not {"pullKey", "databasePassword", "repositoryPassword"} & set(missing({}))


def test_what_is_made_passes_the_checks_of_the_settings() -> None:
    stack = FakeStack(KEEPER)
    complete(stack, nobody, silently, key_of)
    made = {key.removeprefix("toybox:"): value for key, value in stack.secrets.items()}
    machine = {"address": "203.0.113.9", "hostKey": ssh_public_key(ed25519_key())}
    given = {"environment": "keeper", "machine": machine, "keeps": "prod", "copy": COPY, **made}
    keeper_settings.parse("keeper", given, set(made), {"prod": {"environment": "production"}})


def test_the_verifier_is_postgresqls() -> None:
    """The example of RFC 7677, section 3: password pencil; its server's signature follows from ServerKey."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    form, keys = scram.verifier("pencil", salt).split("$", 2)[0], scram.verifier("pencil", salt).split("$", 2)[2]
    stored, server = (base64.b64decode(part) for part in keys.split(":"))
    assert form == "SCRAM-SHA-256"
    without_proof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    message = (
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096," + without_proof
    ).encode()
    assert base64.b64encode(hmac.digest(server, message, "sha256")) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client_key = bytes(a ^ b for a, b in zip(proof, hmac.digest(stored, message, "sha256"), strict=True))
    assert hashlib.sha256(client_key).digest() == stored


def test_the_same_password_has_the_same_verifier_and_another_another() -> None:
    """A second print differs in nothing: production's settings need no edit."""
    one, other = (
        scram.verifier(password, scram.salt_of(password)) for password in ("canaryDatabase1", "canaryDatabase2")
    )
    assert one == scram.verifier("canaryDatabase1", scram.salt_of("canaryDatabase1"))
    assert one.split("$")[1] != other.split("$")[1], "the salts"
    assert one.startswith("SCRAM-SHA-256$4096:")


def test_the_block_has_no_secret_in_it() -> None:
    key, password = ed25519_key(), "canaryDatabase" * 3
    block = keeper_stack.for_the_kept_stack(address="203.0.113.9", pull_key=key, database_password=password)
    assert "canary" not in block
    assert not [line for line in key.splitlines()[1:-1] if line in block]
    address, public, verifier = (line.split(": ", 1)[1] for line in block.splitlines()[1:])
    assert (address, public) == ("203.0.113.9", ssh_public_key(key))
    assert verifier == scram.verifier(password, scram.salt_of(password))


def stack_of(folder: Path, text: str) -> PulumiStack:
    made = PulumiStack("keeper", folder)
    made.settings_file = folder / "Pulumi.keeper.yaml"
    made.settings_file.write_text(text)
    return made


def test_a_keeper_is_known_by_its_file_alone(tmp_path: Path) -> None:
    """Before its state is there: a site's init makes the bucket of the state first."""
    assert keeper_stack.is_keeper(stack_of(tmp_path, "config:\n  toybox:environment: keeper\n"))
    assert not keeper_stack.is_keeper(stack_of(tmp_path, "config:\n  toybox:environment: production\n"))
    assert not keeper_stack.is_keeper(stack_of(tmp_path, ""))
    with pytest.raises(OpsError, match="cannot be read"):
        keeper_stack.is_keeper(stack_of(tmp_path, "config: ["))


def test_a_command_for_sites_says_that_a_keeper_is_none(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="Stack keeper is a keeper"):
        cloud.declared(stack_of(tmp_path, "config:\n  toybox:environment: keeper\n  toybox:keeps: prod\n"))


def test_a_keepers_machine_gets_no_host_key_of_a_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command would put it on the machine, and then find no server in the state to note it in."""
    monkeypatch.setattr(host_key, "opened", lambda _: stack_of(tmp_path, "config:\n  toybox:environment: keeper\n"))
    monkeypatch.setattr(host_key, "rotate", lambda _: pytest.fail("the machine was touched"))
    with pytest.raises(OpsError, match=r"Stack keeper is a keeper .*toybox:machine\.hostKey"):
        host_key.command("keeper")
