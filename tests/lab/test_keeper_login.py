"""What the keeper's key and password open on a real server: the database's stream and the kept files, to be read."""

import base64
import contextlib
import hashlib
import hmac
import os
import re
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from components import postgres
from components.keeper_network import DATABASE_ADDRESS
from inventory.volumes import KEPT_FILES
from lab.engine import NETWORK
from ops.init import ed25519_key
from settings import ssh_public_key
from tests.lab.test_security_groups import becomes
from tests.lab.toybox import Toybox

ADDRESS = "198.51.100.254"
"""This machine's second address on the servers' network: the keeper's, and no operator's."""
SMALL = "64MB"
"""The limit of the slot, for a test that fills it."""


def verifier(password: str) -> str:
    """PostgreSQL's form of a SCRAM-SHA-256 verifier (RFC 5802, RFC 5803)."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    client_key, server_key = (hmac.digest(salted, word, "sha256") for word in (b"Client Key", b"Server Key"))
    words = [base64.b64encode(each).decode() for each in (salt, hashlib.sha256(client_key).digest(), server_key)]
    return f"SCRAM-SHA-256$4096:{words[0]}${words[1]}:{words[2]}"


@dataclass(frozen=True)
class Keeper:
    """The keeper's end: its key, its password, and what it says to production."""

    prod: Toybox
    folder: Path
    password: str

    @property
    def config(self) -> Path:
        """Its ssh_config."""
        return self.folder / "ssh_config"

    def write_files(self, key: str) -> None:
        """Key, known host and ssh_config, as the keeper has them."""
        address = self.prod.outputs()["address"]
        for name, text in {
            "key": key,
            "known_hosts": f"{address} {self.prod.outputs()['sshHostKey']}\n",
            "pgpass": f"*:*:*:*:{self.password}\n",
            "ssh_config": f"""\
Host prod
  HostName {address}
  User keeper
  BindAddress {ADDRESS}
  IdentityFile {self.folder}/key
  IdentitiesOnly yes
  UserKnownHostsFile {self.folder}/known_hosts
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 10
  ControlPath none
""",
        }.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o600)

    def run(self, *command: str, text: str = "", seconds: float = 120) -> "subprocess.CompletedProcess[str]":
        """What a command on the keeper does; PostgreSQL's programs find the password."""
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=os.environ | {"PGPASSFILE": str(self.folder / "pgpass")},
        )

    def ssh(self, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """`ssh` to production as the keeper, unless the arguments say otherwise."""
        return self.run("ssh", "-F", str(self.config), *arguments, text=text, seconds=40)

    def rsync(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`rsync` over the same."""
        return self.run("rsync", "-e", f"ssh -F {self.config}", *arguments)

    @contextlib.contextmanager
    def tunnel(self) -> Iterator[str]:
        """The folder with the socket that leads to the database, while it is forwarded."""
        path = self.folder / ".s.PGSQL.5432"
        path.unlink(missing_ok=True)
        forward = f"{path}:{DATABASE_ADDRESS}:5432"
        process = subprocess.Popen(
            ["ssh", "-F", self.config, "-N", "-o", "ExitOnForwardFailure=yes", "-L", forward, "prod"]
        )
        try:
            deadline = time.monotonic() + 20
            while not path.exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield str(self.folder)
        finally:
            process.terminate()
            process.wait(10)

    def sql(self, statement: str, database: str = "keeper", user: str = "keeper") -> str:
        """What PostgreSQL answers by the tunnel, or its error."""
        with self.tunnel() as host:
            done = self.run(
                *("psql", "-XAtq", "-w", "-v", "ON_ERROR_STOP=1", "-h", host, "-U", user, "-d", database),
                text=statement,
            )
        return (done.stdout + done.stderr).strip()


@pytest.fixture(scope="module")
def block() -> dict[str, str]:
    """The settings' block, and what belongs to it."""
    key, password = ed25519_key(), secrets.token_urlsafe(32)
    return {
        "address": ADDRESS,
        "sshKey": ssh_public_key(key),
        "databaseVerifier": verifier(password),
        "key": key,
        "password": password,
    }


@pytest.fixture(scope="module")
def keeper(prod: Toybox, block: dict[str, str]) -> Iterator[Keeper]:
    """Production with a keeper, and the keeper's end on this machine; afterwards production without one."""
    subprocess.run(["ip", "address", "replace", f"{ADDRESS}/32", "dev", NETWORK], check=True)
    settings = {key: block[key] for key in ("address", "sshKey", "databaseVerifier")}
    try:
        with prod.changed_settings(keeper=settings), tempfile.TemporaryDirectory() as folder:
            prod.up()
            made = Keeper(prod, Path(folder), block["password"])
            made.write_files(block["key"])
            yield made
        prod.up()
    finally:
        subprocess.run(["ip", "address", "delete", f"{ADDRESS}/32", "dev", NETWORK], check=False)


def unfit(prod: Toybox) -> str:
    """What the judges on the server say of it; nothing if it is fit."""
    return prod.ssh("cd /usr/local/lib/toybox && python3 look.py | python3 fitness.py", check=False).strip()


def superuser(prod: Toybox, statement: str, database: str = "postgres") -> str:
    """What the database's superuser is answered on the server."""
    return prod.ssh(postgres.run_sql(database).replace(" psql ", " psql -At "), statement).strip()


def address_in(prod: Toybox, container: str, network: str) -> str:
    """A container's address in a Docker network."""
    form = f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
    return prod.ssh(f"docker inspect --format '{form}' {container}").strip()


# The login


def test_a_second_update_changes_nothing_and_the_host_is_fit(keeper: Keeper) -> None:
    done = keeper.prod.pulumi("preview", "--expect-no-changes", "--diff")
    assert done.returncode == 0, done.stdout
    assert unfit(keeper.prod) == ""


def test_a_refresh_finds_nothing_to_change(keeper: Keeper) -> None:
    done = keeper.prod.pulumi("preview", "--refresh", "--expect-no-changes", "--diff")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "command", [[], ["id"], ["sh -c id"], ["rsync --server . media/"], ["-tt"], ["-s", "sftp"]], ids=str
)
def test_the_key_runs_nothing(keeper: Keeper, command: list[str]) -> None:
    options = [word for word in command if word.startswith("-")]
    done = keeper.ssh(*options, "prod", *(word for word in command if word not in options))
    assert done.returncode != 0
    assert "uid=" not in done.stdout
    if not options:  # of a terminal or a subsystem ssh has words of its own, or none
        assert "this login forwards to the database and reads files by rsync, and nothing else" in done.stderr


def test_the_key_forwards_to_the_database_alone(keeper: Keeper) -> None:
    prod = keeper.prod
    redis, web = address_in(prod, "redis", "backend"), address_in(prod, "web", "backend")
    closed = [
        *(f"{redis}:6379", f"{web}:8000", f"{address_in(prod, 'postgres', 'backend')}:5432"),
        *("127.0.0.1:22", "127.0.0.1:80", "10.213.77.1:22", "169.254.169.254:80", f"{DATABASE_ADDRESS}:22"),
        *("198.51.100.1:5000", "localhost:5432"),
    ]
    for target in closed:
        done = keeper.ssh("-W", target, "prod")
        assert done.returncode != 0, target
        assert "administratively prohibited" in done.stderr, (target, done.stderr)
    with keeper.tunnel() as host:
        assert keeper.run("pg_isready", "-h", host).returncode == 0


def test_the_key_reaches_no_socket_of_the_server(keeper: Keeper) -> None:
    """Docker's is the way to all data."""
    for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/toybox-keeper/files"):
        here = keeper.folder / "forwarded"
        here.unlink(missing_ok=True)
        process = subprocess.Popen(
            ["ssh", "-F", keeper.config, "-N", "-L", f"{here}:{path}", "prod"], stderr=subprocess.PIPE, text=True
        )
        try:
            deadline = time.monotonic() + 20
            while not here.exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            with socket.socket(socket.AF_UNIX) as knock:
                knock.settimeout(10)
                knock.connect(str(here))
                with contextlib.suppress(ConnectionError):
                    knock.sendall(b"GET /info HTTP/1.0\r\n\r\n")
                    assert knock.recv(100) == b""
        finally:
            process.terminate()
            assert "open failed" in process.communicate()[1]


def test_the_key_opens_nothing_on_the_server_for_others(keeper: Keeper) -> None:
    done = keeper.ssh("-N", "-o", "ExitOnForwardFailure=yes", "-R", "9999:127.0.0.1:22", "prod")
    assert "remote port forwarding failed" in done.stderr


def test_the_key_works_from_the_keepers_address_alone_and_for_no_other_login(keeper: Keeper) -> None:
    for options in (["-o", "BindAddress=198.51.100.1"], ["-l", "root"], ["-l", "nobody"]):
        done = keeper.ssh(*options, "prod")
        assert "Permission denied" in done.stderr, options


def test_roots_key_opens_nothing_from_the_keepers_address(keeper: Keeper) -> None:
    prod = keeper.prod
    here, config = prod.workspace.program, f".toybox/{prod.stack}/ssh/config"
    root = ["ssh", "-F", config, "-o", "ControlPath=none", prod.outputs()["address"], "id"]
    assert subprocess.run(root, cwd=here, capture_output=True, check=False).returncode == 0
    there = [*root[:3], "-b", ADDRESS, *root[3:]]
    done = subprocess.run(there, cwd=here, capture_output=True, text=True, check=False)
    assert "Permission denied" in done.stderr


def test_port_22_is_all_that_the_keepers_address_reaches_and_all_others_do_not(keeper: Keeper) -> None:
    def reached(source: str, port: int) -> bool:
        with socket.socket() as knock:
            knock.settimeout(1.5)
            knock.bind((source, 0))
            return knock.connect_ex((keeper.prod.outputs()["address"], port)) == 0

    assert reached(ADDRESS, 22)
    assert not reached(ADDRESS, 5432)
    subprocess.run(["ip", "address", "replace", "198.51.100.253/32", "dev", NETWORK], check=True)
    try:
        assert not reached("198.51.100.253", 22)
    finally:
        subprocess.run(["ip", "address", "delete", "198.51.100.253/32", "dev", NETWORK], check=True)


def test_a_login_that_somebody_widens_is_found_and_mended(keeper: Keeper) -> None:
    prod = keeper.prod
    prod.ssh("usermod --append --groups docker keeper")
    assert "groups is ['docker', 'keeper']" in unfit(prod)
    prod.up()
    assert unfit(prod) == ""
    wider = "/etc/ssh/sshd_config.d/00-aaa.conf"
    prod.ssh(f"printf 'AllowUsers bob\\n' >{wider}")
    try:
        assert "allowusers is bob keeper root" in unfit(prod)
    finally:
        prod.ssh(f"rm {wider}")


# Files


def test_the_kept_volumes_are_read_and_nothing_else_is_there(keeper: Keeper, tmp_path: Path) -> None:
    prod = keeper.prod
    done = keeper.rsync("-a", "--numeric-ids", "prod:.", str(tmp_path / "all"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "all").iterdir()} == {volume.name for volume in KEPT_FILES}
    sums = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"
    for volume in KEPT_FILES:
        here = subprocess.run(
            ["bash", "-c", sums], cwd=tmp_path / "all" / volume.name, capture_output=True, text=True, check=True
        ).stdout
        assert here == prod.ssh(f"cd {volume.device} && {sums}")
        assert here.count("\n") > 1
    owners = {path.stat().st_uid for path in (tmp_path / "all" / "media").rglob("*")}
    assert owners == {10001}


@pytest.mark.parametrize("path", ["/etc/shadow", "../etc/shadow", "/srv/toybox/", "/etc/toybox/", "/var/lib/docker/"])
def test_no_other_file_of_the_server_can_be_read(keeper: Keeper, tmp_path: Path, path: str) -> None:
    done = keeper.rsync("-a", f"prod:{path}", str(tmp_path))
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_uploads_leads_nowhere(keeper: Keeper, tmp_path: Path) -> None:
    """Whoever can upload could make one."""
    link = "/srv/toybox/media/link"
    keeper.prod.ssh(f"ln -s /etc/shadow {link}")
    try:
        done = keeper.rsync("-a", "--copy-links", "prod:media/link", str(tmp_path))
        assert done.returncode != 0
        assert not (tmp_path / "link").exists()
    finally:
        keeper.prod.ssh(f"rm {link}")


def test_nothing_can_be_written_or_removed_by_rsync(keeper: Keeper, tmp_path: Path) -> None:
    (tmp_path / "planted").write_text("x")
    before = keeper.prod.ssh("find /srv/toybox/media | sort | sha256sum")
    assert keeper.rsync("-a", str(tmp_path / "planted"), "prod:media/").returncode != 0
    assert keeper.rsync("-a", "--remove-source-files", "prod:media/", str(tmp_path / "taken")).returncode != 0
    keeper.ssh("prod", "rsync --server --sender --log-file=/kept/media/log . media/")
    assert keeper.prod.ssh("find /srv/toybox/media | sort | sha256sum") == before


def test_the_host_is_fit_while_the_keeper_reads(keeper: Keeper, tmp_path: Path) -> None:
    """The reader has the data disk, and is no container of somebody's."""
    slow = ["rsync", "-a", "--bwlimit=20", "-e", f"ssh -F {keeper.config}", "prod:media/", str(tmp_path / "slow")]
    process = subprocess.Popen(slow)
    try:
        deadline = time.monotonic() + 20
        while not keeper.prod.ssh("pgrep -u keeper -x rsync", check=False).strip():
            assert time.monotonic() < deadline
            time.sleep(0.2)
        users = keeper.prod.ssh(
            'python3 -c \'import sys, json; sys.path.insert(0, "/usr/local/lib/toybox"); import look;'
            ' print(json.dumps([each for each in look.users_of_the_data_disk() if not each["container"]]))\''
        )
        assert "toybox-keeper-files@" in users
        assert '"writable": false' in users
        assert unfit(keeper.prod) == ""
        assert process.poll() is None, "it had ended before it was looked at"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def test_without_the_data_disk_nothing_is_read(keeper: Keeper, tmp_path: Path) -> None:
    """An empty folder would look like uploads that were deleted. The disk is not mounted for the keeper's sake."""
    prod = keeper.prod
    prod.ssh("/usr/local/lib/toybox/shutdown begin; systemctl stop docker.socket docker srv-toybox.mount")
    try:
        done = keeper.rsync("-a", "prod:media/", str(tmp_path))
        assert done.returncode != 0
        assert "the files cannot be read now" in done.stderr
        assert list(tmp_path.iterdir()) == []
        assert prod.ssh("findmnt /srv/toybox", check=False) == ""
    finally:
        prod.ssh("systemctl start docker")
    prod.settle()
    assert unfit(prod) == ""
    assert keeper.rsync("-a", "prod:media/", str(tmp_path)).returncode == 0


# The database


def test_the_role_streams_a_base_backup(keeper: Keeper, tmp_path: Path) -> None:
    with keeper.tunnel() as host:
        words = ["-w", "-h", host, "-U", "keeper", "-X", "stream", "-c", "fast", "-D", str(tmp_path / "backup")]
        done = keeper.run("pg_basebackup", *words)
        assert done.returncode == 0, done.stderr
        verified = keeper.run("/usr/lib/postgresql/15/bin/pg_verifybackup", str(tmp_path / "backup"))
    assert "backup successfully verified" in verified.stdout, verified.stderr


def test_the_role_reads_every_table_and_is_no_superuser(keeper: Keeper) -> None:
    tables = superuser(keeper.prod, "SELECT count(*) FROM posts_post", "toybox")
    assert keeper.sql("SELECT count(*) FROM posts_post", "toybox") == tables != "0"
    unread = """SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'm') AND relnamespace::regnamespace::text
        NOT IN ('pg_catalog', 'information_schema') AND NOT has_table_privilege(oid, 'SELECT')
        AND relnamespace <> 'pg_toast'::regnamespace"""
    assert keeper.sql(unread, "toybox") == "0"
    flags = "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication FROM pg_roles"
    assert keeper.sql(f"{flags} WHERE rolname = user") == "f|f|f|f|t"
    for statement in ("COPY (SELECT 1) TO PROGRAM 'id'", "SELECT pg_read_file('/etc/passwd')", "SET ROLE toybox",
                      "SET temp_file_limit = -1", "ALTER ROLE keeper SUPERUSER"):  # fmt: skip
        said = keeper.sql(statement)
        assert "permission denied" in said or "must be superuser" in said, (statement, said)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM posts_post",
        "UPDATE posts_post SET id = id",
        "INSERT INTO django_session VALUES ('x', 'x', now())",
        "TRUNCATE posts_post CASCADE",
        "DROP TABLE posts_post CASCADE",
        "CREATE TABLE keepers (at int)",
        "CREATE SCHEMA keepers",
        "ALTER TABLE posts_post ADD keepers int",
    ],
)
def test_the_role_writes_nothing_in_the_sites_database(keeper: Keeper, statement: str) -> None:
    said = keeper.sql(f"SET default_transaction_read_only = off; {statement}", "toybox")
    assert re.search("permission denied|must be owner", said), said


