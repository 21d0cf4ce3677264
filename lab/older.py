"""A day more for the keeper's full backups: their ids and times go back, so that retention takes a round for a night.

Stands alone: sent to the keeper and run there by `python3 - FOLDER`, as root. FOLDER is Barman's of the source. The
times of WAL stay: Barman deletes it by its names, with the oldest backup.
"""

import re
import sys
from datetime import datetime, timedelta
from pathlib import Path

DAY = timedelta(days=1)
ID = "%Y%m%dT%H%M%S"
TIME = re.compile(r"^((?:begin|end)_time=)(.+)$", re.MULTILINE)


def older_id(identifier: str) -> str:
    """Return a backup's id of a day before. Pure."""
    return f"{datetime.strptime(identifier, ID) - DAY:{ID}}"


def older_times(text: str) -> str:
    """Return a backup.info whose backup began and ended a day before. Pure."""
    return TIME.sub(lambda found: f"{found[1]}{datetime.fromisoformat(found[2]) - DAY}", text)


def main(folder: Path) -> None:
    """Move all of them, the oldest first: an id is free when it is needed."""
    for backup in sorted((folder / "base").iterdir()):
        information = backup / "backup.info"
        information.write_text(older_times(information.read_text()))
        backup.rename(backup.with_name(older_id(backup.name)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
