"""Print what differs on the keeper's machine from what the last update left there, as one JSON object: piped over SSH
to `python3 -`. It changes nothing. Standard library only."""

import hashlib
import json
import os
import re
import subprocess

LIBRARY = "/usr/local/lib/toybox-keeper"
MANIFESTS = (LIBRARY + "/manifest.json", "/etc/toybox-keeper/secrets.json")
APPLIED = "/var/lib/toybox-keeper/applied"


def text_of(path: str) -> str:
    """Return a file's text; "" if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def differing() -> list[str]:
    """Return the files that are not as their manifest has them, and a manifest that is not there."""
    found = []
    for manifest in MANIFESTS:
        told = text_of(manifest)
        if not told:
            found.append(manifest)
            continue
        for path, wanted in json.loads(told)["files"].items():
            try:
                with open(path, "rb") as file:
                    same = hashlib.sha256(file.read()).hexdigest() == wanted["sha256"]
                    same = same and os.stat(file.fileno()).st_mode & 0o7777 == wanted["mode"]
            except OSError:
                same = False
            if not same:
                found.append(path)
    return found


def stopped() -> list[str]:
    """Return the units that would not start at a boot, and the timers that do not run. A service that tries again is
    the source's matter, and no update mends it."""
    named = re.search(r"^UNITS='(.*)'$", text_of(LIBRARY + "/parameters"), re.MULTILINE)
    units = named[1].split() if named else []
    found = []
    for question, asked in (
        ("is-enabled", units),
        ("is-active", [unit for unit in units if not unit.endswith(".service")]),
    ):
        told = subprocess.run(["systemctl", question, *asked], capture_output=True, text=True, check=False).stdout
        states = told.split()
        found += [unit for unit, state in zip(asked, states, strict=False) if state not in ("enabled", "active")]
    return sorted(set(found))


if __name__ == "__main__":
    print(json.dumps({"applied": text_of(APPLIED).strip(), "differs": differing() + stopped()}))
