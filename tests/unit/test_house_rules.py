"""The rules of this repository that no linter knows. docs/reference/layout.md has the one for imports."""

import ast
import gc
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

MAY_IMPORT: dict[str, set[str]] = {
    "__main__": set(),
    "inventory": {"inventory"},
    "programs": {"components", "conoha", "host", "settings"},
    "host": {"host"},
    "keeper": {"keeper"},
    "components": {"components", "conoha", "host", "inventory", "keeper", "settings"},
    "settings": {"settings", "conoha"},
    "conoha": {"conoha"},
    "ops": {"ops", "conoha", "host", "inventory", "keeper", "settings"},
    "lab": {"lab", "ops", "conoha", "host", "settings"},
}
"""Imports point one way, and nothing of what runs on ConoHa knows the lab or the tests."""

OURS = {*MAY_IMPORT, "tests", "toolchain"}


@cache
def tracked() -> list[Path]:
    """The repository's files, as git has them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    files = [CHECKOUT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and not file.is_symlink()]


@cache
def lines() -> list[tuple[str, str]]:
    """(file and number, line) of every text file but this one, which names what it forbids."""
    found = []
    for file in set(tracked()) - {Path(__file__)}:
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        name = file.relative_to(CHECKOUT)
        found += [(f"{name}:{number}", line) for number, line in enumerate(text.splitlines(), 1)]
    return found


def imported(file: Path) -> set[str]:
    """The top-level names that a Python file imports, wherever in it."""
    # A collection in the middle of ast.parse() that reports other tests' unretrieved exceptions parses, too (traceback
    # does), and Python 3.11.2 then raises SystemError: github.com/python/cpython/issues/106905.
    gc.disable()
    try:
        tree = ast.parse(file.read_text())
    finally:
        gc.enable()
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found |= {alias.name.split(".")[0] for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module.split(".")[0])
            case ast.ImportFrom(level=level) if level:
                raise AssertionError(f"{file}:{node.lineno}: a relative import hides where it points")
    return found


def test_each_program_is_one_page() -> None:
    """It is read from top to bottom; what does not fit belongs into a component."""
    programs = [*(CHECKOUT / "programs").glob("[!_]*.py"), CHECKOUT / "__main__.py"]
    assert {program.stem for program in programs} == {"__main__", "keeper", "site"}
    for program in programs:
        assert len(program.read_text().splitlines()) <= 110, program.name


def test_what_runs_on_the_keeper_needs_no_package_of_ours() -> None:
    """Debian 12 has its Python 3.11 and nothing of this checkout's virtual environment."""
    for file in (CHECKOUT / "keeper").glob("*.py"):
        assert imported(file) <= {*sys.stdlib_module_names, "keeper"}, file.name


def test_imports_point_one_way() -> None:
    seen: set[str] = set()
    for file in tracked():
        part = file.relative_to(CHECKOUT).parts[0].removesuffix(".py")
        # lab/app is an image's content, a Django project with settings of its own
        if file.suffix == ".py" and part in MAY_IMPORT and not file.is_relative_to(CHECKOUT / "lab" / "app"):
            seen.add(part)
            wrong = imported(file) & OURS - MAY_IMPORT[part]
            assert not wrong, f"{file.relative_to(CHECKOUT)} imports {wrong}"
    assert seen == MAY_IMPORT.keys()


def test_modules_are_named_after_what_they_do() -> None:
    vague = {"util", "utils", "helper", "helpers", "common", "misc", "shared"}
    modules = [file.relative_to(CHECKOUT) for file in tracked() if file.suffix in (".py", ".go", ".sh", "")]
    assert not [file for file in modules if vague & {part.split(".")[0] for part in file.parts}]


def test_host_keys_are_checked_everywhere() -> None:
    """Prose that names the option puts it in backquotes."""
    unchecked = re.compile(
        r"(?<!`)StrictHostKeyChecking[= ]+[\"']?(no|off|accept-new)\b"
        r"|UserKnownHostsFile[= ]+[\"']?/dev/null"
        r"|ssh-keyscan"
        r"|AutoAddPolicy"
    )
    assert not [where for where, line in lines() if unchecked.search(line)]


def test_nothing_depends_on_one_machines_folders() -> None:
    """A fresh clone works anywhere."""
    path = re.compile(r"/work/|\.\./shared/")
    assert not [where for where, line in lines() if path.search(line)]


def test_no_stack_reaches_for_a_default_provider() -> None:
    """With one, a shell that still holds another cloud's OS_* variables would plan against that cloud."""
    stacks = [file for file in tracked() if re.fullmatch(r"Pulumi\..+\.yaml", file.name)]
    assert len(stacks) >= 2
    for file in stacks:
        assert 'pulumi:disable-default-providers: ["*"]' in file.read_text(), file.name


def test_no_script_takes_what_grep_found_for_missing() -> None:
    """`grep -q` ends at the first match, what writes into the pipe may end by SIGPIPE, and `pipefail` reports that: now
    and then, a declared secret or the image of yesterday counted as one that nobody needs."""
    scripts = [file for file in tracked() if file.read_bytes()[:2] == b"#!" and "pipefail" in file.read_text()]
    assert len(scripts) > 10
    quiet = re.compile(r"\|\s*grep\s+(-\w*q|--quiet)")
    assert not [file for file in scripts if quiet.search(file.read_text())]
