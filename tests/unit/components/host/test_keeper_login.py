"""The keeper's login: what its files say, and what its gate lets through. The lab shows that sshd and systemd obey."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from components import keeper_network, postgres
from components.host import keeper_files, keeper_gate, keeper_login
from components.host.bundle import host_bundle
from host import fitness
from host.look import LIBRARY
from inventory.volumes import KEPT_FILES, VOLUMES, Rebuilt
from settings import Keeper
from tests.unit.components.test_data_disk import disk

KEEPER = Keeper.model_validate(
    {
        "address": "11.22.33.55",
        "sshKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL1wq0mV8sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7bx",
        "databaseVerifier": f"SCRAM-SHA-256$4096:VE9ZQk9YIGtlZXBlcg==${'A' * 43}=:{'B' * 43}=",
    }
)
OPERATORS = ("11.22.33.44/32",)


def test_files_of_the_login(snapshot: SnapshotAssertion) -> None:
    files = keeper_login.login_files(KEEPER, OPERATORS)
    assert {name: file.text for name, file in files.items() if not name.startswith(LIBRARY)} == snapshot


def test_a_bundle_without_a_keeper_has_nothing_of_it() -> None:
    without, with_keeper = (host_bundle(disk(), [], keeper) for keeper in ({}, keeper_login.login_files(KEEPER, ())))
    added = {name.removeprefix("root") for name in with_keeper.keys() - without.keys()}
    assert added == {
        fitness.KEEPER_KEYS,
        fitness.KEEPER_SERVICE,
        keeper_login.SSHD_MATCH,
        f"/etc/systemd/system/{keeper_login.SOCKET_UNIT}",
        fitness.KEEPER_GATE,
        f"{LIBRARY}/keeper_files.py",
    }
    differing = {name for name, file in without.items() if with_keeper[name] != file}
    assert differing == {f"root{LIBRARY}/manifest.json"}


def test_all_speak_of_the_same_places() -> None:
    """The gate and the judges run by themselves on the server and can import nothing."""
    forward = f"{keeper_network.DATABASE_ADDRESS}:{keeper_network.DATABASE_PORT}"
    assert forward == fitness.KEEPER_FORWARD
    assert keeper_gate.SOCKET == keeper_login.SOCKET
    assert fitness.KEEPER_SERVICE.endswith(keeper_login.SERVICE_UNIT)
    match = keeper_login.render_sshd_match(KEEPER, OPERATORS).splitlines()
    said = {words[0].lower(): words[1:] for line in match if (words := line.split())}
    for name, values in fitness.KEEPER_SSHD.items():
        if name not in ("allowusers", "authorizedkeyscommand"):  # the first is both files', the second root's
            assert sorted(said[name]) == values, name


def test_root_does_not_come_from_the_keepers_address_unless_an_operator_has_it() -> None:
    assert "DenyUsers root@11.22.33.55\n" in keeper_login.render_sshd_match(KEEPER, OPERATORS)
    assert "DenyUsers" not in keeper_login.render_sshd_match(KEEPER, ("11.22.33.0/24",))


def test_the_unit_that_reads_files_sees_the_kept_volumes_and_no_other() -> None:
    unit = keeper_login.render_service_unit()
    for volume in VOLUMES:
        assert (f" {volume.device}:" in unit or f"={volume.device}:" in unit) == (volume in KEPT_FILES), volume.name
    assert "TemporaryFileSystem=/:ro\n" in unit
    assert "BindPaths=" not in unit
    assert "\nRequires" not in unit, "it would mount the data disk, whose mount the host bundle decides"


def test_each_volume_is_kept_by_one_way_or_has_a_reason() -> None:
    ways = {volume.name: volume.kept for volume in VOLUMES if not isinstance(volume.kept, Rebuilt)}
    assert ways == {"postgres": "database", "media": "files", "caddy-data": "files"}
    assert all(volume.kept.reason for volume in VOLUMES if isinstance(volume.kept, Rebuilt))


# PostgreSQL's door


def test_the_keepers_lines_go_before_all_others_and_let_nobody_else_in() -> None:
    lines = [line.split() for line in postgres.render_hba("10.0.0.0/29", "10.0.0.1").splitlines() if line[0] != "#"]
    ways_in = [line for line in lines if line[-1] != "reject"]
    assert [line[2] for line in ways_in] == ["keeper", "keeper"]
    assert {line[3] for line in ways_in} == {"10.0.0.1/32"}
    assert {tuple(line[1:4]) for line in lines[len(ways_in) :]} == {
        ("replication", "keeper", "all"),
        ("all", "keeper", "all"),
        ("replication", "all", "10.0.0.0/29"),
        ("all", "all", "10.0.0.0/29"),
    }


def test_the_entrypoint_composes_pg_hba_before_postgres_starts(tmp_path: Path) -> None:
    """The part that is added, by a real shell: the keeper's lines, then the data directory's own, unchanged."""
    hba = postgres.render_hba(keeper_network.SUBNET, keeper_network.GATEWAY)
    plain, script = postgres.render_entrypoint(), postgres.render_entrypoint(hba)
    assert plain.endswith(postgres.START)
    assert script.startswith(plain.removesuffix(postgres.START))
    assert script.endswith(postgres.START)
    added = script.removeprefix(plain.removesuffix(postgres.START)).removesuffix(postgres.START)
    (tmp_path / "pg_hba.conf").write_text("local all all trust\n")
    composed = tmp_path / "composed"
    added = added.replace(postgres.HBA_FILE, str(composed))
    subprocess.run(["bash", "-euc", added], env={"PGDATA": str(tmp_path), "PATH": os.environ["PATH"]}, check=True)
    assert composed.read_text() == f"{hba}local all all trust\n"


def test_a_postgres_without_a_keeper_is_what_it_was() -> None:
    without, with_keeper = postgres.postgres_spec(4096), postgres.postgres_spec(4096, keeper=True)
    added = [word for word in with_keeper.command if word not in without.command]
    assert added == [f"hba_file={postgres.HBA_FILE}", f"max_slot_wal_keep_size={postgres.SLOT_LIMIT}"]
    assert without.entrypoint[-2] == postgres.render_entrypoint()


# The gate and the reader behind it


def gate(command: str, path: Path, text: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """The gate as sshd runs it: as the login's shell, with -c."""
    program = Path(keeper_gate.__file__).read_text().replace(keeper_gate.SOCKET, str(path))
    return subprocess.run(
        [sys.executable, "-c", program, "-c", fitness.KEEPER_GATE],
        input=text,
        env={"SSH_ORIGINAL_COMMAND": command},
        capture_output=True,
        check=False,
        timeout=20,
    )


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket that systemd listens on, at tmp_path/files."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(tmp_path / "files"))
        server.listen()
        server.settimeout(15)
        yield server


