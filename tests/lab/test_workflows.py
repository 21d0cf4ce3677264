"""The workflows' own steps against the lab: production's state in a bucket, its cloud, its server.

moto's S3 server stands in for ConoHa's object storage, and a dictionary for the action that comments; the runner is
tests/lab/runner.py. The rest is real: the toolchain, Pulumi, the cloud's services, TOYBOX.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from lab.conoha_rules.nights import pass_nights
from lab.credentials import credentials, stock
from ops.state import keys
from ops.state.keys import Keys
from tests.lab.runner import Conditions, Job
from tests.lab.toybox import Toybox, cloud, stock_cloud
from tests.state.s3_server import S3Server, s3_server

Run = Callable[..., Job]
"""Runs the job of a workflow, with other values for some expressions."""

CONDITIONS: Conditions = {
    "${{ !inputs.without-restore-point }}": lambda values: True,
    "always() && steps.guard.outcome != 'cancelled'": lambda values: values["steps.guard.outcome"] != "cancelled",
    "always() && steps.text.outcome == 'success'": lambda values: values["steps.text.outcome"] == "success",
    "always() && steps.preview.outcome != 'skipped'": lambda values: values["steps.preview.outcome"] != "skipped",
    "always() && steps.update.outcome != 'skipped'": lambda values: values["steps.update.outcome"] != "skipped",
}

COMMIT = "c0ffee" + "0" * 34
GITHUB = {
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "toybox/infrastructure",
    "GITHUB_RUN_ID": "42",
    "GITHUB_SHA": "badc0ffee" + "0" * 31,  # the merge that GitHub tries
}
"""What each job finds in its environment."""

Comments = dict[str, str]
"""The comments of a pull request, by the header that the action finds them by."""


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """It takes the keys that the lab's Keystone makes, and cannot check them: tests/state has one that does."""
    with s3_server(tmp_path_factory.mktemp("s3"), checks_keys=False) as server:
        yield server


@pytest.fixture(scope="module")
def its_keys(prod: Toybox, s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    """Production's state in the bucket that Pulumi.yaml names, moved there as docs/ci.md says; the bucket's keys.

    `toybox init` makes the bucket, with keys that it gets for the API user's password. Nothing is deployed for all
    that, and at the end the state moves back, with whatever the jobs changed in it.
    """
    folder = tmp_path_factory.mktemp("move")
    file, credentials_file = folder / "state.json", folder / "credentials"
    password = credentials()["projects"][prod.workspace.project]["password"]
    project = yaml.safe_load((prod.workspace.program / "Pulumi.yaml").read_text())
    project["backend"]["url"] = s3.backend("toybox-state")
    bucket = f"unset PULUMI_BACKEND_URL; export {keys.VARIABLE}={credentials_file}"
    there = f"pulumi stack export --file {file}; {bucket}; toybox init --stack prod; pulumi stack import --file {file}"
    back = f"({bucket}; pulumi stack export --file {file}); pulumi stack import --file {file}"
    with prod.changed_file("Pulumi.yaml", yaml.safe_dump(project, sort_keys=False)):
        run(prod, there, f"{password}\n")
        made = keys.stored(credentials_file, "toybox")
        assert made, "toybox init got the keys"
        yield made
        run(prod, back)


def run(toybox: Toybox, script: str, stdin: str = "") -> None:
    """Commands in an operator's shell."""
    shell = toybox.shell()
    code, said = shell.run(f"set -e; {script}; set +e", stdin)
    shell.close()
    assert code == 0, said


@pytest.fixture
def comments() -> Comments:
    return {}


@pytest.fixture
def job(prod: Toybox, its_keys: Keys, comments: Comments, tmp_path: Path) -> Run:
    """Runs a workflow's job for prod. Its runner knows nothing of the lab but the settings file, which stands for the
    committed one."""
    program = prod.workspace.program
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "AWS_", "GITHUB_", "TOYBOX_"))}
    lab = {"PULUMI_OPTION_CONFIG_FILE": str(prod.workspace.settings_file("prod"))}
    values = {
        "matrix.stack": "prod",
        "secrets.TOYBOX_PASSPHRASE": passphrase(prod),
        "secrets.TOYBOX_STATE_ACCESS_KEY": its_keys.access,
        "secrets.TOYBOX_STATE_SECRET_KEY": its_keys.secret,
        "github.event.pull_request.head.sha": COMMIT,
    }
    count = iter(range(100))

    def comment(given: Mapping[str, str]) -> None:
        comments[given["header"]] = Path(given["path"]).read_text()

    def run_job(workflow: str, **other: str) -> Job:
        return Job(
            file=program / ".github" / "workflows" / f"{workflow}.yml",
            name=workflow,
            folder=program,
            temporary=tmp_path / f"runner-{next(count)}",
            environment=bare | lab | GITHUB,
            values=values | other,
            conditions=CONDITIONS,
            actions={"marocchino/sticky-pull-request-comment": comment},
        ).run()

    return run_job


