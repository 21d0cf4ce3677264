"""`toybox init --stack keeper` over the real Pulumi CLI: secrets, and the block for production, the same each time."""

from pathlib import Path

import pytest

from tests.command_line.test_toybox import Project, Run

SETTINGS = """\
# mine
config:
  toybox:environment: keeper
  toybox:machine: {address: 203.0.113.9}
  toybox:keeps: prod
  toybox:copy: {endpoint: 'https://s3.example', bucket: toybox-keeper, region: conoha}
"""
KEYS = "canaryaccess0123456789\ncanarysecret0123456789\n"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    project = Project(tmp_path_factory.mktemp("keeper"))
    file = project.settings_file("keeper")
    file.write_text(SETTINGS)
    done = project.toybox("init", "--stack", "keeper", stdin=KEYS)
    assert done.returncode == 0, done.stderr
    return Run(project, file, done.stdout + done.stderr)


def block(output: str) -> str:
    return output[output.index("  toybox:keeper:") :].split("\n\n")[0]


def test_its_secrets_are_made_the_keys_of_its_copy_asked_for_and_all_stored_encrypted(first: Run) -> None:
    assert set(first.secrets) == {
        f"toybox:{name}"
        for name in (
            *("sshPrivateKey", "pullKey", "databasePassword", "repositoryPassword"),
            *("copyAccessKey", "copySecretKey", "copyPassword"),
        )
    }
    assert first.secrets["toybox:copySecretKey"] == "canarysecret0123456789"
    assert first.settings_file.read_text().startswith("# mine\n")
    assert "Stored encrypted" in first.output


def test_nothing_that_it_prints_is_secret(first: Run) -> None:
    for name, secret in first.secrets.items():
        lines = [line for line in secret.splitlines() if line and not line.startswith("-----")]
        assert not [line for line in lines if line in first.output], name


def test_it_prints_what_production_and_the_machine_need(first: Run) -> None:
    assert "For Pulumi.prod.yaml" in first.output
    assert "    address: 203.0.113.9\n    sshKey: ssh-ed25519 AAAA" in block(first.output)
    assert "    databaseVerifier: SCRAM-SHA-256$4096:" in block(first.output)
    assert "For /root/.ssh/authorized_keys on the keeper:\n\n  ssh-ed25519 AAAA" in first.output


def test_the_second_run_prints_the_same_and_changes_nothing(first: Run) -> None:
    before = first.settings_file.read_text()
    again = first.project.toybox("init", "--stack", "keeper")
    assert again.returncode == 0, again.stderr
    assert block(again.stdout) == block(first.output)
    assert "Nothing to do: stack keeper has all its secrets." in again.stdout
    assert first.settings_file.read_text() == before


def test_a_command_for_sites_refuses_a_keeper(first: Run) -> None:
    done = first.project.toybox("status", "--stack", "keeper")
    assert done.returncode == 1
    assert "Stack keeper is a keeper" in done.stderr
    assert Path(first.settings_file).exists()
