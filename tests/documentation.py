"""The commands that README and docs print, read from the pages themselves, so that tests run them and not copies.

A page is cut into sections at its headings. The commands of a section are the lines of its code blocks marked `sh`.
What is run is what is printed: a section's commands are run by the test that carries its name,

    @pytest.mark.documented("docs/runbook.md#containers-or-volumes-are-gone")
    def test_...(prod: Toybox, procedure: Procedures) -> None:
        ...                                       # make the fault
        steps = procedure(prod.shell())
        steps.rest()                              # run the section's commands, in order, as printed
        ...                                       # see what the page promises

and a command that no test can run stands in NOT_RUN, with the reason. tests/unit/test_documentation.py sees to it that
there is no third kind, and tests/procedure.py that such a test runs all of its section.
"""

import ast
import gc
import re
import subprocess
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = [
    *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((CHECKOUT / "docs").rglob("*.md")),
]

FENCE = re.compile(r"^ *```([\w-]*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PLACEHOLDER = re.compile(r"<[a-z][a-z ]*>")
"""What the reader puts something in for: `<volume id>`."""

PROGRAMS = (
    *("pulumi", "toybox", "make", "on_server", "ssh", "curl", "export", "eval", "toolchain/install", "openstack"),
    *("docker", "snap", "systemctl", "iptables", "nft", "ufw", "rm"),
)
"""Inline code that begins with one of these and goes on is a command that a reader may type."""

NOT_RUN = {
    "make up": "brings up people's own TOYBOX. The fixture `prod` takes the same steps (lab/deploy.py) in the tests'"
    " project, test_lab_lifecycle.py holds the lab below it, and `make bench` runs it",
    "make up STACK=prod": "as `make up`",
    "make up STACK=keeper": "as `make up`; tests/lab/test_keeper.py takes the same steps (lab/keeper.py)",
    "make test": "it is what runs this; .ci/run runs it",
    "make test-recovery": "as `make test`",
    "make test-without-lab": "as `make test`",
    ".venv/bin/python -m lab up": "as `make test`, which begins with it",
    ".venv/bin/python -m pytest tests/unit/ops/guard": "it is a part of `make test`",
    ".venv/bin/python -m pytest tests/lab/test_site.py": "`make test` runs it; a second pytest would empty its project",
    "make check": "takes as long as the unit tests, which it would run beside; .ci/run runs it",
    "make bench": "takes the lab away; tests/unit/lab/test_bench.py holds what it writes",
    "make bench-recovery": "takes people's prod away; tests/unit/lab/test_bench_recovery.py holds what it writes",
    "make down": "takes away the lab that the tests run on, and people's data; .ci/run ends with it",
    "pulumi destroy": "it takes production down; recovery/test_data_survives.py sees it stop before the data volume",
    "toybox init --stack STACK": "the form of `toybox init --stack prod`, which is run",
    "toybox init --stack keeper": "tests/command_line/test_toybox.py runs it, on a project of its own",
    "pulumi up --stack keeper": "tests/lab/test_keeper.py updates the keeper's stack, in a workspace of the tests",
    "pulumi config rm toybox:<name>": "the form of `pulumi config rm toybox:postgresPassword` and others",
    "openstack image list": "OpenStack's own client, which nothing here installs",
    "rm -rf": "what nobody should run; recovery/test_data_survives.py does, and loses nothing",
    "rm -rf /var/lib/docker/containers/*": "as `rm -rf`",
    "docker run": "what nobody should run; test_security.py does, and the database's lock refuses it",
    "iptables -F": "what nobody should run",
    "snap remove docker": "what nobody should run",
}
"""The commands that no test runs: why not, and what holds their effect instead."""


@dataclass(frozen=True)
class Section:
    """What stands between two headings of a page."""

    page: str
    anchor: str
    commands: tuple[str, ...]
    """Of the blocks marked `sh`, in order, comments left out."""
    inline: tuple[str, ...]
    """Commands in running text."""

    @property
    def name(self) -> str:
        """As a link has it: page#anchor."""
        return f"{self.page}#{self.anchor}"


def page_name(page: Path) -> str:
    """A page's path in the repository."""
    return str(page.relative_to(CHECKOUT))


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of every code block, without the indentation that a list gives it."""
    return [(language, textwrap.dedent(block)) for language, block in FENCE.findall(text)]


def prose(text: str) -> str:
    """A page without its code blocks, whose comments look like headings."""
    return FENCE.sub("", text)


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading: small letters, no punctuation, dashes for blanks."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def without_placeholders(command: str) -> str:
    """The command with a word in each placeholder's place: the shell would take `<volume id>` for a redirection."""
    return PLACEHOLDER.sub("placeholder", command)


def syntax_error(command: str) -> str:
    """What bash says of the command without running it."""
    return subprocess.run(
        ["bash", "-n"], input=without_placeholders(command), capture_output=True, text=True, check=False
    ).stderr


def commands(block: str) -> list[str]:
    """A block's commands: a line each, or as many lines as it takes until the shell has a whole one.

    Raises:
        ValueError: it ends in the middle of a command, or is not shell at all.
    """
    found: list[str] = []
    unfinished = ""
    for line in block.splitlines():
        if not unfinished and (not line.strip() or line.lstrip().startswith("#")):
            continue
        unfinished += line
        if line.endswith("\\") or syntax_error(unfinished):
            unfinished += "\n"
        else:
            found.append(unfinished)
            unfinished = ""
    if unfinished:
        raise ValueError(f"{unfinished!r}: {syntax_error(unfinished)}")
    return found


@cache
def sections(page: str, text: str) -> list[Section]:
    """The sections of a page, in order."""
    fences = [match.span() for match in FENCE.finditer(text)]
    heads = [heading for heading in HEADING.finditer(text) if not any(a <= heading.start() < b for a, b in fences)]
    ends = [*(heading.start() for heading in heads[1:]), len(text)]
    found = []
    for heading, end in zip(heads, ends, strict=True):
        body = text[heading.end() : end]
        found.append(
            Section(
                page=page,
                anchor=anchor(heading[1]),
                commands=tuple(
                    command for language, block in blocks(body) if language == "sh" for command in commands(block)
                ),
                inline=tuple(
                    code for code in INLINE.findall(prose(body)) if code.startswith(tuple(f"{p} " for p in PROGRAMS))
                ),
            )
        )
    return found


@cache
def all_sections() -> dict[str, Section]:
    """Every section of every page by its name."""
    return {found.name: found for page in PAGES for found in sections(page_name(page), page.read_text())}


def section(name: str) -> Section:
    """The section of this name.

    Raises:
        AssertionError: there is none, or it has no commands.
    """
    found = all_sections().get(name)
    assert found, f"there is no section {name}"
    assert found.commands, f"{name} has no block marked `sh`"
    return found


def parsed(file: Path) -> ast.Module:
    """Return a Python file's syntax tree. No garbage is collected meanwhile: a collection that reports another test's
    unretrieved exception parses, too, and Python 3.11.2 then raises SystemError (python/cpython issue 106905)."""
    gc.disable()
    try:
        return ast.parse(file.read_text())
    finally:
        gc.enable()


@cache
def documented() -> dict[str, list[str]]:
    """{name of a section: the tests that carry it}."""
    found: dict[str, list[str]] = {}
    for file in sorted((CHECKOUT / "tests").rglob("test_*.py")):
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.FunctionDef):
                for decorator in node.decorator_list:
                    match decorator:
                        case ast.Call(func=ast.Attribute(attr="documented"), args=[ast.Constant(value=str(name))]):
                            found.setdefault(name, []).append(f"{file.relative_to(CHECKOUT)}::{node.name}")
    return found
