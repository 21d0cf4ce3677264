"""Each former spelling leads to its new one, and a new one stays as it is."""

import pytest
from typer.testing import CliRunner

from ops.__main__ import app
from ops.former_spellings import translated

VOLUME = "8c99ddaf-5b0c-4a43-9d5e-1f2a3b4c5d6e"

FORMER = [
    ("prod restore --from 7b59c87d", "restore volume --from 7b59c87d"),
    ("prod restore --help", "restore volume --help"),
    ("prod --help", "restore volume --help"),
    ("prod", "restore volume --help"),
    ("staging refresh", "refresh"),
    ("staging refresh --from 7b59c87d --allow-older", "refresh --from 7b59c87d --allow-older"),
    ("staging", "refresh --help"),
    ("adopt prod", "adopt --stack prod"),
    (f"adopt prod {VOLUME}", f"adopt {VOLUME} --stack prod"),
    ("adopt prod kept", "adopt kept --stack prod"),
    ("leftovers prod", "leftovers --stack prod"),
    ("init prod", "init --stack prod"),
    ("rotate-host-key prod", "rotate-host-key --stack prod"),
    ("recover prod", "recover --stack prod"),
    ("recover prod --to latest --from copy", "recover --to latest --from copy --stack prod"),
    ("recover --from copy prod", "recover --from copy --stack prod"),
]

PRESENT = [
    *("", "--help", "status --stack prod", "adopt", f"adopt {VOLUME}", f"adopt {VOLUME} --stack prod", "init --help"),
    *("adopt kept --stack prod", "adopt --stack=prod kept", "adopt -s prod kept", "leftovers --stack prod", "refresh"),
    *("recover --to latest", "recover --stack prod --from copy", "restore volume --from 7b59c87d", "init", "prod up"),
    *("restore files media avatars", "logs web", f"kept delete {VOLUME} --stack prod"),
]


@pytest.mark.parametrize(("former", "new"), FORMER)
def test_a_former_spelling_leads_to_the_new_one(former: str, new: str) -> None:
    assert translated(former.split()) == new.split()


@pytest.mark.parametrize("line", [*PRESENT, *(new for _, new in FORMER)])
def test_a_present_spelling_stays_as_it_is(line: str) -> None:
    assert translated(line.split()) == line.split()


@pytest.mark.parametrize("verb", ["adopt", "init", "leftovers", "recover", "refresh", "restore", "rotate-host-key"])
def test_help_lists_the_verb_with_its_one_option_for_the_stack(verb: str) -> None:
    runner = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})
    listed = runner.invoke(app, ["--help"]).stdout
    assert f" {verb} " in listed
    assert not [group for group in ("prod", "staging") if f"│ {group} " in listed]
    command = ["restore", "volume"] if verb == "restore" else [verb]
    said = runner.invoke(app, [*command, "--help"]).stdout
    assert "--stack" in said
    assert "STACK" not in said.replace("PULUMI_STACK", "")
