"""Prod back on a restore point, and back again."""

import pytest

from tests.lab.test_staging_refresh import restore_point, sql
from tests.lab.toybox import Toybox, cloud
from tests.procedure import Procedures, Shell


def newest_restore_point(shell: Shell) -> str:
    """Its id, as an operator reads it from the list."""
    code, printed = shell.run(
        "toybox restore-points list --stack prod --json | python3 -c "
        '\'import json, sys; print(json.load(sys.stdin)["restorePoints"][0]["id"])\''
    )
    assert code == 0, printed
    return printed.split()[-1]


@pytest.mark.documented("docs/getting-prod-back.md#put-prod-back-on-a-restore-point")
def test_a_lost_table_and_lost_uploads_come_back_exactly(prod: Toybox, procedure: Procedures) -> None:
    """They are lost in a way that the next test can mend, for other tests go on with this prod. The site answers
    without the table: `toybox adopt` looks at that, too."""
    restore_point(prod)
    expected, former = prod.fingerprint(), prod.outputs()
    sql(prod, "ALTER TABLE accounts_ssotoken RENAME TO lost;")
    prod.ssh("mkdir /srv/toybox/lost && mv /srv/toybox/media/* /srv/toybox/lost")

    steps = procedure(prod.shell())
    steps.run("toybox restore-points")
    point = newest_restore_point(steps.shell)
    code, refused = steps.shell.run(f"toybox restore volume --from {point}", "staging\n")
    assert code != 0
    assert "Nothing was changed" in refused
    printed = steps.run(values={"<restore point id>": point}, stdin="prod\n")

    assert prod.fingerprint() == expected
    assert f"toybox adopt {former['dataVolumeId']} --stack prod" in printed
    assert prod.outputs()["dataVolumeId"] != former["dataVolumeId"]
    kept = cloud().block_storage.get_volume(former["dataVolumeId"])
    assert kept.name.startswith("toybox-prod-data-before-")
    assert kept.status == "available"
    volume = prod.recorded("data-volume")
    assert volume["protect"]
    assert volume["retainOnDelete"]
    assert "unchanged" in prod.up()


def test_nothing_is_changed_while_the_state_is_locked(prod: Toybox) -> None:
    """By an update that was killed: its lock stays, and prod would be stopped and its volume renamed before the command
    met it. The folder with the locks is looked at as Pulumi writes it."""
    locks = prod.workspace.folder / "state" / ".pulumi" / "locks" / "organization" / "toybox" / "prod"
    prod.killed("pulumi", "up", "--yes", "--skip-preview", seen=lambda: list(locks.glob("*.json")), seconds=60)
    before = prod.outputs()
    point = newest_restore_point(prod.shell())
    try:
        for command in (
            f"toybox restore volume --from {point}",
            "toybox adopt --stack prod",
            "toybox kept delete x --stack prod",
        ):
            code, said = prod.shell().run(command, "prod\n")
            assert code != 0
            assert "The state of prod is locked. Nothing was changed." in said
            assert "`pulumi cancel --yes --stack prod`" in said
    finally:
        assert prod.pulumi("cancel", "--yes").returncode == 0
    volume, server = before["dataVolumeId"], cloud().compute.get_server(before["serverId"])
    assert cloud().block_storage.get_volume(volume).name == "toybox-prod-data"
    assert server.status == "ACTIVE"
    code, said = prod.shell().run(f"toybox adopt {volume} --stack prod")
    assert code == 0
    assert f"Volume {volume} is the data volume of prod already, attached to its server. Nothing was changed." in said


@pytest.mark.documented("docs/getting-prod-back.md#go-back-to-the-data-from-before")
def test_the_kept_volume_is_the_way_back(prod: Toybox, procedure: Procedures) -> None:
    """It is adopted exactly as it was put aside: what was lost is lost again."""
    expected, present = prod.fingerprint(), prod.outputs()["dataVolumeId"]
    (kept,) = [v for v in cloud().block_storage.volumes() if v.name.startswith("toybox-prod-data-before-")]
    procedure(prod.shell()).run(values={"<volume id>": kept.id}, stdin="prod\n")
    assert prod.outputs()["dataVolumeId"] == kept.id
    assert sql(prod, "SELECT to_regclass('accounts_ssotoken') IS NULL") == "t"
    assert prod.fingerprint()["media"]["files"] == 0
    sql(prod, "ALTER TABLE lost RENAME TO accounts_ssotoken;")
    prod.ssh("mv /srv/toybox/lost/* /srv/toybox/media && rmdir /srv/toybox/lost")
    assert prod.fingerprint() == expected
    assert cloud().block_storage.get_volume(kept.id).name == "toybox-prod-data"
    assert cloud().block_storage.get_volume(present).name.startswith("toybox-prod-data-before-")


@pytest.mark.documented("docs/getting-prod-back.md#volumes-that-were-kept")
def test_a_kept_volume_is_shown_and_deleted_by_its_name(prod: Toybox, procedure: Procedures) -> None:
    (kept,) = [v for v in cloud().block_storage.volumes() if v.name.startswith("toybox-prod-data-before-")]
    adopted = prod.outputs()["dataVolumeId"]
    steps = procedure(prod.shell())
    shown = steps.run("toybox kept list")
    assert f"{kept.id}  {kept.name}" in shown
    assert f"to adopt {adopted}, which is done" in shown
    for wanted, typed in ((kept.id, "prod"), (adopted, kept.name)):
        code, said = steps.shell.run(f"toybox kept delete {wanted} --stack prod", f"{typed}\n")
        assert code != 0, said
    steps.run(values={"<volume id>": kept.id}, stdin=f"{kept.name}\n")
    assert [v.id for v in cloud().block_storage.volumes() if v.name.startswith("toybox-prod-data")] == [adopted]