def passphrase(toybox: Toybox) -> str:
    return Path(toybox.environment["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text().strip()


def test_a_pull_request_is_told_what_it_would_do_in_one_comment(job: Run, prod: Toybox, comments: Comments) -> None:
    harmless = job("preview")
    assert set(harmless.outcomes.values()) == {"success"}, harmless.log
    assert "### Preview of `prod`: the guard lets it pass" in comments["preview of prod"]

    with prod.changed_settings(operators=["198.51.100.1/32", "198.51.100.7/32"]):
        dangerous = job("preview")
    assert dangerous.outcomes["Preview and guard"] == "failure", dangerous.log
    assert dangerous.outcomes["Comment"] == "success", dangerous.log
    (only,) = comments.values()
    assert "### Preview of `prod`: **stopped**" in only
    assert "port 22 (tcp) for 198.51.100.7/32" in only
    assert f"Commit {COMMIT[:12]}, [log](https://github.example/toybox/infrastructure/actions/runs/42)" in only


def test_a_preview_that_breaks_is_told_as_such(job: Run, prod: Toybox, comments: Comments) -> None:
    with prod.changed_settings(server__flavor="g2l-t-nonsense"):
        broken = job("preview")
    assert broken.outcomes["Preview and guard"] == "failure", broken.log
    assert "**stopped**" in comments["preview of prod"]


def test_a_deployment_keeps_the_data_and_a_copy_of_the_state(job: Run, prod: Toybox, s3: S3Server) -> None:
    before = prod.fingerprint()
    deployed = job("deploy")
    assert set(deployed.outcomes.values()) == {"success"}, deployed.log
    exported = {"Bucket": "toybox-state", "Key": "exports/prod.json"}
    kept = json.loads(s3.client().get_object(**exported)["Body"].read())
    assert any(each["urn"].endswith("::data-volume") for each in kept["deployment"]["resources"])
    assert prod.fingerprint() == before


def test_a_deployment_whose_data_has_no_restore_point_changes_nothing(job: Run, prod: Toybox) -> None:
    """Here because the data volume is not there under its name, as after a slip in the control panel. (An adopted one,
    which another test may have left, is known by its id.)"""
    volumes, data = stock_cloud().block_storage, prod.outputs()["dataVolumeId"]
    volumes.update_volume(data, name="somebody-renamed-it")
    try:
        with prod.changed_settings(dataVolume__origin={"source": "blank"}):
            refused = job("deploy")
    finally:
        volumes.update_volume(data, name="toybox-prod-data")
    assert refused.outcomes == {
        "Toolchain": "success",
        "Secrets": "success",
        "A fresh restore point is there": "failure",
        "Guard": "skipped",
        "Update": "skipped",
        "Keep a copy of the state": "skipped",
        "Hand it to the keeper": "skipped",
    }, refused.log


def test_a_night_without_changes_is_no_drift_and_its_restore_points_are_in_order(
    job: Run, prod: Toybox, its_keys: Keys
) -> None:
    if not stock(credentials()):
        pass_nights(prod.workspace.project, 1)
    for workflow in ("restore-points", "drift"):
        night = job(workflow)
        assert set(night.outcomes.values()) == {"success"}, night.log
        for secret in (passphrase(prod), its_keys.secret):
            assert secret not in night.log


def test_a_missing_secret_ends_a_job_before_anything_is_asked(job: Run) -> None:
    ended = job("drift", **{"secrets.TOYBOX_STATE_SECRET_KEY": ""})
    assert ended.outcomes == {
        "Toolchain": "success",
        "Secrets": "failure",
        "Nothing differs": "skipped",
        "Nothing is wrong": "skipped",
    }, ended.log
    assert "Secrets are missing: TOYBOX_STATE_SECRET_KEY." in ended.log


def test_the_cloud_makes_the_buckets_keys_once_for_all_operators(its_keys: Keys) -> None:
    """`toybox init` gets the same keys on every operator's machine."""
    assert re.fullmatch(r"[0-9a-f]{32}", its_keys.access)
    assert keys.of_the_account(cloud()) == its_keys
