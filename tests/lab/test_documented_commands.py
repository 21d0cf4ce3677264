"""What the docs print, run as it is printed: each test makes the trouble, runs the section's commands, and looks.

Other files run more of the docs' sections, where they make the fault anyway; `documented` in tests/documentation.py
finds them all, and tests/unit/test_documentation.py what is missing.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.postgres import login_role
from host.look import LIBRARY
from host.ssh_files import render_ssh_config
from lab import deploy
from lab.credentials import credentials
from lab.paths import CACHE
from lab.stack import PEOPLE, Workspace, environment, pulumi, write_settings
from tests.documentation import section
from tests.lab.test_security_groups import answers, becomes
from tests.lab.test_site import PASSWORD, picture, submit
from tests.lab.test_staging_refresh import sql
from tests.lab.test_update import broken_image
from tests.lab.toybox import PROJECT, Toybox, copy_of_the_program
from tests.procedure import Procedures, Shell

RUNBOOK_SETUP = section("docs/runbook.md#runbook").commands


def account_password() -> str:
    """The password of the tests' user in the cloud, as typed at a question."""
    return str(credentials()["projects"][PROJECT]["password"]) + "\n"


def values_in(shell: Shell, *names: str) -> list[str]:
    """What a shell's environment variables hold."""
    return [shell.run(f'printf %s "${name}"')[1] for name in names]


# setting up a shell


@pytest.mark.documented("docs/runbook.md#runbook")
def test_the_runbooks_first_lines_give_a_shell_for_one_stack(prod: Toybox, procedure: Procedures) -> None:
    """On the lab and on a real account. The lab's line leads to people's own TOYBOX, so nothing else is run there."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI")}
    on_the_lab = Shell(prod.workspace.program, bare)
    steps = procedure(on_the_lab)
    steps.run("eval")
    expected = environment(Workspace(prod.workspace.program, PEOPLE.folder, PEOPLE.project), "prod")
    assert values_in(on_the_lab, *expected) == list(expected.values())
    assert on_the_lab.run("command -v pulumi toybox")[0] == 0
    on_the_lab.close()

    steps.shell = on_an_account = Shell(prod.workspace.program, bare | {"HOME": "/home/operator"})
    for begins in ("export PATH", "if", "export PULUMI_BACKEND_URL", "export PULUMI_CONFIG", "export PULUMI_STACK"):
        steps.run(begins)
    assert values_in(on_an_account, "PULUMI_BACKEND_URL", "PULUMI_STACK") == [
        "file:///home/operator/toybox-state",
        "prod",
    ]
    assert on_an_account.run("pulumi version && toybox --help")[0] == 0
    on_an_account.close()

    steps.shell = prod.shell()
    steps.run("on_server()")
    assert steps.shell.run("on_server hostname") == (0, "toybox-prod\n")


def test_the_runbook_sets_a_shell_up_as_getting_started_does() -> None:
    """At three in the morning nobody wants to turn pages; so the lines stand twice, and must not drift apart."""
    first = section("docs/guides/getting-started.md#on-a-real-conoha-account").commands
    ours = [command for command in RUNBOOK_SETUP if command.startswith(("export PATH", "if", "export PULUMI"))]
    assert set(ours) - {"export PULUMI_STACK=prod"} <= set(first)
    assert [command for command in first if command.startswith("export")] == [
        command for command in ours if command.startswith("export") and "PULUMI_STACK" not in command
    ]


@pytest.mark.documented("README.md#two-commands")
def test_make_says_what_runs_and_what_it_can_do(prod: Toybox, procedure: Procedures) -> None:
    steps = procedure(Shell(prod.workspace.program, os.environ))
    status = steps.run("make status")
    for service in ("keystone", "nova", "cinder", prod.outputs()["address"]):
        assert service in status
    assert "make up" in steps.run("make help")


def test_what_make_up_prints_at_its_end_works_as_it_stands(prod: Toybox) -> None:
    site = prod.site()
    printed = deploy.next_steps(site, deploy.admin_password(prod.workspace, site))
    lines = {line[:17].strip(): line[18:].strip() for line in printed.splitlines()[2:]}
    shell = prod.shell()
    code, page = shell.run(lines["see it"])
    assert code == 0, page
    assert "<title>" in page
    code, said = shell.run(lines["fill it"])
    shell.close()
    assert (code, said.strip()) == (1, "CommandError: The site is seeded already."), "by the fixture"
    assert lines["its tests"] == "make test"
    assert lines["take it away"] == "make down"


@pytest.mark.documented("docs/guides/local-cloud.md#pulumi-on-the-local-cloud")
def test_pulumi_on_the_local_cloud(prod: Toybox, procedure: Procedures) -> None:
    """The first line is the runbook's, too, and leads to people's TOYBOX: the rest is run on the tests' own."""
    steps = procedure(Shell(prod.workspace.program, os.environ))
    steps.run("eval")
    steps.shell.close()
    steps.shell = prod.shell()
    assert "unchanged" in steps.run("pulumi preview")
    assert prod.outputs()["address"] in steps.run("pulumi stack output")
    assert "unchanged" in steps.run("pulumi up")


