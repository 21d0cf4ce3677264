"""The copy in object storage: real restic, real Swift with S3, and a storage that refuses in each of its ways."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab import object_storage
from lab.credentials import write_private
from tests.lab.keeper import DATA, SCRATCH, Keeper, Scratch
from tests.lab.test_staging_refresh import sql
from tests.lab.toybox import Toybox

ETC = "/etc/toybox-keeper"
PARTS = "barman repository dumps manifests records states"
CANARY = "canary of the copy in object storage"
HASHES = f"cd {DATA} && find barman/*/base barman/*/wals repository dumps -type f -exec sha256sum {{}} + | sort"


def bucket(keeper: Keeper) -> str:
    """The bucket's name."""
    settings: dict[str, Any] = json.loads(keeper.ssh(f"cat {ETC}/settings.json"))
    return str(settings["copy"]["bucket"])


def copy_fails(keeper: Keeper, reason: str) -> None:
    """A copy must fail for this reason, and the status be red for it."""
    code, told = keeper.run("run copy")
    assert code == 1
    assert reason in told["why"]
    _, status = keeper.run("status")
    (line,) = [check for check in status["checks"] if check["name"] == "copy"]
    assert line["verdict"] == "bad", status


@contextmanager
def answering(keeper: Keeper, method: str, answer: str) -> Iterator[None]:
    """The storage answers requests for the keeper's bucket so."""
    write_private(object_storage.FAULTS, json.dumps({bucket(keeper): [method, answer]}))
    try:
        yield
    finally:
        object_storage.FAULTS.unlink()


@contextmanager
def changed(keeper: Keeper, file: str, script: str) -> Iterator[None]:
    """One of the keeper's files as sed's script changes it."""
    keeper.ssh(f"cp --preserve {file} {file}.real && sed -i '{script}' {file}")
    try:
        yield
    finally:
        keeper.ssh(f"mv {file}.real {file}")


@pytest.fixture(scope="module")
def copied(keeper: Keeper, prod: Toybox) -> Keeper:
    """A keeper with a whole copy, in which a canary is."""
    sql(prod, f"DROP TABLE IF EXISTS canary; CREATE TABLE canary AS SELECT '{CANARY}' AS text")
    prod.ssh(f"echo '{CANARY}' >/srv/toybox/media/canary.txt")
    keeper.backed_up("full", "files", "dump", "copy")
    sql(prod, "DROP TABLE canary")
    return keeper


def test_what_lies_in_the_bucket_is_encrypted(copied: Keeper) -> None:
    devices = object_storage.FOLDER / "devices"
    stored = [file.read_bytes() for file in devices.rglob("*.data")]
    assert len(stored) > 3
    assert not [each for each in stored if CANARY.encode() in each]
    assert [each for each in stored if b'"source": "prod"' in each], "the look finds what lies there in the plain"


def test_the_database_and_a_file_come_back_from_the_copy_alone(copied: Keeper) -> None:
    code, told = copied.run("list --from copy")
    assert code == 0
    assert told["full"]
    assert told["copies"]
    try:
        copied.ssh(f"toybox-keeper restore-files media canary.txt --from copy --target {SCRATCH}")
        assert CANARY in copied.ssh(f"cat {SCRATCH}/media/canary.txt")
        copied.ssh(f"rm -rf {SCRATCH}")
        copied.ssh(f"toybox-keeper restore-database --from copy --to latest --target {SCRATCH}")
        scratch = Scratch(copied)
        scratch.start()
        assert scratch.sql("SELECT text FROM canary") == CANARY
    finally:
        copied.ssh(f"systemctl stop scratch; rm -rf {SCRATCH}", check=False)


def test_a_storage_that_refuses_is_told_with_its_reason_and_nothing_is_lost(copied: Keeper) -> None:
    before = copied.kept()
    for method, answer, reason in (
        ("*", "403", "The object storage forbids listing"),
        ("PUT", "403", "The object storage forbids writing"),
        ("*", "500", "The object storage failed"),
        ("GET", "nothing", "does not answer"),
    ):
        with answering(copied, method, answer):
            copy_fails(copied, reason)
    object_storage.buy(copied.workspace.project, 1)
    try:
        copy_fails(copied, "The object storage is full")
    finally:
        object_storage.buy(copied.workspace.project, object_storage.CAPACITY)
    with changed(copied, f"{ETC}/settings.json", r's/"bucket": "\(.*\)"/"bucket": "\1-gone"/'):
        copy_fails(copied, "is gone")
    with changed(copied, f"{ETC}/copy-password", "s/^./x/; s/^x/y/"):
        copy_fails(copied, "the password does not open the repository")
    with changed(copied, f"{DATA}/records/copy-repository.json", 's/"id": "..../"id": "0000/'):
        copy_fails(copied, "has copies that this keeper did not make")
    assert copied.kept().items() >= before.items()
    copied.ssh(
        "systemctl start --no-block toybox-keeper-copy; sleep 4; systemctl kill -s KILL toybox-keeper-copy; sleep 1"
    )
    copied.backed_up("copy")


def test_a_new_keeper_gets_everything_back_from_the_copy_and_goes_on(copied: Keeper) -> None:
    """Its disk is another one: here, what was on it lies aside."""
    copied.ssh("systemctl stop 'toybox-keeper-*'")
    copied.ssh(f"cd {DATA} && mkdir aside && mv {PARTS} aside/ && install -d -o barman -g barman -m 0700 {PARTS}")
    before = dict(line.split("  ", 1)[::-1] for line in copied.ssh(HASHES.replace(DATA, f"{DATA}/aside")).splitlines())
    copied.ssh("toybox-keeper restore-copy")
    after = dict(line.split("  ", 1)[::-1] for line in copied.ssh(HASHES).splitlines())
    assert after.items() <= before.items()
    assert {name.split("/")[0] for name in after} == {"barman", "repository", "dumps"}
    assert len(after) > 1000
    assert "has something already" in copied.ssh("toybox-keeper restore-copy 2>&1", check=False)
    copied.ssh("/usr/local/lib/toybox-keeper/ready")
    copied.backed_up("mark", "archive", "full", "files", "dump", "copy")
    code, told = copied.run("status")
    assert code == 0, told
    copied.ssh(f"rm -r {DATA}/aside")
