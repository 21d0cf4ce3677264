"""What README and docs say must be there: commands, targets, links. docs/settings.md is held by test_settings.py."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from ops.__main__ import app
from tests.documentation import (
    CHECKOUT,
    HEADING,
    INLINE,
    NOT_RUN,
    PAGES,
    all_sections,
    anchor,
    blocks,
    commands,
    documented,
    page_name,
    prose,
    sections,
)
from tests.unit.test_house_rules import lines

LANGUAGES = {"sh", "text", "mermaid", "yaml", "json", "python", "diff", "toml", "ini", "caddyfile"}
LINK = re.compile(r"\]\(([^)\s]+)\)")

THIS = str(Path(__file__).resolve().relative_to(CHECKOUT))

every_page = pytest.mark.parametrize("page", PAGES, ids=page_name)


def code(text: str) -> Iterator[str]:
    """Every line of a code block and every piece of inline code."""
    for _, block in blocks(text):
        yield from block.splitlines()
    yield from INLINE.findall(prose(text))


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
    """But for `docs`, which is for a change of the settings or the guard's rules. The pages that it writes say so."""
    readme = "\n".join(code((CHECKOUT / "README.md").read_text()))
    assert not {target for target in make_targets() - {"docs"} if not re.search(rf"make (-s )?{target}\b", readme)}


@every_page
def test_every_toybox_command_exists(page: Path) -> None:
    named = {word for line in code(page.read_text()) for word in re.findall(r"^ *toybox ([a-z-]+)", line)}
    assert named <= toybox_commands()


@every_page
def test_every_setting_that_a_command_names_exists(page: Path) -> None:
    references = [(CHECKOUT / "docs" / name).read_text() for name in ("settings.md", "keeper-settings.md")]
    settings = set(re.findall(r"^#+ `(toybox:\w+)", "\n".join(references), re.MULTILINE))
    named = {key for line in code(page.read_text()) for key in re.findall(r"\btoybox:[a-z]\w*(?![\w:])", line)}
    assert named <= settings


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield each relative link of a page: as written, the file that it leads to, and the anchor in it or ""."""
    for link in LINK.findall(prose(page.read_text())):
        if not re.match(r"https?://", link):
            path, _, fragment = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, fragment


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link, target, fragment in links(page):
        assert target.is_file(), link
        assert target.is_relative_to(CHECKOUT), link
        if fragment:
            assert fragment in map(anchor, HEADING.findall(prose(target.read_text()))), link


def test_pages_and_headings_that_code_names_exist() -> None:
    """As in docs/runbook.md, "The server is off". A heading that goes on in the next line counts by its beginning."""
    name = re.compile(r'\b(docs/[a-z/-]+\.md)(?:, \\?"([^"\\]+))?')
    named = {found for where, line in lines() for found in name.findall(line) if not where.startswith(THIS)}
    assert len(named) > 20
    for page, heading in named:
        assert (CHECKOUT / page).is_file(), page
        titles = HEADING.findall(prose((CHECKOUT / page).read_text()))
        assert any(title.startswith(heading) for title in titles), (page, heading)


def test_links_from_the_readme_reach_every_page() -> None:
    reached = {CHECKOUT / "README.md"}
    while new := {target for page in reached & set(PAGES) for _, target, _ in links(page)} - reached:
        reached |= new
    assert set(PAGES) <= reached


@every_page
def test_every_script_of_the_server_that_is_named_is_in_the_bundle(page: Path) -> None:
    named = set(re.findall(r"/usr/local/lib/toybox/([\w-]+)", page.read_text()))
    assert named <= {file.name for file in (CHECKOUT / "components" / "host" / "files").iterdir()}


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
def test_every_code_block_says_what_it_is(page: Path) -> None:
    """`sh` is for commands and nothing else: what is in such a block is run. What a command prints is `text`."""
    assert {language for language, _ in blocks(page.read_text())} <= LANGUAGES
    for found in sections(page_name(page), page.read_text()):  # which reads every command with bash
        assert not [command for command in found.commands if command.startswith("$ ")], found.name


def test_no_two_sections_of_a_page_have_one_name() -> None:
    for page in PAGES:
        names = [found.name for found in sections(page_name(page), page.read_text())]
        assert sorted(names) == sorted(set(names))


def test_every_command_is_run_by_a_test_or_stands_in_the_list_of_those_that_cannot_be() -> None:
    unrun = {
        found.name: left
        for found in all_sections().values()
        if found.name not in documented()
        and (left := [command for command in found.commands if command not in NOT_RUN])
    }
    assert not unrun, (
        "no test runs these. Either mark one with @pytest.mark.documented(SECTION), which runs them, or say in NOT_RUN"
        f" (tests/documentation.py) why they cannot be run: {unrun}"
    )


def test_commands_in_running_text_are_among_those_or_begin_one() -> None:
    """`pulumi up` in a sentence may stand for what a block has in full, and must not be another command."""
    printed = [*NOT_RUN, *(command for found in all_sections().values() for command in found.commands)]
    unknown = {
        found.name: left
        for found in all_sections().values()
        if (
            left := [
                code for code in found.inline if not any(f"{command} ".startswith(f"{code} ") for command in printed)
            ]
        )
    }
    assert not unknown, f"write them as a block marked `sh`, or as such a block has them: {unknown}"


def test_what_tests_run_and_what_cannot_be_run_is_in_the_docs() -> None:
    """A test of a section that is gone proves nothing, and a list of exceptions must not outlive them."""
    assert documented().keys() <= {found.name for found in all_sections().values() if found.commands}
    printed = {command for found in all_sections().values() for command in (*found.commands, *found.inline)}
    assert NOT_RUN.keys() <= printed
    assert all(len(reason) > 10 for reason in NOT_RUN.values())


def test_commands_are_taken_whole_and_comments_left_out() -> None:
    assert commands('# first\na "b\nc"\n\nd \\\n  e\nif f; then\n  g\nfi\nh <some id>\n') == [
        'a "b\nc"',
        "d \\\n  e",
        "if f; then\n  g\nfi",
        "h <some id>",
    ]
    with pytest.raises(ValueError, match="unexpected"):
        commands("a 'b\n")


def test_a_new_command_that_nobody_runs_is_found() -> None:
    page = (
        "# Title\n\n```sh\nmake up\n```\n\n"
        "## New\n\nSay `toybox new thing`:\n\n1. So:\n\n   ```sh\n   pulumi new\n   ```\n"
    )
    title, new = sections("docs/new.md", page)
    assert (title.name, title.commands) == ("docs/new.md#title", ("make up",))
    assert (new.name, new.commands, new.inline) == ("docs/new.md#new", ("pulumi new",), ("toybox new thing",))
    assert new.name not in documented()
    assert not {*new.commands, *new.inline} & NOT_RUN.keys()