def test_the_role_has_what_a_backup_needs_and_its_own_marks(keeper: Keeper) -> None:
    assert keeper.sql("INSERT INTO mark DEFAULT VALUES RETURNING now() - at < interval '1 minute'") == "t"
    assert keeper.sql("DELETE FROM mark WHERE at < now() - interval '30 days'; SELECT count(*) > 0 FROM mark") == "t"
    needs = ("pg_switch_wal()", "pg_create_restore_point(text)", "pg_backup_start(text, bool)", "pg_backup_stop(bool)")
    for function in needs:
        assert keeper.sql(f"SELECT has_function_privilege('{function}', 'EXECUTE')") == "t", function
    for role in ("pg_read_all_settings", "pg_read_all_stats", "pg_checkpoint", "pg_read_all_data"):
        assert keeper.sql(f"SELECT pg_has_role('{role}', 'USAGE')") == "t", role
    assert keeper.sql("CHECKPOINT") == ""
    assert "/" in keeper.sql("SELECT pg_switch_wal()")


def test_nobody_else_comes_by_the_forward_and_the_keeper_by_no_other_way(keeper: Keeper) -> None:
    owner = superuser(keeper.prod, "SELECT rolname FROM pg_roles WHERE rolname ~ '^toybox_' AND rolcanlogin LIMIT 1")
    for user, database in (("postgres", "postgres"), (owner, "toybox"), ("keeper", "postgres")):
        assert "pg_hba.conf rejects connection" in keeper.sql("SELECT 1", database, user), user
    here = address_in(keeper.prod, "postgres", "backend")
    by_backend = "docker exec -i web python -c 'import socket, sys; print(socket.gethostbyname(sys.argv[1]))' postgres"
    assert keeper.prod.ssh(by_backend).strip() == here
    inside = f"docker exec -i postgres psql -w -h {here} -U keeper -d toybox -c 'SELECT 1'"
    assert "pg_hba.conf rejects connection" in keeper.prod.ssh(inside, check=False)


