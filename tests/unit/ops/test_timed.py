"""What of Pulumi's progress is shown, and that steps are told with their time."""

import pytest

from ops.timed import Timed, shown

BOOT = "openstack:blockstorage:Volume server-boot-volume"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            " ++ openstack:blockstorage:Volume data-volume created replacement (16s)[retain] [diff: +backupId]",
            "openstack:blockstorage:Volume data-volume created replacement (16s)",
        ),
        (f" -- {BOOT} deleted original (3s)", f"{BOOT} deleted original (3s)"),
        (
            " +  command:remote:Command host-reachable created (55s) attempt 14: cannot connect to 198.51.100.83:22",
            "command:remote:Command host-reachable created (55s)",
        ),
        (
            " +  command:remote:Command scrub-done created (20s) staging scrub: 1046 rows, 500 media files, 16.0 s",
            "command:remote:Command scrub-done created (20s): staging scrub: 1046 rows, 500 media files, 16.0 s",
        ),
        (
            " =  openstack:blockstorage:Volume data-volume imported (1s)",
            "openstack:blockstorage:Volume data-volume imported (1s)",
        ),
        ("    error: the volume is gone", "error: the volume is gone"),
        (f" +- {BOOT} replaced (0.00s)", None),
        (" -- docker:index:Network networks-edge deleted original (2s)", None),
        (" +  pulumi:pulumi:Stack toybox-prod created (90s)", None),
        (f" ++ {BOOT} creating replacement (0s)", None),
        ("Duration: 3m", None),
    ],
)
def test_what_was_done_is_shown_once(line: str, expected: str | None) -> None:
    assert shown(line) == expected


def fail() -> None:
    raise RuntimeError("on purpose")


def test_a_step_that_fails_is_told_too() -> None:
    said: list[str] = []
    timed = Timed(said.append)
    with timed.step("first"):
        pass
    with pytest.raises(RuntimeError, match="on purpose"), timed.step("second"):
        fail()
    assert ["done" in said[0], "failed" in said[1]] == [True, True]
