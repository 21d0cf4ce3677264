"""The keeper's program answers in JSON, also when it refuses. Whatever else comes back is no answer."""

from pathlib import Path
from typing import Any

import pytest

from host.ssh import NoAnswerError
from ops import OpsError
from ops.backup import asking
from ops.backup.asking import Keeper
from ops.pulumi_cli import PulumiStack

KEEPER = Keeper(PulumiStack("keeper", Path("/")), "192.0.2.9", "prod")


def test_words_reach_the_keeper_as_they_are_typed() -> None:
    assert asking.command("list", "--path", "media/my picture; rm") == (
        "toybox-keeper list --path 'media/my picture; rm' --json"
    )


def test_a_failed_job_is_an_answer() -> None:
    assert asking.told(1, '{"ok": false, "why": "no disk"}\n', "no disk") == {"ok": False, "why": "no disk"}


@pytest.mark.parametrize(
    ("output", "complaint", "said"),
    [
        ("", "Warning\nPermission denied (publickey).\n", "Permission denied"),
        ("Welcome!", "", "ended with 255"),
        ("[1]", "", "ended with 255"),
    ],
    ids=["ssh's", "something else", "a list"],
)
def test_what_is_no_answer_says_why(output: str, complaint: str, said: str) -> None:
    with pytest.raises(NoAnswerError, match=said):
        asking.told(255, output, complaint)


def test_a_refusal_and_a_silence_are_errors_that_name_the_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> dict[str, Any]:
        return {"error": "no disk"}

    def is_silent(*_: object, **__: object) -> dict[str, Any]:
        raise NoAnswerError("No route to host")

    for answer, said in ((refuses, "no disk"), (is_silent, "uptime")):
        monkeypatch.setattr(asking, "ask", answer)
        with pytest.raises(OpsError, match="keeper") as error:
            asking.answered(KEEPER, "list")
        assert said in str(error.value)


def test_a_shell_of_another_stack_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULUMI_STACK", "prod")
    monkeypatch.setenv("PULUMI_OPTION_CONFIG_FILE", str(tmp_path / "Pulumi.prod.yaml"))
    assert asking.opened("keeper").settings_file == tmp_path / "Pulumi.keeper.yaml"
    assert asking.opened("prod").settings_file == tmp_path / "Pulumi.prod.yaml"


DECLARED = """\
config:
  toybox:environment: keeper
  toybox:machine:
    address: 198.51.100.9
    hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJkQ0Y7yQ9sZ9bLw0pVQ4s8m0x1Yb6rZr8f2uG3k5N7a
  toybox:keeps: prod
"""


def test_the_keeper_beside_a_stack_is_found_and_reached_without_its_state(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULUMI_STACK", "prod")
    monkeypatch.setenv("PULUMI_OPTION_CONFIG_FILE", str(tmp_path / "Pulumi.prod.yaml"))
    (tmp_path / "Pulumi.prod.yaml").write_text("config:\n  toybox:environment: production\n")
    (tmp_path / "Pulumi.watch.yaml").write_text(DECLARED)
    monkeypatch.setattr(PulumiStack, "secret", lambda *_: "the key\n")
    stack = PulumiStack("prod", tmp_path)
    monkeypatch.setattr(asking, "ROOT", tmp_path)
    found = asking.keeper_for(stack)
    assert (found.stack.name, found.address, found.keeps) == ("watch", "198.51.100.9", "prod")
    folder = tmp_path / ".toybox" / "watch" / "ssh"
    assert (folder / "known_hosts").read_text().startswith("toybox-watch ssh-ed25519 AAAA")
    assert (folder / "identity").read_text() == "the key\n"
    (tmp_path / "Pulumi.keeper.yaml").write_text(DECLARED)
    with pytest.raises(OpsError, match="the settings of one keeper, and there are keeper, watch"):
        asking.keeper_for(stack)