def test_the_database_does_not_answer_on_a_port_of_the_server(keeper: Keeper) -> None:
    assert becomes(False, keeper.prod.outputs()["address"], 5432)
    assert "5432" not in keeper.prod.ssh("ss -Hltn")


def test_a_slot_that_nobody_reads_does_not_fill_the_disk(keeper: Keeper) -> None:
    """The keeper is dead: PostgreSQL keeps the limit and no more, and the site goes on."""
    prod = keeper.prod
    source = (prod.workspace.program / "components" / "postgres" / "__init__.py").read_text()
    small = source.replace(f'SLOT_LIMIT = "{postgres.SLOT_LIMIT}"', f'SLOT_LIMIT = "{SMALL}"')
    assert small != source
    write = "SELECT count(pg_logical_emit_message(false, 'fill', repeat('x', 1000000))) FROM generate_series(1, 60)"
    kept = """SELECT (coalesce(sum(size), 0) / 1048576)::int FROM pg_ls_waldir()
        WHERE name < pg_walfile_name(pg_current_wal_lsn()) AND name ~ '^[0-9A-F]{24}$'"""
    with prod.changed_file("components/postgres/__init__.py", small):
        prod.up()
        assert "keeper" in keeper.sql("SELECT pg_create_physical_replication_slot('keeper', true)")
        superuser(prod, f"{write}; CHECKPOINT")
        assert int(superuser(prod, kept)) >= 48, "the slot keeps what its reader has not got"
        for _ in range(5):
            superuser(prod, f"{write}; SELECT pg_switch_wal(); CHECKPOINT")
        assert int(superuser(prod, kept)) <= 64 + 3 * 16
        assert superuser(prod, "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'keeper'") == "lost"
        assert keeper.sql("INSERT INTO mark DEFAULT VALUES") == ""
    prod.up()


