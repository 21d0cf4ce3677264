"""A keeper of the tests' production: its stack, its machine, and databases that were restored on it."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.keeper import deploy_keeper
from lab.keeper_machine import KeeperMachine
from lab.stack import keeper_file, write_settings
from tests.lab.test_staging_refresh import sql
from tests.lab.toybox import PROJECT, Toybox

DATA = "/srv/toybox-keeper"
SCRATCH = f"{DATA}/restored/test"

SLOT = "SELECT active, wal_status FROM pg_replication_slots WHERE slot_name = 'keeper'"
STREAMING = "t|reserved"


class Keeper(Toybox):
    """Production's keeper: its stack, and its machine."""

    def __init__(self, prod: Toybox) -> None:
        super().__init__(prod.workspace, "keeper")
        self.prod = prod
        self.machine = KeeperMachine(PROJECT)

    def server(self) -> tuple[str, str]:
        """Its machine has no id."""
        return "", self.machine.address

    def run(self, command: str) -> tuple[int, Any]:
        """How `toybox backup COMMAND --json` ends, as an operator types it, and what it says."""
        done = subprocess.run(
            ["toybox", "backup", *command.split(), "--json", "--stack", self.stack],
            cwd=self.workspace.program,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def backed_up(self, *kinds: str) -> None:
        """Run jobs, which must succeed."""
        for kind in kinds:
            code, said = self.run(f"run {kind}")
            assert code == 0, said

    def problems(self) -> str:
        """What `toybox backup status` finds wrong."""
        told = self.run("status")[1]
        return "\n".join(f"{line['name']}: {line['text']}" for line in told["checks"] if line["verdict"] == "bad")

    def whole(self) -> int:
        """The number of its full backups that have ended well; a list has the one that runs as well."""
        return len([backup for backup in self.run("list")[1]["full"] if backup["status"] == "DONE"])

    def await_stream(self, seconds: float = 120) -> None:
        """Wait until it receives production's WAL."""
        deadline = time.monotonic() + seconds
        while sql(self.prod, SLOT) != STREAMING:
            assert time.monotonic() < deadline, self.ssh("systemctl status 'toybox-keeper-*'", check=False)
            time.sleep(0.5)

    def kept(self) -> dict[str, str]:
        """{file: hash} of everything that counts as kept, without what Barman has in hand: its list of the WAL, which
        grows, and a segment that is being compressed."""
        found = self.ssh(
            f"cd {DATA} && find barman/*/base barman/*/wals repository dumps -type f"
            " ! -name xlog.db ! -name '*.tmp' -exec sha256sum {} +"
        )
        return {name: digest for digest, name in (line.split("  ", 1) for line in found.splitlines())}

    @contextmanager
    def scratch(self, to: str) -> Iterator["Scratch"]:
        """The database as it was at a time, in a PostgreSQL without a network."""
        self.ssh(f"toybox-keeper restore-database --to '{to}' --target {SCRATCH}")
        scratch = Scratch(self)
        try:
            scratch.start()
            yield scratch
        finally:
            self.ssh(f"systemctl stop scratch; rm -rf {SCRATCH}", check=False)


class Scratch:
    """A restored database on the keeper."""

    programs = "/usr/lib/postgresql/15/bin"

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper

    def start(self) -> None:
        """Start it and wait until its recovery has ended."""
        settings = f"-c listen_addresses= -c unix_socket_directories={SCRATCH} -c hot_standby=off"
        self.keeper.ssh(
            f"systemd-run --quiet --unit scratch --uid barman --property PrivateNetwork=yes"
            f" {self.programs}/postgres -D {SCRATCH} {settings}"
        )
        ended = f"psql -h {SCRATCH} -U postgres -At -c 'SELECT pg_is_in_recovery()' 2>/dev/null | grep -x f"
        self.keeper.ssh(
            f'timeout 60 sh -c "until runuser -u barman -- {ended}; do systemctl is-active --quiet scratch || exit 1;'
            ' sleep 0.2; done" || { journalctl --no-pager --unit scratch; exit 1; }'
        )

    def sql(self, statement: str, database: str = "toybox") -> str:
        """What it answers."""
        return self.keeper.ssh(
            f"cd / && runuser -u barman -- psql -h {SCRATCH} -At -U postgres {database}", statement
        ).strip()


def bring_up(prod: Toybox) -> Keeper:
    """Make it, as `make up STACK=keeper` does."""
    made = Keeper(prod)
    made.machine.remove()
    deploy_keeper("keeper", prod.workspace)
    return made


def take_away(keeper: Keeper) -> None:
    """Take it away, and leave production as it was before."""
    workspace = keeper.workspace
    keeper_file(workspace, "prod").unlink()
    write_settings(workspace, "prod")
    keeper.machine.remove()
    keeper.pulumi("stack", "rm", "--force", "--yes", "--preserve-config")
    keeper.prod.up()
