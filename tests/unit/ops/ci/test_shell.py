"""A job gets an operator's shell, and its secrets as files that nobody else reads."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops import OpsError
from ops.ci import commands, shell
from ops.state import keys

SECRETS = {
    "TOYBOX_PASSPHRASE": "canary-passphrase",
    "TOYBOX_STATE_ACCESS_KEY": "AKCANARY",
    "TOYBOX_STATE_SECRET_KEY": "canary-secret",
}
CHECKOUT = Path(__file__).resolve().parents[4]


def test_secrets_become_private_files_and_later_steps_are_told_where_they_are(tmp_path: Path) -> None:
    variables, path = tmp_path / "env", tmp_path / "path"
    variables.write_text("BEFORE=1\n")
    environment = {
        **SECRETS,
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ENV": str(variables),
        "GITHUB_PATH": str(path),
        "PULUMI_BACKEND_URL": "",
    }
    for _ in range(2):
        done = CliRunner().invoke(commands.app, ["prepare"], env=environment, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    told = dict(line.split("=", 1) for line in variables.read_text().splitlines())
    passphrase, credentials = Path(told["PULUMI_CONFIG_PASSPHRASE_FILE"]), Path(told[keys.VARIABLE])
    assert passphrase.read_text() == "canary-passphrase\n"
    assert keys.stored(credentials, "toybox") == keys.Keys("AKCANARY", "canary-secret")
    for file in (passphrase, credentials):
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
    for secret in SECRETS.values():
        assert secret not in done.output + variables.read_text() + path.read_text()
    assert told["BEFORE"] == "1"
    first_last = path.read_text().splitlines()[-3:]
    assert first_last == [str(CHECKOUT / each) for each in (".toolchain/bin", ".venv/bin", "bin")]


def test_all_missing_secrets_are_named_at_once() -> None:
    """GitHub passes an empty text for a secret that does not exist."""
    given = SECRETS | {"TOYBOX_PASSPHRASE": "", "TOYBOX_STATE_SECRET_KEY": " \n"}
    with pytest.raises(OpsError) as caught:
        shell.prepared(given, Path("/job"), CHECKOUT, "toybox", built=False)
    assert "Secrets are missing: TOYBOX_PASSPHRASE, TOYBOX_STATE_SECRET_KEY." in str(caught.value)
    assert "canary" not in str(caught.value)


def test_where_the_state_is_in_a_folder_no_keys_are_needed() -> None:
    made = shell.prepared({"TOYBOX_PASSPHRASE": "x"}, Path("/job"), CHECKOUT, None, built=True)
    assert keys.VARIABLE not in made.variables
    assert list(made.files) == [Path("/job/passphrase")]
    assert made.variables["PULUMI_HOME"] == str(CHECKOUT / ".toolchain" / "home")


def test_an_official_pulumi_keeps_its_own_home() -> None:
    assert "PULUMI_HOME" not in shell.prepared(SECRETS, Path("/job"), CHECKOUT, "toybox", built=False).variables


def test_outside_of_ci_it_says_so() -> None:
    with pytest.raises(OpsError, match="This is no CI job"):
        CliRunner().invoke(commands.app, ["prepare"], env=SECRETS | {"GITHUB_ENV": ""}, catch_exceptions=False)
