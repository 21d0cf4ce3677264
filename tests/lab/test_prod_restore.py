"""Prod back on a restore point, and back again."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ops import OpsError
from ops.data_volume import database
from ops.restore_points.model import RestorePoint, Volume
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
    code, refused = steps.shell.run(f"toybox prod restore --from {point}", "staging\n")
    assert code != 0
    assert "Nothing was changed" in refused
    printed = steps.run(values={"<restore point id>": point}, stdin="prod\n")

    assert prod.fingerprint() == expected
    assert f"toybox adopt prod {former['dataVolumeId']}" in printed
    assert prod.outputs()["dataVolumeId"] != former["dataVolumeId"]
    kept = cloud().block_storage.get_volume(former["dataVolumeId"])
    assert kept.name.startswith("toybox-prod-data-before-")
    assert kept.status == "available"
    volume = prod.recorded("data-volume")
    assert volume["protect"]
    assert volume["retainOnDelete"]
    assert "unchanged" in prod.up()


def test_a_database_that_is_newer_than_its_volume_is_no_success(prod: Toybox) -> None:
    """As if the volume had been made before this database: it cannot have come with it."""
    stack: Any = SimpleNamespace(name="prod", outputs=prod.outputs, on_server=lambda _, command: prod.ssh(command))
    past = datetime(2026, 1, 22, tzinfo=UTC)
    volume = Volume(prod.outputs()["dataVolumeId"], "toybox-prod-data", 200, "in-use", past, {}, "server")
    point = RestorePoint("an-id", "backup", volume.id, volume.name, 200, past, "available", "available")
    with pytest.raises(OpsError, match=r"empty database. PostgreSQL made it at 20\d\d-") as caught:
        database.refuse_a_new_one(stack, volume, point, "the-kept-volume")
    assert "`toybox adopt prod the-kept-volume`" in str(caught.value)


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
    cloud().block_storage.delete_volume(present)
