"""What tests measure: a line each, printed when all have run."""

from lab.paths import LAB_DIR

FILE = LAB_DIR / "measured"


def measured(line: str) -> None:
    """Note a line. The processes of pytest's that run tests print nothing themselves."""
    with FILE.open("a") as file:
        file.write(line + "\n")


def lines() -> list[str]:
    """Return what was noted."""
    return FILE.read_text().splitlines() if FILE.exists() else []


def forget() -> None:
    """Remove what an earlier run noted."""
    FILE.unlink(missing_ok=True)
