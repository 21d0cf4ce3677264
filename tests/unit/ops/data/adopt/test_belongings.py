"""What belongs to a stack in the cloud, and which volume is its data."""

import pytest
import yaml

from ops import OpsError
from ops.data.adopt.belongings import Cloud, Thing, data_volume, disposable
from ops.restore_points.model import Volume
from settings import DataVolume, Declared
from tests.unit.ops.data.volume.test_origin import CHECKOUT
from tests.unit.ops.data.volume.test_state import volume

ASIDE = "toybox-prod-data-before-20261124T0900Z"


@pytest.fixture
def settings() -> Declared:
    """Prod's data volume, as committed: nothing else of the settings is looked at."""
    config = yaml.safe_load((CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]
    return Declared.model_construct(data_volume=DataVolume.model_validate(config["toybox:dataVolume"]))


def cloud(*volumes: Volume) -> Cloud:
    return Cloud(
        servers=[Thing("s1", "toybox-prod"), Thing("s2", "toybox-prod2"), Thing("s3", "toybox-staging")],
        volumes=[volume("toybox-prod-boot", "boot", server="s1"), volume("toybox-prod2-boot", "boot2"), *volumes],
        key_pairs=[Thing("toybox-prod", "toybox-prod"), Thing("mine", "mine")],
        security_groups=[Thing("g1", "toybox-prod"), Thing("g2", "toybox-staging")],
    )


def test_nothing_of_another_stack_is_removed() -> None:
    """toybox-prod is the beginning of toybox-prod2."""
    parts = disposable(cloud(volume("toybox-prod-data", "data")), "prod")
    assert [each.id for each in parts.servers] == ["s1"]
    assert [each.id for each in parts.boot_volumes] == ["boot"]
    assert [each.id for each in parts.key_pairs] == ["toybox-prod"]
    assert [each.id for each in parts.security_groups] == ["g1"]
    assert not any("data" in line for line in parts.described())


def test_the_stacks_own_volume_is_found(settings: Declared) -> None:
    assert data_volume(cloud(volume("toybox-prod-data", "data")), "prod", settings, None).id == "data"


def test_of_two_the_one_that_the_stacks_server_has(settings: Declared) -> None:
    found = cloud(volume("toybox-prod-data", "data", server="s1"), volume("toybox-prod-data", "leftover"))
    assert data_volume(found, "prod", settings, None).id == "data"


@pytest.mark.parametrize(
    ("volumes", "wanted", "says"),
    [
        pytest.param([], None, "No volume is called toybox-prod-data", id="none"),
        pytest.param([volume(ASIDE, "aside")], None, "aside", id="only one that was put aside"),
        pytest.param(
            [volume("toybox-prod-data", "a"), volume("toybox-prod-data", "b")], None, "2 volumes are called", id="two"
        ),
        pytest.param([], "unknown", "no volume unknown", id="unknown"),
        pytest.param([volume("x", "x", server="s3")], "x", "attached to server toybox-staging", id="another stack's"),
        pytest.param([], "boot", "boot volume", id="a boot volume"),
        pytest.param(
            [Volume("x", "x", 500, "available", volume("x").created_at, {})], "x", "dataVolume.size to 500", id="size"
        ),
    ],
)
def test_what_cannot_be_told_is_asked(settings: Declared, volumes: list[Volume], wanted: str | None, says: str) -> None:
    with pytest.raises(OpsError) as refusal:
        data_volume(cloud(*volumes), "prod", settings, wanted)
    assert says in str(refusal.value)


def test_a_volume_of_any_name_can_be_adopted_by_its_id(settings: Declared) -> None:
    assert data_volume(cloud(volume("made-by-hand", "x")), "prod", settings, "x").name == "made-by-hand"