def test_without_the_block_the_login_the_role_and_the_slot_are_gone_and_the_slot_is_told_of(
    keeper: Keeper, block: dict[str, str]
) -> None:
    prod = keeper.prod
    superuser(prod, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
    superuser(prod, "SELECT pg_create_physical_replication_slot('keeper', true)")
    file = prod.workspace.settings_file(prod.stack)
    with_block = file.read_text()
    head, _, rest = with_block.partition("  toybox:keeper:\n")
    file.write_text(head + re.sub(r"\A(    .*\n)+", "", rest))
    try:
        said = prod.up()
        assert "The replication slot keeper was dropped, because toybox:keeper is not set" in said
        assert superuser(prod, "SELECT count(*) FROM pg_replication_slots") == "0"
        flags = "SELECT rolcanlogin, rolreplication, rolpassword IS NULL FROM pg_authid WHERE rolname = 'keeper'"
        assert superuser(prod, flags) == "f|f|t"
        assert becomes(True, prod.outputs()["address"], 22)
        assert "Permission denied" in keeper.ssh("-o", "BindAddress=198.51.100.1", "prod").stderr
        places = (
            "/etc/ssh",
            "/etc/ssh/sshd_config.d",
            "/usr/local/lib/toybox",
            "/etc/systemd/system/sockets.target.wants",
        )
        looks = [f"ls -d {place}/*keeper* 2>/dev/null" for place in (*places, "/etc/systemd/system")]
        left = prod.ssh("; ".join(["getent passwd keeper", *looks]), check=False)
        assert left == ""
        assert prod.ssh("docker network ls --quiet --filter name=keeper") == ""
        assert "hba_file" not in prod.ssh("docker inspect --format '{{.Config.Cmd}}' postgres")
        assert unfit(prod) == ""
        assert prod.pulumi("preview", "--expect-no-changes").returncode == 0
    finally:
        file.write_text(with_block)
    prod.up()
    assert keeper.sql("SELECT 1") == "1"
