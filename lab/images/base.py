"""The small Debian 12 under every image of the lab, made by mmdebstrap once and kept as a tar archive."""

import hashlib
import re
import subprocess
from pathlib import Path

from lab.engine import LABEL
from lab.images import build
from lab.locks import locked
from lab.steps import run

SUITE = "bookworm"

OPTIONS = (
    "--variant=minbase",
    # init-system-helpers bring usrmerge, and that all of Perl (48 MB); the other package does, too
    "--include=usr-is-merged",
    '--customize-hook=chroot "$1" apt-get --yes purge usrmerge "perl-modules*"',
    "--dpkgopt=force-unsafe-io",  # nothing here need survive a power cut: a half-made archive is made again
    *(
        f"--dpkgopt=path-exclude={pattern}"
        for pattern in ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")
    ),
)
"""How the system is made. dpkg's options stay in force for what is installed in it later."""

KEY = hashlib.sha256("\n".join((SUITE, *OPTIONS)).encode()).hexdigest()[:12]
"""Changes with the way the base is made."""

IMAGE = f"toybox-lab/debian:{SUITE}-{KEY}"


def base_image(cache: Path, log_dir: Path) -> str:
    """See to it that the engine has the base image; return its name. Raises `LabError`.

    The archive in `cache` is made when it is missing (most of a minute); importing it takes three seconds. The
    image bears the lab's label, so everything that is built on it does, down to a build's passing containers.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "debian.lock"):
        if not build.has(IMAGE):
            log = log_dir / "image-debian.log"
            archive = cache / f"debian-{SUITE}-{KEY}.tar"
            if not archive.exists():
                _make(archive, log)
            run("docker", "import", "--change", f"LABEL {LABEL}", archive, IMAGE, log=log)
    return IMAGE


def _make(archive: Path, log: Path) -> None:
    """Make the archive from the machine's own sources of Debian packages, and with its own way to reach them."""
    line = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    lines = debian_sources(_output("apt-get", "indextargets", "--format", line, "Created-By: Packages"))
    settings = _output("apt-config", "dump", "--no-empty", "Acquire")
    half_made = archive.with_suffix(".half-made.tar")
    sources = archive.with_suffix(".list")
    sources.write_text("\n".join(lines))
    options = [*OPTIONS, *(f"--aptopt={setting}" for setting in reaching(settings))]
    # on a machine that is not a Debian 12, mmdebstrap itself knows the sources
    run("mmdebstrap", *options, SUITE, half_made, *([sources] if lines else []), log=log)
    half_made.rename(archive)
    sources.unlink()


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def debian_sources(targets: str) -> list[str]:
    """The lines of a sources.list for Debian 12 main, out of a machine's index targets ("URI SUITE COMPONENT")."""
    suites = {SUITE, f"{SUITE}-updates", f"{SUITE}-security"}
    return [
        f"deb {uri} {suite} {component}"
        for uri, suite, component in dict.fromkeys(tuple(line.split()) for line in targets.splitlines())
        if suite in suites and component == "main"
    ]


def reaching(settings: str) -> list[str]:
    """Those of a machine's apt settings that decide whether it reaches its sources: proxies, checks of dates."""
    wanted = re.compile(r"Acquire::(https?::|Check-Valid-Until |Check-Date )")
    return [line for line in settings.splitlines() if wanted.match(line)]
