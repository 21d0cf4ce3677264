"""Damage that nobody can undo by hand and a restore point mends, and what never does damage.

Under ConoHa's rules, with backups of its nights. Named after what happened to the data, or could have.
"""

import json
from collections.abc import Iterator

import pytest

from conoha import names
from tests.lab.recovery.test_prod_restore import newest_restore_point
from tests.lab.test_staging_refresh import restore_point
from tests.lab.toybox import Toybox, cloud


@pytest.fixture(scope="module", autouse=True)
def uploads(prod: Toybox) -> Iterator[None]:
    """As much as a site has after a while. Every fingerprint takes longer with it, so it goes again."""
    prod.ssh(
        "mkdir /srv/toybox/media/uploads && cd /srv/toybox/media/uploads && "
        "for n in $(seq 300); do head -c 1M /dev/urandom > $n.bin; done"
    )
    yield
    prod.ssh("rm -r /srv/toybox/media/uploads")


def test_another_label_on_a_docker_volume_replaces_none(prod: Toybox) -> None:
    """Every input of a Docker volume forces a replacement, and a replacement deletes (kreuzwerker/docker,
    resource_docker_volume.go): adding a label could once delete a database."""
    text = (prod.workspace.program / "components" / "containers" / "named_volumes.py").read_text()
    driver = '                driver="local",\n'
    label = f'{driver}                labels=[docker.VolumeLabelArgs(label="team", value="toybox")],\n'
    assert text.count(driver) == 1, "the volumes are declared in another way: change this test with it"
    with prod.changed_file("components/containers/named_volumes.py", text.replace(driver, label)):
        done = prod.pulumi("preview", "--expect-no-changes")
    assert done.returncode == 0, done.stdout


def test_next_months_restore_point_replaces_nothing_in_prod(prod: Toybox) -> None:
    restore_point(prod)
    point = newest_restore_point(prod.shell())
    with prod.changed_settings(dataVolume__origin={"source": "backup", "id": point, "size": 200}):
        done = prod.pulumi("preview", "--json")
    assert done.returncode == 0, done.stdout
    # the state notes the request and goes on with what the volume was made from (components/data/data_volume.py)
    planned = {(step["op"], step["urn"].rpartition("::")[2]) for step in json.loads(done.stdout)["steps"]}
    assert {each for each in planned if each[0] != "same"} == {("update", "data-origin")}


def test_wiped_disk_then_deleted_server_and_volume_come_back_from_the_last_night(prod: Toybox) -> None:
    """`rm -rf /var/lib/docker` with the containers running erases the disk through the mounts, and
    then somebody deletes server and volume, to begin anew. The night before has it all."""
    expected, before = prod.fingerprint(), prod.outputs()
    restore_point(prod)
    point = newest_restore_point(prod.shell())
    prod.ssh("rm -rf /var/lib/docker", check=False)
    assert prod.ssh("find /srv/toybox/media /srv/toybox/postgres -type f | wc -l").strip() == "0", "nothing was lost"
    prod.stop_server()
    prod.delete_server()
    storage = cloud().block_storage
    storage.wait_for_status(storage.get_volume(before["dataVolumeId"]), "available", ["error"], 0.3, 60)
    storage.delete_volume(before["dataVolumeId"])
    storage.wait_for_delete(storage.get_volume(before["dataVolumeId"]), interval=0.3, wait=60)

    code, printed = prod.shell().run(f"toybox restore volume --from {point}", "prod\n")
    assert code == 0, printed
    assert prod.fingerprint() == expected
    assert prod.outputs()["dataVolumeId"] != before["dataVolumeId"]
    held = [each.name for each in storage.volumes() if each.name.startswith(names.resource_name("prod", "data"))]
    assert held == ["toybox-prod-data"], "nothing is left twice"
    assert "unchanged" in prod.up()
