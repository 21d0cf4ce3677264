"""What Pulumi says went wrong is told once."""

from ops.diagnostics import diagnostics

AWAY = "    error: Cannot connect to the Docker daemon at ssh://root@198.51.100.7"


def printed(*blocks: str) -> list[str]:
    listed = "\n\n".join(blocks)
    return f"Updating (prod):\n  ~ many lines\n\nDiagnostics:\n{listed}\n\nResources:\n    2 unchanged\n".splitlines()


def test_a_message_that_many_resources_have_is_told_once_with_all_their_names() -> None:
    """A server that was away made Docker's plugin say so 19 times."""
    names = [f"service-{number}" for number in range(19)]
    said = diagnostics(printed(*(f"  docker:index:Container ({name}):\n{AWAY}" for name in names)))
    assert said.count("Cannot connect") == 1
    assert all(name in said for name in names)


def test_different_messages_are_all_told_under_their_resources() -> None:
    said = diagnostics(
        printed(
            f"  docker:index:Container (web):\n{AWAY}",
            "  command:remote:Command (host-ready):\n    error: unfit\n    it has two daemons",
            f"  docker:index:Container (redis):\n{AWAY}",
        )
    )
    assert said.splitlines()[:5] == [
        "docker:index:Container (web), docker:index:Container (redis):",
        AWAY,
        "  command:remote:Command (host-ready):",
        "    error: unfit",
        "    it has two daemons",
    ]


def test_without_diagnostics_everything_is_told() -> None:
    assert diagnostics(["error: no stack named 'prod' found", ""]) == "error: no stack named 'prod' found"


def test_only_the_diagnostics_of_the_update_count_and_not_those_of_its_preview() -> None:
    lines = [*printed("  a:b:C (preview):\n    warning: x"), *printed("  a:b:C (update):\n    error: y")]
    assert "preview" not in diagnostics(lines)
