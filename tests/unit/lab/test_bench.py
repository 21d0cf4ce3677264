"""The benchmarks' page says what was measured, and says so where a goal is missed."""

from lab.bench import MEMORY_GOAL, Machine, Result, Timing, recovery_section, render


def result(*, up: float, preview: float, memory: int, refreshes: tuple[float, float] = (60, 70)) -> Result:
    few, many = refreshes
    return Result(
        date="2026-11-24",
        commit="0123456789ab",
        machine=Machine("a processor", 2, 8192, "a system", "3.11", "v3"),
        timings=(Timing("up", "make up", (up, up + 1, up + 50), goal=90),),
        preview=Timing("ours", "pulumi preview", (preview,)),
        empty_preview=Timing("empty", "pulumi preview", (2.0,)),
        refreshes=(Timing("few", "toybox", (few,), goal=90), Timing("many", "toybox", (many,), goal=90)),
        services={"nova": memory - 100, "mariadb": 100},
    )


def test_goals_that_are_met_are_not_remarked_on() -> None:
    page = render(result(up=20, preview=2.7, memory=MEMORY_GOAL))
    assert "| up | `make up` | 3 | 21.0 | 20.0 to 70.0 | 90 |" in page, "the median, and not the mean"
    assert "takes 0.70 s more than" in page
    assert f"hold {MEMORY_GOAL} MiB" in page
    assert "staging takes 1.17 times as long" in page
    assert "missed" not in page


def test_every_goal_that_is_missed_is_named() -> None:
    assert render(result(up=100, preview=2.5, memory=100)).count("**missed**") == 1
    assert render(result(up=20, preview=2.8, memory=100)).count("**missed**") == 1
    assert render(result(up=20, preview=2.5, memory=MEMORY_GOAL + 1)).count("**missed**") == 1
    assert render(result(up=20, preview=2.5, memory=100, refreshes=(91, 100))).count("**missed**") == 1
    assert render(result(up=20, preview=2.5, memory=100, refreshes=(60, 79))).count("**missed**") == 1


def test_what_was_measured_of_recovery_stays_on_the_page() -> None:
    page = render(result(up=20, preview=2.5, memory=100))
    assert recovery_section(page) == "", "the comment at the top names the section, and is none"
    section = "\n## Recovery\n\nRPO of 20 kills: 0 rows lost.\n"
    assert recovery_section(page + section) == section
