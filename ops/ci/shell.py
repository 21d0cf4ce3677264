"""The shell of a CI job: the secrets as private files, and the variables that operators set
(docs/guides/getting-started.md).

GitHub passes secrets in the environment of the one step that names them. The steps after it find files: an environment
can be read by every child, and ends up in many a log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops import OpsError
from ops.state import keys
from ops.state.keys import Keys

PASSPHRASE = "TOYBOX_PASSPHRASE"
ACCESS, SECRET = "TOYBOX_STATE_ACCESS_KEY", "TOYBOX_STATE_SECRET_KEY"
"""The secrets, by the names that they have in GitHub's environments as well."""


@dataclass(frozen=True)
class Shell:
    """What a job's later steps get."""

    files: Mapping[Path, str] = field(repr=False)
    """Private files and their contents."""
    variables: Mapping[str, str]
    path: tuple[Path, ...]
    """Folders that go to the front of PATH, the first one first."""


def missing(environment: Mapping[str, str], *, in_a_bucket: bool) -> tuple[str, ...]:
    """The secrets that the job was not given. GitHub passes one that does not exist as an empty text."""
    needed = (PASSPHRASE, ACCESS, SECRET) if in_a_bucket else (PASSPHRASE,)
    return tuple(name for name in needed if not environment.get(name, "").strip())


def prepared(environment: Mapping[str, str], folder: Path, root: Path, profile: str | None, built: bool) -> Shell:
    """The shell for a job. `folder` is the job's own; `profile` of the credentials file is None where the state is in a
    folder; `built` says that Pulumi is the project's own build, whose plugins lie beside it.

    Raises OpsError if a secret is missing: all of them are named.
    """
    if lacking := missing(environment, in_a_bucket=profile is not None):
        raise OpsError(
            f"Secrets are missing: {', '.join(lacking)}.\n"
            "    Why:     Without the passphrase the stack's settings cannot be read, and without the keys the bucket\n"
            "             with its state does not open.\n"
            "    Way out: Add them to the GitHub environment that the job names; docs/ci.md lists environments and\n"
            "             secrets. A pull request of Dependabot gets none: preview it on a branch of your own."
        )
    passphrase = folder / "passphrase"
    files = {passphrase: environment[PASSPHRASE].strip() + "\n"}
    variables = {"PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    if profile is not None:
        credentials = folder / "state-keys"
        files[credentials] = keys.section(profile, Keys(environment[ACCESS].strip(), environment[SECRET].strip()))
        variables[keys.VARIABLE] = str(credentials)
    if built:
        variables["PULUMI_HOME"] = str(root / ".toolchain" / "home")
    return Shell(files, variables, (root / "bin", root / ".venv" / "bin", root / ".toolchain" / "bin"))


def lines(shell: Shell) -> tuple[str, str]:
    """What is added to the files GITHUB_ENV and GITHUB_PATH names. A later line of the second goes before an earlier
    one (docs.github.com, workflow commands)."""
    variables = "".join(f"{name}={value}\n" for name, value in shell.variables.items())
    path = "".join(f"{folder}\n" for folder in reversed(shell.path))
    return variables, path