@contextmanager
def reader(listening: socket.socket, rsync: str) -> Iterator[None]:
    """The unit, for one connection: `rsync` stands for the program."""
    program = Path(keeper_files.__file__).read_text().replace(keeper_files.RSYNC, rsync)

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            subprocess.run([sys.executable, "-c", program], stdin=connection.fileno(), check=False, timeout=20)

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "command",
    [
        "",
        "sh",
        "rsync --server -logDtpre.iLsfxCIvu . media/",
        "rsync --server --daemon .",
        " rsync --server --sender . media/",
        "rsync  --server --sender . media/",
        "/usr/bin/rsync --server --sender . media/",
        "rsync --server --sender " + "x" * keeper_gate.LONGEST,
    ],
    ids=lambda command: command[:40],
)
def test_the_gate_refuses_whatever_is_no_reading_rsync(command: str, tmp_path: Path, listening: socket.socket) -> None:
    listening.setblocking(False)
    done = gate(command, tmp_path / "files")
    assert done.returncode == 1
    assert b"and nothing else" in done.stderr
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_the_client_speaks_to_rsync_itself_and_gets_its_exit_code(tmp_path: Path, listening: socket.socket) -> None:
    """Without its exit code and its complaint, a pull of nothing would look like one of everything."""
    program = tmp_path / "rsync"
    program.write_text('#!/bin/sh\necho "$0 $@"; cat; echo complaint >&2; exit 23\n')
    program.chmod(0o755)
    big = os.urandom(3_000_000)
    with reader(listening, str(program)):
        done = gate(r"rsync --server --sender -a . media/a\ b", tmp_path / "files", text=big)
    assert done.returncode == 23
    assert done.stderr == b"complaint\n"
    assert done.stdout == f"{program} --server --sender -a . media/a b\n".encode() + big


def test_files_that_cannot_be_read_are_no_empty_success(tmp_path: Path, listening: socket.socket) -> None:
    """The unit does not start without the data disk: the connection ends at once."""
    command = "rsync --server --sender . media/"
    assert b"cannot be read" in gate(command, tmp_path / "nobody-listens").stderr
    thread = threading.Thread(target=lambda: listening.accept()[0].close())
    thread.start()
    done = gate(command, tmp_path / "files")
    thread.join(20)
    assert done.returncode == 1
    assert b"journalctl" in done.stderr


@pytest.mark.parametrize("command", ["sh -c id", "rsync --server .", "rsync --daemon", "", "-c id"])
@pytest.mark.parametrize("files", [3, 2, 0])
def test_the_reader_runs_nothing_but_a_reading_rsync(command: str, files: int) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        socket.send_fds(ours, [command.encode() or b" "], [2] * files)
        done = subprocess.run(
            [sys.executable, keeper_files.__file__], stdin=theirs.fileno(), capture_output=True, check=False
        )
    assert done.returncode == 1
    assert b"keeper: " in done.stderr
