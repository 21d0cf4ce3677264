"""What no recording shows: recordings with one thing altered by hand, and the rules' own corners."""

from typing import Any

import pytest

from ops.guard import declared, rules
from ops.guard.preview import UNKNOWN
from tests.unit.ops.guard.edits import not_found_by_a_refresh, remove, replace, unknown_to_the_state
from tests.unit.ops.guard.plans import LOSES
from tests.unit.ops.guard.recordings import altered, found, of_staging, step


def test_each_finding_says_what_means_and_how_to_proceed() -> None:
    for name, plan in LOSES.items():
        for finding in rules.findings(altered(plan.recording, *plan.edits)):
            assert finding.urn.startswith(("urn:pulumi:prod::toybox::", "urn:pulumi:staging::toybox::")), name
            for text in (finding.happens, finding.means, finding.proceed):
                assert text[0].isupper() or text[0].isdigit(), text
                assert text.rstrip("`").endswith("."), text
                assert UNKNOWN not in text


@pytest.mark.parametrize("key", ["authUrl", "region", "tenantName"])
def test_another_account_is_stopped(key: str) -> None:
    """Nothing of the state is there: the next update would make an empty disk."""

    def move(document: dict[str, Any]) -> None:
        provider = step(document, "openstack")
        provider["op"] = "update"
        provider["newState"]["inputs"][key] = "another"

    assert found(altered("no-change", move)) == {("move", "openstack")}


def test_a_volume_that_an_interrupted_replacement_left_behind_is_not_deleted_unseen() -> None:
    """Pulumi keeps it in the state beside the new one, under the same URN, and deletes it with the next update."""

    def leave(document: dict[str, Any]) -> None:
        volume = step(document, "data-volume")
        older = {key: value for key, value in volume["oldState"].items() if key != "protect"}
        document["steps"].insert(0, {"op": "delete", "urn": volume["urn"], "oldState": older})

    (finding,) = rules.findings(altered("no-change", leave))
    assert (finding.action, finding.name) == ("delete", "data-volume")
    assert "interrupted" in finding.means

    def leave_and_unprotect(document: dict[str, Any]) -> None:
        leave(document)
        for each in document["steps"]:
            each.get("newState", {}).pop("protect", None)

    assert found(altered("no-change", leave_and_unprotect)) == {("delete", "data-volume"), ("unprotect", "data-volume")}


def test_a_data_volume_that_is_not_retained_is_lost_with_its_deletion() -> None:
    def unretained(document: dict[str, Any]) -> None:
        step(document, "data-volume")["oldState"].pop("retainOnDelete")

    (finding, *_) = rules.findings(altered("no-change", remove("data-volume"), unretained))
    assert finding.means.startswith("Lost for good: every byte")


def test_whatever_is_protected_counts_as_data() -> None:
    def protected(document: dict[str, Any]) -> None:
        group = step(document, "server-security-group")
        group["oldState"]["protect"] = True
        group["op"] = "replace"

    assert found(altered("no-change", protected)) == {
        ("replace", "server-security-group"),
        ("unprotect", "server-security-group"),
    }


def test_a_new_staging_may_make_its_first_data_volume() -> None:
    """Its data is a copy, and it has nothing to lose. Production without a state has lost it, until somebody says that
    it is the first time."""
    preview = altered("state-lost", of_staging)
    assert found(preview) == set()
    assert any("first data volume of staging" in note for note in rules.notes(preview))
    assert found(altered("state-lost", lambda _: None)) == {("recreate", "data-volume")}


def test_staging_that_lost_its_data_volume_is_stopped() -> None:
    assert found(altered("no-change", unknown_to_the_state("data-volume"), of_staging)) == {("recreate", "data-volume")}


def test_a_preview_without_any_data_volume_is_stopped() -> None:
    """Somebody let it be deleted yesterday; today nothing speaks of it any more."""

    def without(document: dict[str, Any]) -> None:
        document["steps"].remove(step(document, "data-volume"))

    assert found(altered("no-change", without)) == {("recreate", "data-volume")}


def test_a_server_that_takes_the_volume_along_is_not_replaced() -> None:
    """The setting stands at the server that exists, so a change to the new one does not help."""

    def takes_along(document: dict[str, Any]) -> None:
        step(document, "server-instance")["oldState"]["inputs"]["blockDevices"][1]["deleteOnTermination"] = True

    assert found(altered("flavor", of_staging, takes_along)) == {("detach", "server-instance")}
    assert found(altered("no-change", takes_along)) == set()


def test_a_server_whose_volumes_are_not_known_yet_is_not_taken_for_one_with_the_data() -> None:
    def unknown(document: dict[str, Any]) -> None:
        step(document, "server-instance")["newState"]["inputs"]["blockDevices"][1]["uuid"] = UNKNOWN

    assert found(altered("flavor", of_staging, unknown)) == {("detach", "server-instance")}


def test_a_data_volume_attached_by_a_resource_of_its_own_is_kept() -> None:
    def attached(document: dict[str, Any]) -> None:
        server = step(document, "server-instance")
        device = server["newState"]["inputs"]["blockDevices"].pop()
        document["steps"].append(
            {
                "op": "replace",
                "urn": f"urn:pulumi:staging::toybox::toybox:server:Server${declared.VOLUME_ATTACHMENT}::data",
                "newState": {
                    "type": declared.VOLUME_ATTACHMENT,
                    "inputs": {"volumeId": device["uuid"]},
                },
            }
        )

    assert found(altered("flavor", of_staging, attached)) == set()


