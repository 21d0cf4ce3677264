"""A stack whose state was lost, and volumes that somebody else made."""

import pytest

from lab import loss
from tests.lab.toybox import Toybox, cloud, new_stack
from tests.procedure import Procedures


def lose_the_state(toybox: Toybox) -> None:
    """The stack's own files of the state; other stacks share the folder."""
    loss.lose_the_state(toybox.workspace, toybox.stack)


@pytest.mark.documented("docs/getting-prod-back.md#the-state-was-lost")
def test_a_lost_state_loses_nothing_else(prod: Toybox, procedure: Procedures) -> None:
    before, expected = prod.outputs(), prod.fingerprint()
    lose_the_state(prod)
    printed = procedure(prod.shell()).run(stdin="prod\n")
    assert f"server toybox-prod ({before['serverId']})" in printed
    after = prod.outputs()
    assert after["dataVolumeId"] == before["dataVolumeId"]
    assert after["serverId"] != before["serverId"]
    assert prod.fingerprint() == expected
    volume = prod.recorded("data-volume")
    assert volume["protect"]
    names = [each.name for each in cloud().block_storage.volumes() if each.name.startswith("toybox-prod-boot")]
    assert len(names) == 1, "no boot volume is left behind, and paid for"


def test_adoption_leaves_a_volume_as_it_is(prod: Toybox) -> None:
    """Name, description and metadata that somebody else gave it: an import that needed a change would be one. No server
    is made for it; the program is asked for the volume alone, of a stack that has nothing yet."""
    storage = cloud().block_storage
    made = storage.create_volume(
        name="made-by-hand",
        description="Ask Yuki",
        metadata={"owner": "yuki"},
        size=200,
        volume_type="c3j1-ds02-add",
    )
    storage.wait_for_status(made, "available", interval=0.3)
    origin = {"source": "adopted", "id": made.id}
    try:
        with new_stack(prod.workspace, "adopting") as other, other.changed_settings(dataVolume__origin=origin):
            # what hangs on the server fails, for it is left out; the volume comes first
            targets = [f"--target=**::{name}" for name in ("data", "data-volume")]
            said = other.pulumi("up", "--yes", "--skip-preview", *targets).stdout
            assert "imported" in said, said
            adopted = other.recorded("data-volume")
            assert adopted["id"] == made.id
            found = storage.get_volume(made.id)
            assert (found.name, found.description, found.metadata) == ("made-by-hand", "Ask Yuki", {"owner": "yuki"})
    finally:
        storage.delete_volume(made.id)


def test_prods_volume_cannot_be_adopted_by_another_stack_not_by_its_settings_either(prod: Toybox) -> None:
    """The command looks at names and states; the program at what the import shows, in the preview."""
    volume = prod.outputs()["dataVolumeId"]
    origin = {"source": "adopted", "id": volume}
    with new_stack(prod.workspace, "adopting") as other:
        code, said = other.shell().run(f"toybox adopt {volume} --stack adopting", "adopting\n")
        assert code != 0
        assert "is another stack's: the state of prod has it" in said
        with other.changed_settings(dataVolume__origin=origin):
            done = other.pulumi("preview")
        assert done.returncode != 0
        assert f"adopts {volume}, a volume of prod" in done.stdout, done.stdout
        assert not other.state().get("deployment", {}).get("resources")
