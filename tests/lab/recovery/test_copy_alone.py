"""Production and its keeper are gone, with all that Pulumi knew of them: git, the passphrase and the copy are left."""

import yaml

from keeper.copy import IDLE, KEPT
from lab import loss, object_storage, registry
from lab.bench_recovery import FILES
from lab.keeper import secret
from lab.stack import initialise
from settings import ssh_public_key
from tests.lab.keeper import DATA, Keeper
from tests.lab.test_adopt import lose_the_state
from tests.lab.toybox import Toybox


def another_machine(keeper: Keeper) -> None:
    """Another machine in the place of the keeper's, with an empty disk, its host key in the settings; stacks without a
    state, as `toybox init` makes them of the settings in git."""
    workspace = keeper.workspace
    file = workspace.settings_file("keeper")
    settings = yaml.safe_load(file.read_text())
    lose_the_state(keeper)
    keeper.machine.remove()
    settings["config"]["toybox:machine"]["hostKey"] = keeper.machine.host_key()
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    keys = object_storage.keys_of(workspace.project)
    initialise(workspace, "keeper", keys.access, keys.secret)
    initialise(workspace, "prod")
    keeper.machine.order(ssh_public_key(secret(workspace, "keeper", "sshPrivateKey")))
    keeper.machine.trust(registry.AUTHORITY)


def test_production_comes_back_from_the_copy_alone(keeper: Keeper, prod: Toybox) -> None:
    keeper.backed_up("full", "files", "dump", "copy")
    expected, files = prod.fingerprint(), prod.ssh(FILES)
    loss.destroy(prod.workspace, prod.stack)
    another_machine(keeper)

    said = keeper.failing_up()
    assert "Stack prod has no outputs" in said
    for kind in ("full", "files", "dump", "archive", "mark", "copy"):  # as their timers do meanwhile
        keeper.ssh(f"toybox-keeper run {kind}", check=False)
    left = keeper.ssh(f"cd {DATA} && ls -d {' '.join(KEPT)} 2>/dev/null", check=False).split()
    assert set(left) <= {IDLE}, "something of its own stands where the copy belongs"
    shell = prod.shell()
    code, printed = shell.run("toybox recover --stack prod --from copy", "prod\n")
    shell.close()
    assert code == 0, printed
    assert "prod is back" in printed
    assert prod.fingerprint() == expected
    assert prod.ssh(FILES) == files

    # as docs/keeper.md, "The keeper is lost", has it: not one command more, for nothing stands in the copy's way
    keeper.ssh("systemctl stop 'toybox-keeper-*' && toybox-keeper restore-copy")
    keeper.up()
    keeper.await_stream(180)
    keeper.backed_up("full", "files", "dump", "copy")
    with keeper.scratch("latest") as scratch:
        assert scratch.sql("SELECT count(*) > 0 FROM posts_post") == "t"


def test_a_running_keeper_is_not_led_away_by_a_state_that_is_lost(keeper: Keeper, prod: Toybox) -> None:
    before = keeper.ssh("cat /etc/toybox-keeper/ssh_config")
    file = prod.workspace.folder / "state" / ".pulumi" / "stacks" / "toybox" / "prod.json"
    state = file.read_bytes()
    lose_the_state(prod)
    initialise(prod.workspace, "prod")
    try:
        assert "this keeper pulls from" in keeper.failing_up()
        assert keeper.ssh("cat /etc/toybox-keeper/ssh_config") == before
    finally:
        file.write_bytes(state)
    keeper.up()
