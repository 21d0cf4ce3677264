"""The keys that open the bucket: made by the cloud for the API user, kept in a file in the AWS SDKs' own format.

Pulumi reads them there by itself. They stand in no command line and in no environment: both can be read by others.
"""

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops import OpsError
from ops.state.location import refused

VARIABLE = "AWS_SHARED_CREDENTIALS_FILE"


@dataclass(frozen=True)
class Keys:
    """A pair of S3 keys."""

    access: str
    secret: str = field(repr=False)


def file(environment: Mapping[str, str]) -> Path:
    """The credentials file that Pulumi reads: AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials."""
    named = environment.get(VARIABLE)
    return Path(named) if named else Path.home() / ".aws" / "credentials"


def stored(path: Path, profile: str) -> Keys | None:
    """The keys of a profile, or None. Raises OpsError if the file cannot be used or others may read it."""
    setting = f"the credentials file {path}"
    try:
        text = path.read_text()
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return None
    except OSError as error:
        why = "It holds the keys of the bucket with the state."
        raise refused(setting, f"cannot be read: {error.strerror}", why, f"See to it, or set {VARIABLE}.") from None
    if mode & 0o077:
        why = "Whoever has the keys can read and change the state."
        raise refused(setting, f"can be read by others (mode {mode:04o})", why, f"chmod 600 {path}")
    parsed = configparser.RawConfigParser()
    try:
        parsed.read_string(text)
        section = parsed[profile]
        return Keys(section["aws_access_key_id"], section["aws_secret_access_key"])
    except KeyError:
        return None
    except configparser.Error as error:
        # not the error's text, which quotes the line: it may hold a key
        at = f" in line {line}" if (line := getattr(error, "lineno", None)) else ""
        why = "Pulumi cannot read it either."
        raise refused(setting, f"is broken{at}", why, "Mend it, or move it away.") from None


def section(profile: str, keys: Keys) -> str:
    """The text of one profile."""
    return f"[{profile}]\naws_access_key_id = {keys.access}\naws_secret_access_key = {keys.secret}\n"


def add(path: Path, profile: str, keys: Keys) -> None:
    """Add a profile at the end of the file, which is made for its owner alone. What stands in it stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(opened, "a") as target:
        before = path.read_text()
        blank = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        target.write(blank + section(profile, keys))


def of_the_account(connection: Any) -> Keys:
    """The API user's keys: those that the cloud has for it already, or new ones. `connection` is openstacksdk's.

    Keystone's OS-EC2 API, which ConoHa's documentation names as the way to S3 keys; the control panel makes none. A
    user's keys are listed with their secrets, so that a second operator gets the same ones.
    """
    path = f"/users/{connection.current_user_id}/credentials/OS-EC2"
    project = connection.current_project_id
    answer = connection.identity.get(path)
    if answer.ok:
        there = [each for each in answer.json()["credentials"] if each["tenant_id"] == project]
        if there:
            return Keys(there[0]["access"], there[0]["secret"])
        answer = connection.identity.post(path, json={"tenant_id": project})
    if not answer.ok:
        raise OpsError(
            f"The cloud makes no keys for the bucket: {answer.status_code} {answer.reason} at {path}.\n"
            "    Why:     Pulumi reads and writes the state with S3 keys, not with the API user's password.\n"
            "    Way out: See in ConoHa's control panel whether object storage is ordered for this account, then again."
        )
    made = answer.json()["credential"]
    return Keys(made["access"], made["secret"])
