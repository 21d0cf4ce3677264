"""What the keeper's machine gets: checked by the programs that read it, as far as they are here."""

import configparser
import json
import re
import stat
import subprocess
from pathlib import Path

import pytest

from components.django.specs import DRILL, boot_facts, environment, web_spec
from components.host.bundle import BundleFile
from components.keeper import bundle, render_unreachable, units
from components.keeper.bundle import FILES, LIBRARY, keeper_bundle
from inventory.volumes import VOLUMES
from keeper import bucket, image_start, jobs, places, signature, status
from keeper.refusal import Refusal
from ops.init import ed25519_key
from settings import ssh_public_key
from settings.keeper import Copy, Secrets

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJkQ0Y7yQ9sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7a"
COPY = Copy(endpoint="https://s3.example", bucket="toybox-keeper", region="conoha")
IMAGE = f"registry.example:5000/toybox:1@sha256:{'4' * 64}"
WEB = boot_facts(IMAGE, environment("toybox.example", IMAGE, database_login="toybox_ab12", sends_mail=True))
FOUND = keeper_bundle("prod", "198.51.100.7", HOST_KEY, WEB, COPY)


def text(path: str) -> str:
    return FOUND[f"root{path}"].text


@pytest.mark.parametrize("script", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_scripts_parse_and_stop_at_the_first_error(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    assert script.read_text().startswith("#!/bin/bash\n")
    assert "\nset -euo pipefail\n" in script.read_text()


def test_the_whole_program_is_sent() -> None:
    """A module that is not sent would be missing on the keeper, in silence until it is needed."""
    modules = {file.name for file in (Path(places.__file__).parent).glob("*.py")}
    sent = {name.rsplit("/", 1)[1] for name in FOUND if name.startswith(f"root{LIBRARY}/keeper/")}
    assert sent == modules
    assert {"__main__.py", "jobs.py", "restore.py"} <= sent


def test_every_job_has_a_service_and_a_timer_and_every_unit_is_looked_after() -> None:
    assert {job.kind for job in units.jobs(with_copy=True)} == set(jobs.JOBS)
    assert {job.timer for job in units.JOBS} == set(status.TIMERS)
    assert (units.COPY.timer, units.DRILL_COPY.timer) == status.COPY_TIMERS
    assert set(status.UNITS) == {units.TUNNEL, units.WAL, units.WANTED, units.SIGN}
    enabled = re.search(r"^UNITS='(.*)'$", text(f"{LIBRARY}/parameters"), re.MULTILINE)
    assert enabled
    assert set(enabled[1].split()) == {*status.UNITS, *status.TIMERS, *status.COPY_TIMERS}


def test_a_keeper_without_a_copy_has_no_unit_and_no_place_for_it() -> None:
    without = keeper_bundle("prod", "198.51.100.7", HOST_KEY, WEB, None)
    assert not [name for name in without if "toybox-keeper-copy" in name or "drill-copy" in name]
    assert not [timer for timer in status.COPY_TIMERS if timer in without[f"root{LIBRARY}/parameters"].text]
    assert json.loads(without["root/etc/toybox-keeper/settings.json"].text)["copy"] is None


def test_a_copy_is_made_after_the_jobs_that_it_is_made_of() -> None:
    after = re.findall(r"^After=(.*)$", text(f"/etc/systemd/system/{units.COPY.service}"), re.MULTILINE)
    assert set(after[0].split()) == {f"toybox-keeper-{kind}.service" for kind in ("full", "files", "dump")}


def test_a_timer_is_made_up_for_and_jittered_and_a_job_bounded() -> None:
    for job in units.jobs(with_copy=True):
        timer, service = units.render_timer(job), units.render_job(job)
        assert "Persistent=yes" in timer
        assert int(re.findall(r"RandomizedDelaySec=(\d+)", timer)[0]) > 0
        assert int(re.findall(r"TimeoutStartSec=(\d+)", service)[0]) > 0
        assert "Nice=10" in service
        if job.kind in jobs.HEAVY:
            assert job.seconds > jobs.WAIT, "it would be ended while it waits for another one"


def test_what_writes_to_the_disk_does_not_start_without_it() -> None:
    for name, unit in units.render_all("prod", with_copy=True).items():
        if name.endswith(".service") and name not in (units.TUNNEL, units.SIGNER):
            assert f"RequiresMountsFor={places.DATA}\n" in unit, name


def test_everything_runs_as_barmans_user_but_the_signer() -> None:
    """The machine's host key is root's. The signer has no network, and writes to one folder."""
    for name, unit in units.render_all("prod", with_copy=True).items():
        if name == units.SIGNER:
            assert "User=" not in unit
            assert {"PrivateNetwork=yes", "ProtectSystem=strict", "ReadWritePaths=/run/toybox-keeper"} <= set(
                unit.splitlines()
            )
            assert "NoNewPrivileges=yes\n" in unit
        elif name.endswith(".service"):
            assert "User=barman\n" in unit, name
            assert "NoNewPrivileges=yes\n" in unit, name


def test_the_tunnel_comes_back_and_forwards_to_the_database_alone() -> None:
    tunnel = units.render_tunnel()
    assert "-L /run/toybox-keeper/.s.PGSQL.5432:10.213.77.2:5432 source\n" in tunnel
    assert "Restart=always" in tunnel
    assert "StartLimitIntervalSec=0" in tunnel
    assert "RestartSec=1\n" in units.render_wal("prod")


def test_barman_is_not_started_before_the_database_answers() -> None:
    """Started each second, it would take half a processor for as long as the kept server is away."""
    wal = units.render_wal("prod")
    assert wal.index("pg_isready") < wal.index("ExecStart=/usr/bin/barman")
    assert "TimeoutStartSec=infinity" in wal


def test_ssh_reads_its_configuration_as_it_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "ssh_config"
    file.write_text(text("/etc/toybox-keeper/ssh_config"))
    read = subprocess.run(["ssh", "-G", "-F", file, "source"], capture_output=True, text=True, check=True).stdout
    settings = dict(line.split(" ", 1) for line in read.splitlines() if " " in line)
    assert settings["hostname"] == "198.51.100.7"
    assert settings["user"] == "keeper"
    assert settings["stricthostkeychecking"] == "true"
    assert settings["exitonforwardfailure"] == settings["streamlocalbindunlink"] == "yes"
    assert settings["identityfile"] == "/etc/toybox-keeper/pull_key"
    assert settings["hostkeyalgorithms"] == "ssh-ed25519"
    assert text("/etc/toybox-keeper/known_hosts") == f"{settings['hostkeyalias']} {HOST_KEY}\n"


def test_barman_has_no_retention_of_its_own() -> None:
    """It would delete after a failed run, by a clock that may be wrong, and what a drill verified."""
    read = configparser.ConfigParser(interpolation=None)
    read.read_string(text("/etc/toybox-keeper/barman.conf"))
    assert not [key for section in read.values() for key in section if "retention" in key]
    prod = read["prod"]
    assert (prod["backup_method"], prod["streaming_archiver"], prod["slot_name"]) == ("postgres", "on", "keeper")
    assert "password=" not in prod["conninfo"]
    assert read["barman"]["barman_home"] == "/srv/toybox-keeper/barman"


def test_a_restore_takes_all_the_speed_that_there_is() -> None:
    """Barman's setting for a full backup holds for its restore as well, which then takes two minutes for 1 GB."""
    assert "bandwidth_limit" not in text("/etc/toybox-keeper/barman.conf")


def test_the_keeper_reads_the_settings_that_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(text("/etc/toybox-keeper/settings.json"))
    read = places.load(tmp_path)
    assert (read.source, read.major, read.database) == ("prod", 15, "toybox")
    assert set(read.volumes) == {volume.name for volume in VOLUMES if volume.kept == "files"}
    assert dict(read.named_in) == {volume.name: volume.named_in for volume in VOLUMES if volume.named_in}
    assert read.copy == places.Storage("https://s3.example", "toybox-keeper", "conoha")


def test_a_drill_starts_the_web_process_that_production_declares(tmp_path: Path) -> None:
    (tmp_path / image_start.FILE).write_text(text(f"/etc/toybox-keeper/{image_start.FILE}"))
    read = image_start.load(tmp_path)
    spec = web_spec(read.environment, *DRILL)
    assert (read.image, read.command, read.health) == (IMAGE, spec.command, spec.health.command)
    assert read.start == spec.health.start
    assert read.volumes == {path: volume.name for path, (volume, _) in spec.volumes.items()}
    assert read.temporary == spec.temporary
    assert set(read.secrets) == set(spec.secrets)
    files = {value for name, value in read.environment.items() if name.endswith("_FILE")}
    assert files == set(read.secrets.values())
    assert {each for each in (*image_start.POSTGRES, *image_start.REDIS) if each not in read.environment} == set()


def test_a_keeper_of_a_stack_without_outputs_knows_no_image(tmp_path: Path) -> None:
    bundle_without = keeper_bundle("prod", "prod.invalid", "", {}, COPY)
    (tmp_path / image_start.FILE).write_text(bundle_without[f"root/etc/toybox-keeper/{image_start.FILE}"].text)
    with pytest.raises(Refusal, match=r"does not know TOYBOX's image(.|\n)*pulumi up --stack keeper"):
        image_start.load(tmp_path)


def test_no_package_of_the_keeper_starts_a_service_that_it_does_not_need() -> None:
    """redis-server and docker would listen at each boot."""
    assert not {"redis-server", "redis", "docker.io", "podman", "containerd"} & set(bundle.PACKAGES)


def test_the_manifest_names_every_file_of_the_machine() -> None:
    named = json.loads(text(bundle.MANIFEST))["files"]
    assert {f"root{path}" for path in named} | {f"root{bundle.MANIFEST}", "apply"} == set(FOUND)


def test_no_file_of_the_bundle_can_be_changed_by_barmans_user() -> None:
    for name, file in FOUND.items():
        assert not file.mode & (stat.S_IWGRP | stat.S_IWOTH), name


def made_secrets() -> Secrets:
    return Secrets.model_validate(
        {
            "sshPrivateKey": ed25519_key(),
            "pullKey": ed25519_key(),
            "databasePassword": "d" * 40,
            "repositoryPassword": "r" * 40,
            "copyAccessKey": "a" * 32,
            "copySecretKey": "s" * 32,
            "copyPassword": "p" * 40,
        }
    )


def test_the_key_to_the_machine_itself_does_not_lie_on_it() -> None:
    secrets = made_secrets()
    sent = "".join(file.text for file in bundle.secrets_bundle(secrets).values())
    body = secrets.ssh_private_key.get_secret_value().splitlines()[2]
    assert body not in sent
    assert secrets.pull_key.get_secret_value() in sent


def test_libpq_reads_the_password_whatever_the_database() -> None:
    assert bundle.secret_files(made_secrets())["pgpass"] == f"*:*:*:keeper:{'d' * 40}\n"


def test_restic_and_the_keeper_read_the_same_keys(tmp_path: Path) -> None:
    file = tmp_path / bucket.CREDENTIALS
    file.write_text(bundle.secret_files(made_secrets())[bucket.CREDENTIALS])
    assert bucket.keys(file) == ("a" * 32, "s" * 32)


def test_an_unreachable_keeper_is_explained() -> None:
    said = render_unreachable("203.0.113.9", "after 11 failed attempts: dial tcp 203.0.113.9:22: i/o timeout\n")
    assert "dial tcp 203.0.113.9:22: i/o timeout" in said
    assert "toybox init --stack keeper" in said
    assert isinstance(FOUND["apply"], BundleFile)


def test_the_first_drill_does_not_wait_for_its_weekday() -> None:
    """A new keeper would be red for want of one until the next Sunday."""
    (drill,) = [job for job in units.JOBS if job.kind == "drill"]
    assert f"OnActiveSec={6 * 3600}\n" in units.render_timer(drill)
    assert 6 * 3600 + drill.jitter < status.FIRST_DRILL
    assert "OnActiveSec" not in units.render_timer(units.JOBS[0])


def test_the_signer_signs_what_a_drill_asks_for_and_leaves_no_request(tmp_path: Path) -> None:
    """Its own lines, without a change of user. A request that stays would start it again."""
    key = tmp_path / "host_key"
    key.write_text(ed25519_key())
    key.chmod(0o600)
    script = (FILES / "sign").read_text()
    parameters = tmp_path / "parameters"
    parameters.write_text(text(f"{LIBRARY}/parameters"))
    for was, becomes in (
        ("/usr/local/lib/toybox-keeper/parameters", str(parameters)),
        ("/etc/ssh/ssh_host_ed25519_key", str(key)),
        ('setpriv --reuid="$KEEPER_USER" --regid="$KEEPER_USER" --init-groups "$@"', '"$@"'),
    ):
        assert was in script
        script = script.replace(was, becomes)
    request = tmp_path / "to-sign"
    parameters.write_text(parameters.read_text().replace(f"{places.RUN}/{signature.REQUEST}", str(request)))
    request.write_text("text")
    subprocess.run(["bash", "-c", script], check=True, capture_output=True)
    assert not request.exists()
    signed = request.with_name("to-sign.sig").read_text()
    assert signature.is_signed("text", signed, ssh_public_key(key.read_text()))
    request.write_text("text")
    key.unlink()
    assert subprocess.run(["bash", "-c", script], check=False, capture_output=True).returncode
    assert not request.exists()