@pytest.fixture
def account(workspace: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """A fresh checkout and a home without anything in it, as on an operator's own machine. The settings are edited as
    step 3 of docs/guides/getting-started.md says: with the account, which here is the lab's."""
    folder = tmp_path / "checkout"
    copy_of_the_program(folder)
    for link in (".venv", ".toolchain"):
        (folder / link).unlink()
    edited = Workspace(program=folder, folder=folder, project=PROJECT)
    for stack in ("prod", "staging"):
        write_settings(edited, stack)
    (tmp_path / "home").mkdir()
    yield edited
    shutil.rmtree(tmp_path)


@pytest.mark.documented("docs/guides/getting-started.md#on-a-real-conoha-account")
def test_the_first_environment_as_getting_started_tells_it(
    account: Workspace, prod: Toybox, procedure: Procedures, tmp_path: Path
) -> None:
    """From a clone to a complete preview, in a state of its own. The update itself, which the fixture `prod` has made
    from nothing, and what follows on it are run on the tests' production."""
    here = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI")}
    ours = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(CACHE.parent), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    new = Shell(account.program, here | ours)
    steps = procedure(new)
    for begins in ("toolchain/install", "export PATH", "if", "mkdir", "(umask", "export", "export"):
        steps.run(begins)
    assert (tmp_path / "home" / ".config" / "toybox" / "passphrase").stat().st_mode & 0o777 == 0o600
    steps.run("toybox init --stack prod", stdin=account_password())
    assert account_password().strip() not in account.settings_file("prod").read_text()
    preview = steps.run("pulumi preview --stack prod")
    assert "toybox:server:Server" in preview
    assert "error" not in preview
    code, said = new.run("toybox init --stack staging", account_password())
    assert code == 0, said
    assert len(steps.run("pulumi config get toybox:accessPassword --stack staging").strip()) == 20
    new.close()

    steps.shell = prod.shell()
    assert "unchanged" in steps.run("pulumi up --stack prod")
    assert steps.run("pulumi stack output address").strip() == prod.outputs()["address"]
    name = f"chief{time.time_ns()}"
    said = steps.run_on_a_terminal("ssh -t", [
        ("Username", name), ("[Ee]-?mail", f"{name}@example.com"), ("Password:", PASSWORD), (r"\(again\)", PASSWORD),
    ])  # fmt: skip
    assert "Superuser created" in said


# the runbook's other sections


@pytest.mark.documented("docs/runbook.md#the-root-disk-is-full")
def test_images_that_no_container_uses_make_room(prod: Toybox, procedure: Procedures) -> None:
    images = prod.ssh("docker inspect --format '{{.Image}}' $(docker ps -aq)").split()
    procedure(prod.shell()).rest()
    assert set(images) <= set(prod.ssh("docker image ls --quiet --no-trunc").split()), "no container's, stopped or not"


@pytest.mark.documented("docs/runbook.md#ssh-does-not-answer")
def test_an_operators_new_address_is_let_in_without_ssh(prod: Toybox, procedure: Procedures) -> None:
    """This machine's address is struck off the list, and put back as the runbook says: the server stays what it is."""
    before = prod.outputs()
    with prod.changed_settings(operators=["198.51.100.77/32"]):
        prod.up("--target", "**::server-ingress-ssh-*")
    assert becomes(False, before["address"], 22)
    assert answers(before["address"], 443), "visitors notice nothing"
    procedure(prod.shell()).rest()
    assert becomes(True, before["address"], 22)
    assert prod.ssh("hostname") == "toybox-prod\n"
    assert prod.outputs() == before


@pytest.mark.documented("docs/runbook.md#the-data-disks-file-system-is-damaged")
def test_a_damaged_file_system_is_mended(prod: Toybox, procedure: Procedures) -> None:
    """The kernel gives a file system up at the first error (`abort`), as it did on 2026-01-22: from then on it is
    read-only, whoever uses it, and carries the error until it is checked."""
    before = prod.fingerprint()
    prod.ssh("sync")  # what was written in the last half minute may be lost, the page says; this site is older
    prod.ssh("mount -o remount,abort /srv/toybox")
    assert "Read-only file system" in prod.ssh("touch /srv/toybox/x 2>&1 || true")
    steps = procedure(prod.shell())
    assert "Abort forced by user" in (seen := steps.run())
    assert "ro," in seen.splitlines()[-1]
    steps.run("toybox restore-points list")
    steps.run("on_server 'docker stop")
    steps.run('on_server "e2fsck', ends=[0, 1])  # as the page says: it hangs on what was being written
    steps.rest()
    assert prod.fingerprint() == before
    assert prod.browser().get("/healthz").status_code == 200


@pytest.mark.documented("docs/runbook.md#the-data-disks-file-system-is-damaged")
def test_a_disk_that_lost_its_signature_is_not_formatted_and_is_mended(prod: Toybox, procedure: Procedures) -> None:
    """To `wipefs` and `blkid` it is blank: an update would have made a new file system on it, and lost the old one."""
    before = prod.fingerprint()
    disk = prod.data_disk()
    prod.ssh("docker stop --time 20 $(docker ps -q); systemctl stop docker.socket docker srv-toybox.mount")
    prod.ssh(f"wipefs --all {disk}")
    beginning = prod.ssh(f"head -c 256M {disk} | sha256sum")
    said = prod.failing_up("--replace", prod.urn("host-bundle"))
    assert "has no file-system signature but is not blank" in said
    assert "docs/runbook.md" in said
    assert prod.ssh(f"head -c 256M {disk} | sha256sum") == beginning
    steps = procedure(prod.shell())
    steps.run(ends=[1])  # it is not mounted, says findmnt
    steps.run("toybox restore-points list")
    steps.run("on_server 'docker stop")
    steps.run('on_server "e2fsck', ends=[1])
    steps.rest()
    assert prod.fingerprint() == before


@pytest.mark.documented("docs/runbook.md#the-data-disk-is-full")
def test_uploads_that_fill_the_data_disk_leave_the_database_its_reserve(prod: Toybox, procedure: Procedures) -> None:
    disk = prod.data_disk()
    web = "docker exec web sh -c"
    written = f"{web} 'head -c 1M /dev/zero >/srv/media/upload' 2>&1"
    available = "$(df --output=avail --block-size=1 /srv/toybox | tail -n 1)"
    prod.ssh(f'{web} "fallocate --length {available} /srv/media/filler; cat /dev/zero >/srv/media/rest || true"')
    try:
        user = prod.browser()
        name = f"late{time.time_ns()}"
        fields = {"username": name, "email": f"{name}@example.com", "password1": PASSWORD, "password2": PASSWORD}
        submit(user, "/accounts/signup/", fields)
        submit(user, "/accounts/login/", {"username": name, "password": PASSWORD})
        refused = submit(user, "/posts/new/", {"body": "x"}, files={"images": ("toy.png", picture(), "image/png")})
        assert refused.status_code == 500
        assert "No space left on device" in prod.ssh(written, check=False)
        assert (
            sql(prod, "SELECT count(*) FROM generate_series(1, 20000) WHERE length(repeat('x', 1000)) > 1") == "20000"
        )
        assert sql(prod, "SELECT repeat('x', 1000) INTO grown FROM generate_series(1, 20000)") == "SELECT 20000"
        assert submit(user, "/posts/new/", {"body": "a post"}).status_code == 200
        steps = procedure(prod.shell())
        assert "100% /srv/toybox" in steps.run()
        steps.rest()
        prod.ssh(written)
    finally:
        prod.ssh(f"rm -f /srv/toybox/media/filler /srv/toybox/media/rest /srv/toybox/media/upload; tune2fs -m 5 {disk}")
    sql(prod, "DROP TABLE grown")


SNAP = """\
#!/bin/sh
# A stand-in for snap(8), which cannot be had here: notes what it was told, and takes the programs away as snap does.
echo "$*" >>/run/snap-was-told
[ "$*" != "disable docker" ] || rm /snap/bin/docker
"""


@pytest.mark.documented("docs/runbook.md#a-second-docker-daemon-was-found")
def test_a_snap_docker_is_saved_and_put_aside(prod: Toybox, procedure: Procedures) -> None:
    """Its folders and a stand-in for `snap`; a second daemon that runs is in test_security.py."""
    volume = "/var/snap/docker/common/var-lib-docker/volumes/toybox_postgres/_data"
    prod.ssh(f"mkdir -p /snap/bin {volume}; touch /snap/bin/docker; echo rows >{volume}/table")
    prod.ssh("cat >/usr/local/bin/snap; chmod +x /usr/local/bin/snap", SNAP)
    try:
        assert "a snap Docker is installed" in prod.failing_up()
        steps = procedure(prod.shell())
        assert "/var/snap/docker" in steps.run()
        assert "toybox_postgres" in steps.run()
        steps.rest()
        assert prod.ssh("cat /run/snap-was-told") == "disable docker\n"
        assert "toybox_postgres/_data/table" in prod.ssh("tar -tf /var/backups/snap-docker-volumes.tar")
        assert prod.ssh(f"cat {volume.replace('/var/snap/docker', '/var/lib/snap-docker-saved')}/table") == "rows\n"
        assert prod.ssh("/usr/local/lib/toybox/ready").startswith("ready:")
    finally:
        prod.ssh("rm -rf /snap /var/snap /var/lib/snap-docker-saved /var/backups/snap-docker-volumes.tar")
        prod.ssh("rm -f /usr/local/bin/snap /run/snap-was-told")


@pytest.mark.documented("docs/runbook.md#the-data-disk-carries-a-foreign-file-system")
def test_a_disk_of_a_former_toybox_is_adopted_by_its_label(prod: Toybox, procedure: Procedures) -> None:
    before = prod.fingerprint()
    disk = prod.data_disk()
    prod.ssh(f"e2label {disk} former")
    said = prod.failing_up("--replace", prod.urn("host-bundle"))
    assert "host-bundle" in said
    label = f"prod:{prod.outputs()['dataVolumeId'][:5]}"
    assert f"labelled 'former', and should be '{label}'" in said
    steps = procedure(prod.shell())
    assert "former" in steps.run()
    steps.run("on_server", values={"<label>": label})
    steps.rest()
    assert prod.fingerprint() == before


@pytest.mark.documented("docs/runbook.md#the-state-is-locked")
def test_the_lock_of_an_update_that_was_killed_is_taken_away(prod: Toybox, procedure: Procedures) -> None:
    """Killed while it looks: before it does anything, so that there is nothing to mend but the lock."""
    locks = prod.workspace.folder / "state" / ".pulumi" / "locks"
    up = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--expect-no-changes")
    prod.killed(*up, seen=lambda: list(locks.rglob("*.json")), seconds=30)
    assert "the stack is currently locked" in prod.failing_up()
    procedure(prod.shell()).rest()
    prod.up("--expect-no-changes")


@pytest.mark.documented("docs/runbook.md#the-clouds-password-is-wrong")
def test_the_clouds_password_is_set_anew(prod: Toybox, procedure: Procedures) -> None:
    done = pulumi(prod.workspace, "prod", "config", "set", "--secret", "toybox:openstackPassword", "not-the-password")
    assert done.returncode == 0, done.stderr
    assert "uthentication" in prod.pulumi("preview").stdout
    steps = procedure(prod.shell())
    steps.run("pulumi config rm")
    steps.run("toybox init", stdin=account_password())
    assert "unchanged" in steps.run("pulumi preview")


@pytest.mark.documented("docs/runbook.md#a-password-of-the-site-leaked")
def test_passwords_that_leaked_are_replaced_everywhere(prod: Toybox, procedure: Procedures) -> None:
    names = ("postgresPassword", "redisPassword", "djangoSecretKey")

    def secrets() -> list[str]:
        return [prod.pulumi("config", "get", f"toybox:{name}").stdout.strip() for name in names]

    visitor, name = prod.browser(), f"visitor{time.time_ns()}"
    submit(visitor, "/accounts/signup/", {
        "username": name, "email": f"{name}@example.com", "password1": PASSWORD, "password2": PASSWORD,
    })  # fmt: skip
    assert name in visitor.get("/").text
    before, rows, old = prod.outputs(), prod.fingerprint()["tables"]["posts_post"], secrets()
    databases = prod.ssh("docker inspect --format '{{.State.StartedAt}}' postgres redis")
    steps = procedure(prod.shell())
    while not steps.left[0].startswith("pulumi up"):
        steps.run()
    assert not set(old) & set(secrets())
    with prod.changed_settings(images__django=broken_image()):
        prod.failing_up()
    prod.ssh(f"docker restart web && timeout 60 {LIBRARY}/await-healthy web 60")
    assert name in visitor.get("/").text, "the old site goes on, and starts again, while the release is mended"
    steps.rest()
    assert prod.browser().get("/healthz").status_code == 200, "database and Redis take the new passwords"
    assert prod.ssh("docker inspect --format '{{.State.StartedAt}}' postgres redis") == databases
    for user in (login_role(old[0]), "toybox"):
        knock = f"import psycopg; psycopg.connect(host='postgres', user='{user}', dbname='toybox', password=input())"
        said = prod.ssh(f'docker exec -i web python -c "{knock}" 2>&1 || true', old[0])
        assert "password authentication failed" in said
    assert "WRONGPASS" in prod.ssh("docker exec -i redis redis-cli", f"AUTH {old[1]}\n")
    assert name not in visitor.get("/").text, "a new key logs everybody out"
    assert prod.fingerprint()["tables"]["posts_post"] == rows
    after = prod.outputs()
    assert after.pop("web") != before.pop("web"), "a keeper's drill learns the new login"
    assert after == before


@pytest.mark.documented("docs/runbook.md#the-ssh-key-leaked")
def test_an_old_ssh_key_opens_nothing_after_its_rotation(prod: Toybox, procedure: Procedures, tmp_path: Path) -> None:
    """Wherever somebody wrote it: sshd reads the declared list alone. The server stays, and so does the site."""
    old, address = tmp_path / "old", prod.outputs()["address"]
    shutil.copy(prod.workspace.program / f".toybox/{prod.stack}/ssh/identity", old)
    # A configuration with the old key alone: to an IdentityFile of the command line, ssh adds the configuration's.
    folder, alone = f".toybox/{prod.stack}/ssh", tmp_path / "config"
    alone.write_text(render_ssh_config(folder, f"toybox-{prod.stack}").replace(f"{folder}/identity", str(old)))
    knock = f"ssh -F {alone} -S none {address} echo in"
    prod.ssh("cp /etc/ssh/toybox_authorized_keys /root/.ssh/authorized_keys")
    before, containers = prod.outputs(), prod.ssh("docker inspect --format '{{.Id}}' web postgres redis caddy")
    steps = procedure(prod.shell())
    steps.run("ssh-keygen")
    steps.run("pulumi config set --path")
    steps.run("pulumi up")
    assert prod.shell().run(knock)[0] == 0
    steps.rest()
    code, said = prod.shell().run(knock)
    assert (code, "Permission denied" in said) == (255, True), said
    assert prod.outputs() == before
    assert prod.ssh("docker inspect --format '{{.Id}}' web postgres redis caddy") == containers
    assert prod.ssh("cat /etc/ssh/toybox_authorized_keys").count("ssh-ed25519") == 1


@pytest.mark.documented("docs/runbook.md#the-ssh-host-key-leaked")
def test_another_host_key_is_the_servers_and_that_of_the_next_one(prod: Toybox, procedure: Procedures) -> None:
    before, old = prod.outputs(), prod.ssh("cat /etc/ssh/ssh_host_ed25519_key.pub")
    containers = prod.ssh("docker inspect --format '{{.State.StartedAt}}' web postgres redis caddy")
    procedure(prod.shell()).rest()
    present = prod.ssh("cat /etc/ssh/ssh_host_ed25519_key.pub")
    assert present != old
    assert prod.outputs() == {**before, "sshHostKey": " ".join(present.split()[:2])}
    assert prod.ssh("docker inspect --format '{{.State.StartedAt}}' web postgres redis caddy") == containers
    instance = next(each for each in prod.state("--show-secrets")["deployment"]["resources"]
                    if each["urn"].endswith("::server-instance"))  # fmt: skip
    user_data = json.loads(instance["inputs"]["userData"]["plaintext"])
    assert prod.ssh("cat /etc/ssh/ssh_host_ed25519_key").splitlines()[1] in user_data
    assert "unchanged" in prod.pulumi("preview", "--expect-no-changes").stdout
