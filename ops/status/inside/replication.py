"""Report whether the keeper's receiver of write-ahead log is there: the keeper, judged from the server's side."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from host import ssh
from host.ssh import SECONDS, NoAnswerError, last_words
from keeper.database import RECEIVER
from keeper.places import ROLE
from keeper.receiver import LOST
from keeper.status import FRESH, duration
from ops.status.line import Line

NAME = "replication"
QUESTION = f"""
SELECT json_build_object(
    'slot', (SELECT json_build_object('wal_status', wal_status, 'waits', pg_current_wal_lsn() - restart_lsn)
             FROM pg_replication_slots WHERE slot_name = '{ROLE}'),
    'receiver', (SELECT json_build_object('state', state, 'behind', pg_current_wal_lsn() - write_lsn,
                                          'silent', extract(epoch FROM clock_timestamp() - reply_time))
                 FROM pg_stat_replication WHERE application_name = '{RECEIVER}' LIMIT 1))
"""  # noqa: S608 - constants
"""Bytes of the write-ahead log, and seconds since the receiver's last word. One that is well has one every ten."""
COMMAND = "docker exec --interactive postgres psql --no-psqlrc -qAt -U postgres postgres"


def ask(config: str, address: str, folder: Path) -> dict[str, Any]:
    """Return the database's answer to QUESTION. Raises NoAnswerError."""
    command = f"timeout {SECONDS - 10} {COMMAND}"
    done = ssh.run(config, address, command, seconds=SECONDS, folder=folder, stdin=QUESTION)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise NoAnswerError(last_words(done.stderr) or f"it ended with {done.returncode}") from None
    return told


def silent_line(error: str, on_server: str) -> Line:
    """Return the line of a database that does not answer."""
    return Line(NAME, "bad", f"the database does not tell: {error}", f"{on_server} docker logs --tail 50 postgres")


def replication_line(told: Mapping[str, Any], keeper: str) -> Line:
    """Return a line that is green while the keeper's receiver takes what is written. `keeper` is its stack."""
    slot, receiver = told["slot"], told["receiver"]
    command = f"toybox backup status --stack {keeper}"
    if slot is None:
        text = "the keeper has no slot: what is written now may never reach it"
        return Line(NAME, "bad", text, f"pulumi up --stack {keeper}")
    if slot["wal_status"] == LOST:
        text = "the keeper was away for too long, and its slot is lost. It makes a new one, and a full backup"
        return Line(NAME, "bad", text, command)
    waits = f"{megabytes(slot['waits'])} of write-ahead log wait for it"
    if receiver is None or receiver["state"] != "streaming":
        state = f"its state is {receiver['state']}" if receiver else "it is not there"
        return Line(NAME, "bad", f"the keeper receives nothing ({state}): {waits}", command)
    if receiver["silent"] > FRESH["wal"]:
        text = f"the keeper's receiver is silent for {duration(receiver['silent'])}: {waits}"
        return Line(NAME, "bad", text, command)
    return Line(NAME, "good", f"the keeper receives what is written, and is {megabytes(receiver['behind'])} behind")


def megabytes(size: float) -> str:
    """Return a size in MB."""
    return f"{float(size) / 1e6:,.1f} MB"
