"""Staging's data made anew from prod's: all of it, and nobody in it. From nightly backups, under ConoHa's rules."""

import json
import re
from collections.abc import Iterator

import pytest

from lab.conoha_rules.nights import pass_nights
from lab.credentials import credentials, stock
from tests.lab.toybox import PROJECT, Toybox, cloud
from tests.procedure import Procedures

APPLICATION = {"web", "worker", "beat", "caddy"}
LISTED = '    "newsletter": "addresses of readers",\n'


def containers(toybox: Toybox, options: str = "--all") -> set[str]:
    """The names of the server's containers."""
    return set(toybox.ssh(f"docker ps {options} --format '{{{{.Names}}}}'").split())


def sql(toybox: Toybox, statement: str) -> str:
    """What the database answers."""
    return toybox.ssh("docker exec -i postgres psql -At -U postgres toybox", statement).strip()


def cached(toybox: Toybox, statement: str) -> str:
    """What Python prints that has Django's cache at hand, which is in Redis."""
    return toybox.manage(f'shell -c "from django.core.cache import cache; {statement}"').strip()


def restore_point(prod: Toybox) -> None:
    """A restore point of prod: a night passes, or, where nothing is done at night, one is taken. It holds what is on
    the disk, and the kernel takes half a minute to write there what nobody asked it to."""
    prod.ssh("sync")
    if stock(credentials()):
        code, printed = prod.shell().run("toybox restore-points take --stack prod")
        assert code == 0, printed
    else:
        pass_nights(PROJECT, 1)


@pytest.fixture(scope="module")
def before(prod: Toybox, staging: Toybox) -> Iterator[dict[str, object]]:
    """Prod with what must not get to staging, a restore point of it, and what prod and staging were then."""
    sql(prod, "CREATE TABLE newsletter (id int, phone text); INSERT INTO newsletter VALUES (1, '03-1234-5678');")
    sql(prod, "ALTER TABLE newsletter OWNER TO toybox; ANALYZE newsletter;")
    sql(prod, "UPDATE posts_post SET body = body || ' Write to yuki.real@gmail.com!' WHERE id % 50 = 0;")
    sql(prod, "CREATE ROLE reader LOGIN PASSWORD 'reader of prod';")
    cached(prod, "cache.set('prod', 1, 9999)")
    restore_point(prod)
    yield {
        "prod": prod.outputs(),
        "fingerprint": prod.fingerprint(),
        "volume": staging.outputs()["dataVolumeId"],
        "volume of prod": prod.outputs()["dataVolumeId"],
        "password hashes": sql(prod, "SELECT count(*) FROM accounts_user WHERE password LIKE 'pbkdf2%'"),
    }
    sql(prod, "DROP TABLE newsletter; DROP ROLE reader;")


def test_a_scrub_that_fails_leaves_no_application_on_the_data(staging: Toybox, before: dict[str, object]) -> None:
    """Nobody listed the new table. Nothing of the application may run on it, not after a reboot either."""
    code, printed = staging.shell().run("toybox refresh")
    assert code != 0
    assert "newsletter.phone" in printed
    assert "Way out" in printed
    assert sql(staging, "SELECT phone FROM newsletter") == "03-1234-5678", "it is prod's data that is on the disk"
    assert not containers(staging) & APPLICATION
    label = f"prod:{str(before['volume of prod'])[:5]}"
    assert staging.ssh(f"e2label {staging.data_disk()}").strip() == label, "prod's data, and it says so"
    compute, (server, _) = cloud().compute, staging.server()
    compute.reboot_server(server, "SOFT")
    compute.wait_for_server(compute.get_server(server), interval=0.3, wait=120)
    staging.wait_for_ssh()
    assert not containers(staging) & APPLICATION
    assert cloud().block_storage.find_volume(str(before["volume"])), "nothing was verified that could take its place"


def test_a_refresh_that_was_killed_harms_nothing_and_the_next_one_is_whole(
    staging: Toybox, before: dict[str, object]
) -> None:
    """Killed when the cloud has made a volume that the state does not know, and run again; killed when it has made a
    server that the state does not know, on a boot volume that it does. The next test's refresh must go on from there
    and leave nothing twice. Staging's former volume outlives both: nothing was verified that could replace it."""
    storage, known = cloud().block_storage, staging.recorded("data-volume")["id"]
    server = staging.server()[0]
    there = {volume.id for volume in storage.volumes(name="toybox-staging-data")}

    def made() -> set[str]:
        return {volume.id for volume in storage.volumes(name="toybox-staging-data")} - there

    def unknown_server() -> list[str]:
        found = [
            each for each in cloud().compute.servers() if each.metadata.get("instance_name_tag") == "toybox-staging"
        ]
        return [each.id for each in found if each.id != server]

    staging.killed("toybox", "refresh", seen=made, seconds=240)
    assert staging.pulumi("cancel", "--yes").returncode == 0
    assert staging.recorded("data-volume")["id"] == known
    assert len(made()) == 1
    assert not containers(staging) & APPLICATION, "what runs on unscrubbed data"
    staging.killed("toybox", "refresh", seen=unknown_server, seconds=240)
    assert staging.pulumi("cancel", "--yes").returncode == 0
    assert staging.recorded("server-instance")["id"] == server, "killed too late to prove anything"
    assert storage.find_volume(str(before["volume"]))


