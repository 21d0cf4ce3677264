"""The origin in a settings file: replaced, and nothing else touched."""

from pathlib import Path

import pytest
import yaml

from ops import OpsError
from ops.data.volume import origin

CHECKOUT = Path(__file__).resolve().parents[5]
POINT: dict[str, str | int] = {"source": "backup", "id": "3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64", "size": 200}


@pytest.mark.parametrize("stack", ["prod", "staging"])
def test_the_committed_files_change_in_these_lines_alone(stack: str) -> None:
    before = (CHECKOUT / f"Pulumi.{stack}.yaml").read_text()
    after = origin.written(before, POINT)
    assert set(before.splitlines()) - set(after.splitlines()) == {"      source: blank"}
    assert [line for line in after.splitlines() if line not in before.splitlines()] == [
        "      source: backup",
        "      id: 3f2c8a0e-9d41-4f6e-8c1b-2a7d5e9b0c64",
        "      size: 200",
    ]
    document = yaml.safe_load(before)
    document["config"]["toybox:dataVolume"]["origin"] = POINT
    assert yaml.safe_load(after) == document


def test_writing_it_again_changes_nothing_and_another_one_leaves_no_trace() -> None:
    before = (CHECKOUT / "Pulumi.prod.yaml").read_text()
    once = origin.written(before, POINT)
    assert origin.written(once, POINT) == once
    assert origin.written(once, {"source": "blank"}) == before


def test_a_file_as_pulumi_and_the_lab_write_it() -> None:
    """Four spaces, or two; the block somewhere in the middle, or at the end; comments that belong to what follows."""
    text = """\
config:
    toybox:dataVolume:
        origin: # the first time
            source: snapshot
            id: old

            size: 200

        # how large
        size: 200
    # the others
    toybox:domain: x
"""
    after = origin.written(text, origin.adopted("new"))
    assert after == text.replace("source: snapshot", "source: adopted").replace(
        "id: old\n\n            size: 200", "id: new"
    )
    end = "config:\n  toybox:dataVolume:\n    size: 1\n    origin:\n      source: blank\n"
    assert origin.written(end, origin.adopted("new")) == end.replace("blank\n", "adopted\n      id: new\n")


@pytest.mark.parametrize("text", ["", "config:\n  toybox:dataVolume: {origin: {source: blank}}\n"])
def test_a_file_without_the_block_is_left_alone(text: str, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.staging.yaml"
    file.write_text(text)
    with pytest.raises(OpsError, match="toybox:dataVolume"):
        origin.write(file, origin.adopted("new"))
    assert file.read_text() == text


def test_the_file_keeps_its_mode(tmp_path: Path) -> None:
    """On the lab it holds the lab's own secrets, encrypted, and is private."""
    file = tmp_path / "Pulumi.staging.yaml"
    file.write_text((CHECKOUT / "Pulumi.staging.yaml").read_text())
    file.chmod(0o600)
    assert origin.write(file, POINT)
    assert not origin.write(file, POINT)
    assert file.stat().st_mode & 0o777 == 0o600