def test_a_docker_volume_that_comes_back_with_the_server_must_point_to_where_it_pointed() -> None:
    def elsewhere(document: dict[str, Any]) -> None:
        step(document, "volumes-media")["newState"]["inputs"]["driverOpts"]["device"] = "/srv/toybox/other"

    assert ("replace", "volumes-media") in found(altered("flavor", of_staging, elsewhere))


@pytest.mark.parametrize(
    "inputs",
    [
        {"driver": "local"},
        {"driver": "local", "driverOpts": {}},
        {"driver": "nfs", "driverOpts": {"type": "none", "o": "bind", "device": "/srv/toybox/media"}},
        {"driverOpts": {"type": "tmpfs", "o": "bind", "device": "/srv/toybox/media"}},
        {"driverOpts": {"type": "none", "o": "bind", "device": "/srv/toybox/../media"}},
        {"driverOpts": {"type": "none", "o": "bind", "device": "/srv/toybox"}},
        {"driverOpts": {"type": "none", "o": "bind", "device": "/srv/toyboxes/media"}},
        {"driverOpts": UNKNOWN},
    ],
    ids=str,
)
def test_a_docker_volume_that_is_no_pointer_to_the_data_disk_is_stopped(inputs: dict[str, Any]) -> None:
    def other(document: dict[str, Any]) -> None:
        step(document, "volumes-caddy-config")["newState"]["inputs"] = {"name": "caddy-config", **inputs}

    missing = not_found_by_a_refresh("volumes-caddy-config")
    assert ("recreate", "volumes-caddy-config") in found(altered("no-change", missing, other))


def test_a_docker_volume_that_leaves_the_program_is_stopped() -> None:
    def gone(document: dict[str, Any]) -> None:
        volume = step(document, "volumes-media")
        volume["op"] = "delete"
        del volume["newState"]

    finding, *others = rules.findings(altered("no-change", gone))
    assert (finding.action, finding.name) == ("delete", "volumes-media")
    assert {other.action for other in others} <= {"unmount", "share"}, "Docker makes an empty one under this name"
    assert "/srv/toybox/media" in finding.means


def test_a_docker_volume_that_is_no_longer_retained_is_stopped() -> None:
    def unretained(document: dict[str, Any]) -> None:
        step(document, "volumes-media")["newState"].pop("retainOnDelete")

    assert found(altered("no-change", unretained)) == {("unretain", "volumes-media")}


@pytest.mark.parametrize(
    ("reference", "pinned"),
    [
        ("docker.io/library/redis:7@sha256:" + "a" * 64, True),
        ("redis@sha256:" + "0" * 64, True),
        ("redis", False),
        ("redis:7", False),
        ("redis:latest", False),
        ("redis@sha256:" + "a" * 63, False),
        ("redis@sha256:" + "a" * 64 + "0", False),
        ("redis@md5:" + "a" * 64, False),
        (UNKNOWN, True),
    ],
)
def test_an_image_in_prod_is_pinned_by_its_whole_digest(reference: str, pinned: bool) -> None:
    """Also one that does not change: it should never have come in. What is not known yet is looked at where it is."""

    def other(document: dict[str, Any]) -> None:
        step(document, "redis-image-pulled")["newState"]["inputs"]["name"] = reference

    assert (("unpin", "redis-image-pulled") in found(altered("no-change", other))) is not pinned


def test_a_container_made_from_a_tag_is_stopped() -> None:
    def tag(document: dict[str, Any]) -> None:
        step(document, "redis-container")["newState"]["inputs"]["image"] = "redis:7"

    assert ("unpin", "redis-container") in found(altered("no-change", tag))


def test_an_image_that_is_built_in_prod_is_pinned_by_its_bases() -> None:
    def tag(document: dict[str, Any]) -> None:
        step(document, "caddy-image")["newState"]["inputs"]["build"]["buildArgs"]["CADDY_IMAGE"] = "caddy:2"

    assert found(altered("no-change", tag)) == {("unpin", "caddy-image")}


def test_an_image_of_staging_without_its_digest_is_noted_and_not_stopped() -> None:
    tag = replace("caddy-image", build={"buildArgs": {"CADDY_IMAGE": "caddy:2"}})
    preview = altered("no-change", tag, of_staging)
    assert found(preview) == set()
    assert any("no digest" in note for note in rules.notes(preview))


def test_an_empty_volume_for_a_keepers_backup_is_told_from_one_that_stays_empty() -> None:
    """It is stopped all the same: prod had a volume, and its state does not know of it."""

    def from_the_keeper(document: dict[str, Any]) -> None:
        step(document, "data-origin")["newState"]["inputs"]["input"]["origin"] = "keeper latest"

    preview = altered("state-lost", from_the_keeper)
    (finding,) = [each for each in rules.findings(preview) if each.action == "recreate"]
    assert "an empty one, on which what the keeper has is put (latest)" in finding.happens