@pytest.mark.documented("docs/staging.md#refresh-staging-from-prod")
def test_staging_has_all_of_prods_data_and_nobody_in_it(
    prod: Toybox, staging: Toybox, before: dict[str, object], procedure: Procedures
) -> None:
    file = staging.workspace.program / "components" / "staging_scrub" / "personal_data.py"
    text = file.read_text()
    head = "EMPTIED: Mapping[str, str] = {\n"
    assert head in text
    with staging.changed_file("components/staging_scrub/personal_data.py", text.replace(head, head + LISTED)):
        steps = procedure(staging.shell())
        printed = steps.rest()
        # all of the data
        record = json.loads(staging.ssh("cat /srv/toybox/.staging-scrub.json"))
        tables = before["fingerprint"]["tables"]  # type: ignore[index]
        counted = {table: rows for table, rows in record["rows"]["before"].items() if table in tables}
        assert counted == tables
        now = staging.fingerprint()
        assert now["media"] == before["fingerprint"]["media"]  # type: ignore[index]
        emptied = set(record["rows"]["emptied"])
        assert {"accounts_ssotoken", "newsletter", "django_session"} <= emptied
        assert now["tables"] == {table: 0 if table in emptied else rows for table, rows in tables.items()}
        # nobody in it
        assert (
            sql(staging, "SELECT count(*) FROM accounts_user WHERE email <> 'user' || id || '@staging.invalid'") == "0"
        )
        assert sql(staging, "SELECT count(*) FROM accounts_user WHERE password <> '!'") == "0"
        assert sql(staging, "SELECT count(*) FROM posts_post WHERE body LIKE '%gmail.com%'") == "0"
        assert sql(staging, "SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = 'reader'") == "t"
        assert sql(staging, "SELECT count(*) FROM pg_stats WHERE tablename = 'newsletter'") == "0"
        assert "yuki.real@gmail.com" not in staging.ssh(
            "docker exec postgres sh -c 'cat $PGDATA/base/*/* 2>/dev/null' | grep -ao yuki.real@gmail.com | head -1",
            check=False,
        )
        assert cached(staging, "print(cache.get('prod'))").endswith("None")
        # nothing of prod's opens anything here, and no mail leaves
        assert staging.site().certificate_authority.read_text() != prod.site().certificate_authority.read_text()
        assert "TOYBOX_MAIL=off" in staging.ssh("docker exec web env")
        assert "dummy" in staging.manage("shell -c 'from django.conf import settings; print(settings.EMAIL_BACKEND)'")
        # what was said, written and left
        assert re.search(r"done +[0-9.]+ s", printed)
        assert "no real e-mail address in any column" in printed
        volume = staging.outputs()["dataVolumeId"]
        assert volume != before["volume"]
        assert staging.ssh(f"e2label {staging.data_disk()}").strip() == f"staging:{volume[:5]}"
        assert [each.id for each in cloud().block_storage.volumes(name="toybox-staging-data")] == [volume]
        settings = staging.workspace.settings_file("staging").read_text()
        assert re.search(r"origin:\n +source: (backup|snapshot)\n +id: [0-9a-f-]{36}\n +size: 200\n", settings)
        # a second update scrubs nothing and changes nothing
        assert "created" not in staging.up()
        assert json.loads(staging.ssh("cat /srv/toybox/.staging-scrub.json")) == record
    # prod was only read
    assert prod.outputs() == before["prod"]
    assert prod.fingerprint() == before["fingerprint"]


@pytest.mark.documented("docs/staging.md#log-in-to-staging")
def test_somebody_can_be_made_who_can_log_in_to_staging(staging: Toybox, procedure: Procedures) -> None:
    procedure(staging.shell()).run(stdin="a-long-password\n")
    assert sql(staging, "SELECT is_superuser FROM accounts_user WHERE username = 'tester'") == "t"


def test_stagings_data_volume_outlives_the_destruction_of_the_stack(staging: Toybox) -> None:
    volume = staging.outputs()["dataVolumeId"]
    done = staging.pulumi("destroy", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    assert cloud().block_storage.get_volume(volume).status == "available"
    tags = [server.metadata.get("instance_name_tag") for server in cloud().compute.servers()]
    assert "toybox-staging" not in tags
