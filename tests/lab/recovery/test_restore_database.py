"""A second of the database, from the keeper: in staging without the people in it, and in prod with a way back."""

import time

import pytest

from lab import loss
from lab.bench_recovery import FILES
from ops.status.cloud.server import find_server
from tests.lab.keeper import Keeper
from tests.lab.test_staging_refresh import sql
from tests.lab.toybox import Toybox, cloud
from tests.procedure import Procedures

NOW = """SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


@pytest.fixture(scope="module")
def second(keeper: Keeper, prod: Toybox) -> str:
    """A second in which 40 posts were there that are gone afterwards."""
    keeper.backed_up("full", "files")
    sql(prod, "CREATE TABLE posts_lost AS SELECT * FROM posts_post WHERE id % 10 = 0")
    sql(prod, "ALTER TABLE posts_lost OWNER TO toybox")
    moment = sql(prod, NOW)
    sql(prod, "DROP TABLE posts_lost; SELECT pg_switch_wal();")
    time.sleep(2)  # the commit that ends the second has to reach the keeper
    return moment


@pytest.mark.documented("docs/disaster-recovery.md#prod-goes-back-to-a-second")
def test_prod_goes_back_to_a_second_and_keeps_what_it_had(
    keeper: Keeper, prod: Toybox, second: str, procedure: Procedures
) -> None:
    former, files = prod.outputs()["dataVolumeId"], prod.ssh(FILES)
    steps = procedure(prod.shell())
    code, refused = steps.shell.run("toybox restore database --to latest --stack prod", "staging\n")
    assert code != 0
    assert "Nothing was changed" in refused
    printed = steps.run(values={"<time>": second}, stdin="prod\n")
    assert sql(prod, "SELECT count(*) > 0 FROM posts_lost") == "t"
    assert prod.ssh(FILES) == files
    assert f"toybox adopt {former} --stack prod" in printed
    assert "every row has its file" in printed
    kept = cloud().block_storage.get_volume(former)
    assert kept.name.startswith("toybox-prod-data-before-")
    assert "unchanged" in prod.up()


def test_the_keeper_goes_on_from_the_earlier_second_with_a_new_full_backup(keeper: Keeper, prod: Toybox) -> None:
    """What it had received lies after that second: the stream cannot go on from there, and begins anew."""
    before = keeper.whole()
    keeper.up()
    deadline = time.monotonic() + 240
    while keeper.whole() == before or keeper.run("status")[1]["checks"][2]["verdict"] != "good":
        assert time.monotonic() < deadline, keeper.ssh("journalctl --no-pager -u 'toybox-keeper-*' -n 60")
        time.sleep(3)
    sql(prod, "CREATE TABLE posts_after AS SELECT 1")
    with keeper.scratch("latest") as scratch:
        assert scratch.sql("SELECT count(*) FROM posts_after") == "1"
    sql(prod, "DROP TABLE posts_after; DROP TABLE posts_lost;")


def test_a_recovery_that_is_killed_while_the_bytes_come_begins_anew(keeper: Keeper, prod: Toybox) -> None:
    keeper.backed_up("full", "files")
    expected, files = prod.fingerprint(), prod.ssh(FILES)
    for volume in [each for each in cloud().block_storage.volumes() if "-before-" in each.name]:
        code, said = prod.shell().run(f"toybox kept delete {volume.id} --stack prod", f"{volume.name}\n")
        assert code == 0, said
    loss.destroy(prod.workspace, prod.stack)

    def arriving() -> bool:
        server = find_server(cloud(), "prod")
        if server is None or server.word != "ACTIVE" or not server.address:
            return False
        found = prod.ssh("ls -d /srv/toybox/.restore/*/database/base", check=False, address=server.address)
        return found.startswith("/srv/toybox/.restore/")

    prod.killed("bash", "-c", "echo prod | toybox recover --stack prod", seen=arriving, seconds=200)
    assert prod.pulumi("cancel", "--yes").returncode == 0
    code, printed = prod.shell().run("toybox recover --stack prod", "prod\n")
    assert code == 0, printed
    assert "is under way" in printed
    assert prod.fingerprint() == expected
    assert prod.ssh(FILES) == files
    keeper.up()


@pytest.mark.documented("docs/disaster-recovery.md#look-at-a-second-of-the-past")
def test_staging_shows_a_second_of_prods_past_without_the_people(
    keeper: Keeper, staging: Toybox, prod: Toybox, procedure: Procedures
) -> None:
    posts = sql(prod, "SELECT count(*) FROM posts_post")
    keeper.backed_up("full", "files")
    moment = sql(prod, NOW)
    sql(prod, "CREATE TABLE commit_after_it (); DROP TABLE commit_after_it; SELECT pg_switch_wal();")
    time.sleep(2)
    before = staging.outputs()["dataVolumeId"]
    printed = procedure(staging.shell()).run(values={"<time>": moment})
    assert "no real e-mail address in any column" in printed
    assert sql(staging, "SELECT count(*) FROM posts_post") == posts
    assert sql(staging, "SELECT count(*) FROM accounts_user WHERE email NOT LIKE '%staging.invalid'") == "0"
    assert staging.outputs()["dataVolumeId"] != before
    assert cloud().block_storage.find_volume(before) is None
    assert "unchanged" in staging.up()
