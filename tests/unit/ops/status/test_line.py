"""A line of the status, and what all of them come to."""

from typing import Any

import pytest

from ops import OpsError
from ops.status.line import Line, Verdict, well
from ops.status.look import answered
from ops.status.render import print_lines, status_json
from tests.unit.ops.restore_points.cloud import NOW, point
from tests.unit.ops.status.world import HOUR


def test_there_is_no_red_line_without_the_next_command() -> None:
    with pytest.raises(ValueError, match="without the next command"):
        Line("site", "bad", "does not answer")


@pytest.mark.parametrize(
    ("verdicts", "expected"), [(["good", "off", "unknown"], True), (["good", "bad"], False), ([], True)]
)
def test_only_red_is_not_well(verdicts: list[Verdict], expected: bool) -> None:
    assert well([Line("", verdict, "", "look") for verdict in verdicts]) is expected


def test_the_json_says_the_same() -> None:
    lines = [Line("server", "good", "ACTIVE"), Line("site", "bad", "does not answer", "pulumi up")]
    assert status_json("prod", lines, point(HOUR, source="backup"), NOW) == {
        "stack": "prod",
        "ok": False,
        "newestRestorePoint": {"id": "a", "source": "backup", "ageSeconds": 3600},
        "checks": [
            {"name": "server", "verdict": "good", "text": "ACTIVE", "command": None},
            {"name": "site", "verdict": "bad", "text": "does not answer", "command": "pulumi up"},
        ],
    }


def test_the_command_stands_under_its_line_as_it_is_to_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines([Line("server", "bad", "it is off", "pulumi up --replace '**::x[0]'"), Line("site", "good", "200")])
    assert capsys.readouterr().out.splitlines() == [
        "!! server         it is off",
        "     pulumi up --replace '**::x[0]'",
        "ok site           200",
    ]


def test_what_the_cloud_does_not_answer_is_a_line_and_no_end() -> None:
    lines: list[Line] = []

    def refuse() -> Any:
        raise OpsError("503 maintenance")

    assert answered(lines, "server", "prod", refuse) == (None, False)
    assert answered(lines, "volume", "prod", lambda: "v") == ("v", True)
    assert [(line.name, line.verdict, line.text) for line in lines] == [("server", "bad", "503 maintenance")]
