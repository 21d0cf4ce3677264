"""What README and docs say must be there: commands, targets, links. docs/settings.md is held by test_settings.py."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from ops.__main__ import app

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def page_name(page: Path) -> str:
    return str(page.relative_to(CHECKOUT))


every_page = pytest.mark.parametrize("page", PAGES, ids=page_name)


def code(text: str) -> Iterator[str]:
    """Every line of a code block and every piece of inline code."""
    for _, block in FENCE.findall(text):
        yield from block.splitlines()
    yield from INLINE.findall(FENCE.sub("", text))


def prose(text: str) -> str:
    """A page without its code blocks, whose comments look like headings."""
    return FENCE.sub("", text)


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading: small letters, no punctuation, dashes for blanks."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))


def toybox_commands() -> set[str]:
    command = typer.main.get_command(app)
    return set(getattr(command, "commands", {}))


def test_the_pages_that_others_point_to_are_there() -> None:
    assert {"README.md", "docs/runbook.md", "docs/decisions.md", "docs/settings.md"} <= {
        page_name(page) for page in PAGES
    }


@every_page
def test_every_make_target_exists(page: Path) -> None:
    named = {target for line in code(page.read_text()) for target in re.findall(r"\bmake (?:-s )?([a-z]+)\b", line)}
    assert named <= make_targets()


def test_the_readme_names_every_make_target() -> None:
    """But for `docs`, which is for whoever changes the settings, and says so in docs/settings.md."""
    readme = "\n".join(code((CHECKOUT / "README.md").read_text()))
    assert not {target for target in make_targets() - {"docs"} if not re.search(rf"make (-s )?{target}\b", readme)}


@every_page
def test_every_toybox_command_exists(page: Path) -> None:
    named = {word for line in code(page.read_text()) for word in re.findall(r"^ *toybox ([a-z-]+)", line)}
    assert named <= toybox_commands()


@every_page
def test_every_setting_that_a_command_names_exists(page: Path) -> None:
    settings = set(re.findall(r"^#+ `(toybox:\w+)", (CHECKOUT / "docs" / "settings.md").read_text(), re.MULTILINE))
    named = {key for line in code(page.read_text()) for key in re.findall(r"\btoybox:[a-z]\w*(?![\w:])", line)}
    assert named <= settings


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page.read_text())):
        if re.match(r"https?://", link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if fragment:
            assert fragment in map(anchor, HEADING.findall(prose(target.read_text()))), link


@every_page
def test_every_script_of_the_server_that_is_named_is_in_the_bundle(page: Path) -> None:
    named = set(re.findall(r"/usr/local/lib/toybox/([\w-]+)", page.read_text()))
    assert named <= {file.name for file in (CHECKOUT / "components" / "docker_host" / "files").iterdir()}


@every_page
def test_resources_that_commands_name_are_declared(page: Path) -> None:
    """`--replace '**::name'` with a wrong name does nothing, in silence, at the worst time."""
    names = {
        line.rpartition("::")[2].strip()
        for stack in ("prod", "staging")
        for line in (CHECKOUT / "tests" / "unit" / "program" / "urns" / f"{stack}.txt").read_text().splitlines()
    }
    assert names
    for pattern in re.findall(r"'\*\*::([\w*-]+)'", page.read_text()):
        expression = re.compile(re.escape(pattern).replace(r"\*", ".*"))
        assert any(expression.fullmatch(name) for name in names), pattern


@every_page
def test_no_path_of_one_machine_and_no_registry_of_packages(page: Path) -> None:
    text = page.read_text()
    assert not re.search("/" + "work/|/home/|/tmp/", text)
    assert not re.search(r"\bpypi\.|proxy\.golang|registry\.npmjs|deb\.debian|/simple\b", text)


@every_page
def test_commands_are_valid_shell(page: Path) -> None:
    """Each code block without a language, read by bash and not run. Those that show output have an ellipsis."""
    for language, block in FENCE.findall(page.read_text()):
        if not language and "…" not in block:
            done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{block}\n{done.stderr}"
