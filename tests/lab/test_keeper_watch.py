"""Who watches the keeper: production's status, from the server's side too, and the hourly workflow's own steps."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.keeper import Keeper
from tests.lab.runner import Job
from tests.lab.toybox import Toybox
from tests.procedure import Procedures


def red(prod: Toybox) -> set[str]:
    """The names of the red lines of production's status."""
    shell = prod.shell()
    code, printed = shell.run("toybox status --json")
    shell.close()
    checks = json.loads(printed)["checks"]
    found = {check["name"] for check in checks if check["verdict"] == "bad"}
    assert code == bool(found), printed
    assert {"keeper", "replication"} <= {check["name"] for check in checks}
    return {name for name in found if name.startswith(("keeper", "replication"))}


@pytest.fixture
def hourly(keeper: Keeper, tmp_path: Path) -> Callable[[], Job]:
    """Runs the job of keeper.yml. Its runner knows nothing of the lab but the settings file, which stands for the
    committed one, and where the state is."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "AWS_", "GITHUB_", "TOYBOX_"))}
    lab = {
        "PULUMI_OPTION_CONFIG_FILE": str(keeper.workspace.settings_file(keeper.stack)),
        "PULUMI_BACKEND_URL": keeper.environment["PULUMI_BACKEND_URL"],
    }
    passphrase = Path(keeper.environment["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text().strip()
    keys = {f"secrets.TOYBOX_STATE_{which}_KEY": "unused0123456789" for which in ("ACCESS", "SECRET")}
    count = iter(range(10))

    def run() -> Job:
        return Job(
            file=keeper.workspace.program / ".github" / "workflows" / "keeper.yml",
            name="keeper",
            folder=keeper.workspace.program,
            temporary=tmp_path / f"runner-{next(count)}",
            environment=bare | lab,
            values={"secrets.TOYBOX_PASSPHRASE": passphrase, **keys},
        ).run()

    return run


def test_a_keeper_that_is_well_is_green_in_a_fresh_checkout(
    keeper: Keeper, prod: Toybox, hourly: Callable[[], Job]
) -> None:
    """Nothing but the settings tells a job how to reach it."""
    keeper.backed_up("mark", "full", "files", "dump", "copy")
    config = keeper.workspace.program / ".toybox" / "keeper"
    config.rename(config.with_name("keeper.before"))
    try:
        job = hourly()
        assert set(job.outcomes.values()) == {"success"}, job.log
        assert (config / "ssh" / "identity").stat().st_mode & 0o077 == 0
    finally:
        for file in sorted((config / "ssh").glob("*")):
            file.unlink()
        (config / "ssh").rmdir()
        config.rmdir()
        config.with_name("keeper.before").rename(config)
    assert red(prod) == set()


def test_a_receiver_that_stands_still_is_seen_from_the_servers_side(keeper: Keeper, prod: Toybox) -> None:
    keeper.ssh("systemctl stop toybox-keeper-wal")
    try:
        assert {"replication", "keeper units"} <= red(prod)
    finally:
        keeper.ssh("systemctl start toybox-keeper-wal && toybox-keeper ready")


def test_a_keeper_that_does_not_answer_is_red(keeper: Keeper, prod: Toybox, hourly: Callable[[], Job]) -> None:
    forget = ["ssh", "-F", ".toybox/keeper/ssh/config", "-O", "exit", keeper.machine.address]
    subprocess.run(forget, cwd=keeper.workspace.program, capture_output=True, check=False)  # the shared connection
    keeper.machine.freeze()
    try:
        job = hourly()
        assert job.outcomes["What it holds is fresh and whole"] == "failure", job.log
        assert "does not answer" in job.log
        assert "keeper" in red(prod)
    finally:
        keeper.machine.start()


@pytest.mark.documented("docs/keeper.md#the-state-and-the-settings-files")
def test_the_state_and_the_settings_lie_with_the_keeper_and_open_nothing(
    keeper: Keeper, prod: Toybox, procedure: Procedures
) -> None:
    steps = procedure(prod.shell())
    name = steps.run("toybox state keep").rpartition(": ")[2].split()[0].rstrip(",")
    kept = json.loads(keeper.ssh(f"cat /srv/toybox-keeper/states/{name}"))
    assert {each["urn"].rpartition("::")[2] for each in kept["state"]["deployment"]["resources"]} >= {"data-volume"}
    assert {"Pulumi.yaml", "Pulumi.prod.yaml", "Pulumi.keeper.yaml"} <= kept["settings"].keys()
    passphrase = Path(prod.environment["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text().strip()
    text = json.dumps(kept)
    password = prod.pulumi("config", "get", "toybox:postgresPassword").stdout.strip()
    assert len(password) == 40
    assert passphrase not in text
    assert password not in text
