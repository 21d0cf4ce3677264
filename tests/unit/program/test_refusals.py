"""What is wrong is said before anything is made, in words and without a traceback."""

import json
from pathlib import Path

import pulumi
import pytest

from tests.unit.program.conftest import configuration
from tests.unit.program.recording import IMAGE_ID, run_program


def test_wrong_settings_end_the_program_with_all_of_them(tmp_path: Path) -> None:
    config, encrypted = configuration("prod")
    config["toybox:access"] = "everybody"
    del config["toybox:postgresPassword"]
    with pytest.raises(pulumi.RunError) as refused:
        run_program("prod", config, encrypted, tmp_path)
    assert "toybox:access" in str(refused.value)
    assert "toybox:postgresPassword" in str(refused.value)
    assert not list(tmp_path.iterdir()), "nothing is written before the settings are right"


@pytest.mark.parametrize("images", [[], [IMAGE_ID, "0" * 8 + IMAGE_ID[8:]]], ids=["none", "two"])
def test_an_image_that_is_not_there_or_there_twice_is_named(images: list[str], tmp_path: Path) -> None:
    with pytest.raises(pulumi.RunError, match=r"toybox:server\.image") as refused:
        run_program("prod", *configuration("prod"), tmp_path, images=images)
    assert f"{len(images)} images" in str(refused.value)
    assert "bootImageId" in str(refused.value), "the way out if ConoHa has retired the image"


def test_an_image_given_by_its_id_is_not_looked_up(tmp_path: Path) -> None:
    """ConoHa rotates its images; a name that is gone must not block every later `pulumi up`."""
    config, encrypted = configuration("prod")
    server = json.loads(config["toybox:server"])
    config["toybox:server"] = json.dumps({**server, "image": IMAGE_ID})
    run = run_program("prod", config, encrypted, tmp_path, images=[])
    assert not run.invokes
    assert run.one("server-boot-volume").inputs["imageId"] == IMAGE_ID
    assert run.exports["bootImageId"] == IMAGE_ID
